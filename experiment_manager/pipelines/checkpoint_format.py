"""How the content of a checkpoint becomes a file, and which files may be read again.

Two formats hold plain data and can be read from a file that somebody else has written: torch's,
read with ``weights_only=True``, and msgpack where torch is not used. Joblib's can hold any object
and executes code when it is read, so it is used only where a pipeline asks for it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import msgpack

from experiment_manager.common.errors import CheckpointError
from experiment_manager.common.imports import require

AUTO, JOBLIB = "auto", "joblib"
FORMATS = (AUTO, JOBLIB)
_TORCH, _MSGPACK, _JOBLIB = ".pt", ".msgpack", ".joblib"
_TUPLE, _ARRAY, _BIG_INTEGER = 1, 2, 3
_MARK = "$ndarray"
_NUMBERS, _TEXT = tuple("biufc"), "U"
_PLAIN = (str, bytes, bool, int, float, type(None))


def state_writer(content: Mapping[str, Any], wanted: str) -> tuple[str, Callable[[Path], object]]:
    """The suffix of a checkpoint's file, and what writes it.

    Args:
        content: Nested dicts, lists and tuples of numbers, text, tensors and arrays; with
            ``"joblib"`` of anything.
        wanted: ``"auto"``, or ``"joblib"``.

    Raises:
        CheckpointError: There is something in the content that only joblib can save.
    """
    if wanted == JOBLIB:
        joblib = require("joblib", extra="examples", feature="The checkpoint format 'joblib'")
        return _JOBLIB, lambda path: joblib.dump(dict(content), path)
    torch = sys.modules.get("torch")
    if torch is None:
        data = _pack(_plain(content, "", ()))
        return _MSGPACK, lambda path: path.write_bytes(data)
    tensors = _without_arrays(_plain(content, "", torch.Tensor), torch)
    return _TORCH, lambda path: torch.save(tensors, path)


def load_state(path: Path, wanted: str) -> dict[str, Any]:
    """What :func:`state_writer` wrote.

    Args:
        path: The file.
        wanted: The pipeline's format; a joblib file is read for ``"joblib"`` alone.

    Raises:
        CheckpointError: It cannot be read, or must not be.
    """
    if path.suffix == _JOBLIB and wanted != JOBLIB:
        raise CheckpointError(
            f"{path} could execute code when it is read, and the pipeline does not say "
            "checkpoint_format = 'joblib'"
        )
    try:
        loaded: dict[str, Any] = _READERS[path.suffix](path)
    except Exception as error:
        raise CheckpointError(f"The checkpoint {path} cannot be read: {error}") from error
    return loaded


def load_weights(path: Path | str) -> dict[str, Any]:
    """The weights of a torch module in a checkpoint, for its ``load_state_dict``.

    Args:
        path: A ``.pt`` file, with the state of a run around the weights or without, or a
            ``.safetensors`` file. Nothing in it is executed.

    Raises:
        CheckpointError: It holds no weights, or cannot be read.
    """
    path = Path(path)
    if path.suffix == ".safetensors":
        library = require("safetensors.torch", extra="torch", feature="Reading safetensors")
        weights: dict[str, Any] = library.load_file(path)
        return weights
    content = load_state(path, AUTO)
    is_bare = "random" not in content
    if not is_bare and "network" not in content:
        raise CheckpointError(f"{path} holds no model; set epoch_metrics[Metric.NETWORK]")
    return content if is_bare else dict(content["network"])


def _plain(value: Any, place: str, tensor: Any) -> Any:
    """The same as dicts, lists and tuples of Python's values, arrays and tensors alone."""
    if type(value) in _PLAIN or (tensor and isinstance(value, tensor)):
        return value
    if isinstance(value, Mapping):
        return {
            _plain_key(key, place): _plain(item, f"{place}.{key}" if place else str(key), tensor)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        items = [_plain(item, f"{place}[{i}]", tensor) for i, item in enumerate(value)]
        return items if isinstance(value, list) else tuple(items)
    if _kind_of(value) in _NUMBERS:
        return value if value.ndim else value.item()
    if _kind_of(value) == _TEXT and not value.ndim:
        return str(value)
    raise CheckpointError(
        f"{place}: a {type(value).__name__} cannot be kept in a checkpoint as plain data. Give "
        "its class a state_dict() and a load_state_dict(), or set checkpoint_format = 'joblib' in "
        "the pipeline, which pickles it"
    )


def _plain_key(key: Any, place: str) -> Any:
    plain = _plain(key, f"the key {key!r} of {place or 'the state'}", ())
    if not isinstance(plain, (str, int, float, bytes)):
        raise CheckpointError(f"{place}: {key!r} cannot be a key in a checkpoint")
    return plain


def _kind_of(value: Any) -> str:
    """NumPy's letter for the kind of an array or a number of its own."""
    return str(getattr(getattr(value, "dtype", None), "kind", ""))


def _pack_special(value: Any) -> msgpack.ExtType:
    if isinstance(value, tuple):
        return msgpack.ExtType(_TUPLE, _pack(list(value)))
    if isinstance(value, int):
        return msgpack.ExtType(_BIG_INTEGER, str(value).encode())
    return msgpack.ExtType(_ARRAY, _pack([value.dtype.str, list(value.shape), value.tobytes()]))


def _pack(value: Any) -> bytes:
    packed: bytes = msgpack.packb(value, default=_pack_special, strict_types=True)
    return packed


def _unpack(data: bytes) -> Any:
    return msgpack.unpackb(data, ext_hook=_unpack_special, strict_map_key=False)


def _unpack_special(code: int, data: bytes) -> Any:
    if code == _BIG_INTEGER:
        return int(data)
    content = _unpack(data)
    return tuple(content) if code == _TUPLE else _array(*content)


def _array(dtype: str, shape: Sequence[int], data: bytes) -> Any:
    numpy = require("numpy", extra="examples", feature="This checkpoint")
    return numpy.frombuffer(data, dtype).reshape(shape).copy()


def _without_arrays(value: Any, torch: ModuleType) -> Any:
    """With each array as a tensor of its bytes: not every type of number has one in torch."""
    if isinstance(value, dict):
        return {key: _without_arrays(item, torch) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_without_arrays(item, torch) for item in value)
    if isinstance(value, (*_PLAIN, torch.Tensor)):
        return value
    data = torch.from_numpy(value.flatten().view("uint8"))
    return {_MARK: (value.dtype.str, tuple(value.shape), data)}


def _with_arrays(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {_MARK}:
            dtype, shape, data = value[_MARK]
            return _array(dtype, shape, data.numpy().tobytes())
        return {key: _with_arrays(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_with_arrays, value))
    return value


def _load_torch(path: Path) -> Any:
    torch = require("torch", extra="torch", feature="This checkpoint")
    return _with_arrays(torch.load(path, map_location="cpu", weights_only=True))


def _load_joblib(path: Path) -> Any:
    joblib = require("joblib", extra="examples", feature="This checkpoint")
    return joblib.load(path)


_READERS: dict[str, Callable[[Path], Any]] = {
    _TORCH: _load_torch,
    _MSGPACK: lambda path: _unpack(path.read_bytes()),
    _JOBLIB: _load_joblib,
}
