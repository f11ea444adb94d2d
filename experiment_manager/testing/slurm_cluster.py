"""A SLURM cluster of one node for a test run: on the loopback address, gone with this process.

Needs ``apt-get install slurmctld slurmd munge`` and no running service. It has no control groups
and no accounting: memory is asked for and not limited, and ``sacct`` knows nothing. The node has
more cores than the machine, and two GPUs that are empty files.
"""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import ClassVar

from experiment_manager.common.errors import MissingDependencyError
from experiment_manager.testing.processes import PrivateFolder, free_port, run_command

_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue")
_PATIENCE_S, _STOP_PATIENCE_S = 30.0, 5.0
_POLL_S = 0.05
_DIES_WITH_US = ("/usr/bin/setpriv", "--pdeathsig", "KILL")
_CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge
CredType=cred/munge
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPort={controller_port}
SlurmdPort={node_port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
MailProg=/bin/true

ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none

ReturnToService=2
KillWait=10
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
GresTypes=gpu

NodeName=DEFAULT CPUs=8 RealMemory=4096 Gres=gpu:2
NodeName=node NodeHostname={host} NodeAddr=127.0.0.1
PartitionName=DEFAULT Nodes=ALL MaxTime=INFINITE DefMemPerCPU=100 State=UP
PartitionName=main Default=YES PriorityTier=1
PartitionName=patient PriorityTier=1 GraceTime=60
PartitionName=urgent PriorityTier=2 PreemptMode=OFF
"""


class SlurmCluster:
    """A SLURM cluster that lives inside of a ``with`` block.

    Its partitions: ``main``, whose jobs lose their places at once to those of ``urgent``, and
    ``patient``, where they have a minute for their farewell.

    Raises:
        MissingDependencyError: On entering: its programs are not installed or cannot run here;
            with the end of their logs.
    """

    name: ClassVar[str] = "slurm"
    """As :data:`experiment_manager.testing.servers.REQUIRED` names it."""

    def __init__(self) -> None:
        self._folder: PrivateFolder | None = None
        self._daemons: list[subprocess.Popen[bytes]] = []

    @property
    def path(self) -> Path:
        """Where everything of it lies."""
        if self._folder is None:
            raise RuntimeError("use SlurmCluster in a with block")
        return self._folder.path

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables for the commands that talk to it."""
        return {"SLURM_CONF": str(self.path / "slurm.conf")}

    def ask(self, *command: str) -> str:
        """What a command of SLURM prints."""
        return run_command(command, env={**os.environ, **self.variables}).strip()

    def jobs(self) -> list[str]:
        """The numbers of the jobs that wait or run, or are being ended."""
        return self.ask("squeue", "--noheader", "--format=%i").split()

    def __enter__(self) -> SlurmCluster:  # noqa: PYI034 - Self wants Python 3.11
        missing = [program for program in _PROGRAMS if _find(program) is None]
        if missing:
            raise MissingDependencyError(
                f"SlurmCluster needs the programs {', '.join(missing)}. "
                "Install them with: apt-get install slurmctld slurmd munge"
            )
        self._folder = PrivateFolder()
        try:
            self._configure()
            self._start()
        except RuntimeError as error:
            self._stop()
            raise MissingDependencyError(f"SLURM is installed, and cannot run: {error}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def _configure(self) -> None:
        for name in ("state", "spool"):
            (self.path / name).mkdir()
        for name in ("gpu0", "gpu1"):
            (self.path / name).touch()
        (self.path / "key").touch(0o600)
        (self.path / "key").write_bytes(secrets.token_bytes(128))
        settings = {
            "host": socket.gethostname().partition(".")[0],
            "user": getpass.getuser(),
            "folder": str(self.path),
            "controller_port": str(free_port()),
            "node_port": str(free_port()),
        }
        configuration = _CONFIGURATION.format(**settings)
        (self.path / "slurm.conf").write_text(configuration, "utf-8")
        gpus = f"Name=gpu File={self.path}/gpu[0-1]\n"
        (self.path / "gres.conf").write_text(gpus, "utf-8")

    def _start(self) -> None:
        files = {
            "key-file": "key",
            "socket": "munge",
            "pid-file": "munged.pid",
            "log-file": "munged.log",
            "seed-file": "seed",
        }
        options = [f"--{name}={self.path / file}" for name, file in files.items()]
        # By force: it dislikes that others than us could not reach its socket.
        self._run("munged", "--foreground", "--force", *options)
        self._wait_for((self.path / "munge").exists)
        conf = str(self.path / "slurm.conf")
        self._run("slurmctld", "-D", "-f", conf)
        self._run("slurmd", "-D", "-f", conf)
        self._wait_for(lambda: "idle" in self._node_state())

    def _run(self, program: str, *arguments: str) -> None:
        """Start a daemon that dies with us."""
        with (self.path / "log").open("ab") as log:
            self._daemons.append(
                subprocess.Popen(  # noqa: S603 - our own command
                    [*_DIES_WITH_US, str(_find(program)), *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )

    def _node_state(self) -> str:
        try:
            return self.ask("sinfo", "--noheader", "--partition=main", "--format=%T")
        except RuntimeError:  # the controller is not there yet
            return ""

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not condition():
            alive = all(daemon.poll() is None for daemon in self._daemons)
            if not alive or time.monotonic() > deadline:
                log = (self.path / "log").read_text("utf-8", errors="replace")
                raise RuntimeError(f"the SLURM cluster did not start: {log[-2000:]}")
            time.sleep(_POLL_S)

    def _stop(self) -> None:
        with suppress(RuntimeError):  # it has not started
            self.ask("scancel", "--full", "--signal=KILL", "--user", getpass.getuser())
        for daemon in reversed(self._daemons):
            daemon.terminate()
            with suppress(subprocess.TimeoutExpired):
                daemon.wait(_STOP_PATIENCE_S)
            daemon.kill()
            daemon.wait()
        if self._folder is not None:
            self._folder.remove()
        self._folder = None


def _find(program: str) -> str | None:
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
