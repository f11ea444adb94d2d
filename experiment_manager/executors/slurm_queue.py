"""What SLURM's controller says of jobs; unlike ``sacct`` it needs no accounting database."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

_WAITS = {"PENDING", "CONFIGURING"}
_GOES_ON = {"RUNNING", "SUSPENDED", "STOPPED", "RESIZING", "SIGNALING", "COMPLETING", "UNKNOWN"}
_FORGOTTEN = "Invalid job id"
_NEVER = "N/A"
_FIELDS = "JobID:.30,State:.30,PreemptTime:.30"
_PATIENCE_S = 10.0


@dataclass(frozen=True)
class JobState:
    """How a job stands.

    Attributes:
        name: As ``squeue`` names it, such as ``RUNNING``; ``UNKNOWN`` where SLURM does not answer,
            ``FORGOTTEN`` where the job ended a while ago.
        is_preempted: True where its place was taken for another job.
    """

    name: str
    is_preempted: bool = False

    @property
    def is_over(self) -> bool:
        """True where nothing of it executes any more.

        Example:
            >>> JobState("COMPLETING").is_over, JobState("CANCELLED").is_over
            (False, True)
        """
        return self.name not in _WAITS | _GOES_ON

    @property
    def lost_its_place(self) -> bool:
        """True where it had to end although nobody wished that its work ends."""
        return self.is_preempted or self.name in {"NODE_FAIL", "PREEMPTED"}


def job_states(job_ids: Sequence[str]) -> dict[str, JobState]:
    """How jobs of SLURM stand.

    Args:
        job_ids: As ``sbatch`` tells them.
    """
    told = _ask(job_ids)
    if told is None:
        return dict.fromkeys(job_ids, JobState("UNKNOWN"))
    rows = {job: JobState(name, at != _NEVER) for job, name, at in map(str.split, told)}
    return {job: rows.get(job, JobState("FORGOTTEN")) for job in job_ids}


def _ask(job_ids: Sequence[str]) -> list[str] | None:
    """The lines of ``squeue``; None where SLURM does not answer."""
    command = ["squeue", "--noheader", "--states=all", f"--Format={_FIELDS}"]
    try:
        said = subprocess.run(  # noqa: S603 - our own command
            [*command, f"--jobs={','.join(job_ids)}"],
            check=False,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    is_answer = said.returncode == 0 or _FORGOTTEN in said.stderr
    return said.stdout.splitlines() if is_answer else None
