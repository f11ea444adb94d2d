"""The environment variables that have a part in results, and never one that may be a secret."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from experiment_manager.common.secret_names import is_secret_name
from experiment_manager.provenance.masking import mask_logins
from experiment_manager.provenance.secret_files import is_secret_assignment

RECORDED = (
    # which devices there are, and how they compute
    *("CUDA_*", "CUBLAS_*", "CUDNN_*", "NVIDIA_*", "NCCL_*", "HIP_*", "HSA_*", "ROCR_*"),
    *("MIOPEN_*", "XLA_*", "TF_CUDNN_*", "TF_DETERMINISTIC_OPS", "TF_ENABLE_*", "TF_FORCE_*"),
    *("TF_GPU_*", "TF_XLA_*", "TORCH_*", "PYTORCH_*", "JAX_*"),
    # threads of numerical libraries, which change the order of sums
    *("OMP_*", "MKL_*", "KMP_*", "OPENBLAS_*", "GOTO_*", "BLIS_*", "NUMEXPR_*", "VECLIB_*"),
    *("NUMBA_*", "TOKENIZERS_PARALLELISM"),
    # Python, and what it finds
    *("PYTHON*", "VIRTUAL_ENV", "CONDA_PREFIX", "LD_LIBRARY_PATH", "LD_PRELOAD"),
    *("DYLD_LIBRARY_PATH", "LANG", "LC_*", "TZ"),
    # which part of a job on a cluster
    *("SLURM_JOB_ID", "SLURM_JOB_NAME", "SLURM_ARRAY_*", "SLURM_NTASKS*", "SLURM_CPUS_*"),
    *("SLURM_GPUS*", "SLURM_PROCID", "SLURM_LOCALID", "RANK", "WORLD_SIZE", "LOCAL_RANK"),
)


def capture_variables(
    allowed: Iterable[str] = (), variables: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The environment variables that are allowed, sorted; logins in URLs are masked.

    A variable whose name or whose value looks like a secret is left out, whatever allows it.

    Args:
        allowed: Names or patterns such as ``MYLAB_*``, besides those in :data:`RECORDED`.
        variables: To choose from; those of this process where it is None.

    Example:
        >>> given = {"OMP_NUM_THREADS": "4", "HOME": "/root", "LAB_SITE": "b", "LAB_TOKEN": "x"}
        >>> capture_variables(["LAB_*"], given)
        {'LAB_SITE': 'b', 'OMP_NUM_THREADS': '4'}
    """
    patterns = (*RECORDED, *allowed)
    given = sorted((os.environ if variables is None else variables).items())
    recorded = {
        name: mask_logins(value)
        for name, value in given
        if any(fnmatchcase(name, pattern) for pattern in patterns) and not is_secret_name(name)
    }
    return {n: value for n, value in recorded.items() if not is_secret_assignment(n, value)}
