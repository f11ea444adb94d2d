"""A process is told from every other one, and whether it lives is only told where it is known."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from experiment_manager.common import processes
from experiment_manager.common.processes import ProcessIdentity

# Says who it is, and goes on until its input ends.
PROGRAM = """
import dataclasses, json, sys
from experiment_manager.common.processes import ProcessIdentity
print(json.dumps(dataclasses.asdict(ProcessIdentity.current())), flush=True)
sys.stdin.read()
"""
# As the process 54321, which has no name and sees no process of others.
STRANGER = """
import dataclasses, json, os, sys
from pathlib import Path
from experiment_manager.common import processes
others = processes.ProcessIdentity.current()
child = os.fork()
if child == 0:
    os.setuid(54321)
    proc = Path(sys.argv[1])
    (proc / "sys").symlink_to("/proc/sys")
    (proc / "self").symlink_to(str(os.getpid()))
    (proc / str(os.getpid())).symlink_to(f"/proc/{os.getpid()}")
    processes._PROC = proc
    dead = dataclasses.replace(others, pid=2**22 + 1)
    me = processes.ProcessIdentity.current()
    print(json.dumps([
        me.user_name, [other.is_here for other in (me, others, dead)],
        [other.is_gone for other in (me, others, dead)],
    ]), flush=True)
    os._exit(0)
sys.exit(os.waitpid(child, 0)[1])
"""
IN_A_CONTAINER = ("unshare", "--pid", "--fork", "--kill-child")
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs to be root")


def is_allowed(*command: str) -> bool:
    """Whether this system has a program and lets us do what it does."""
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run([*command, "true"], check=False, capture_output=True).returncode == 0


CONTAINERS = pytest.mark.skipif(
    not is_allowed(*IN_A_CONTAINER), reason="needs to be allowed to make a space of processes"
)
Started = tuple["subprocess.Popen[str]", ProcessIdentity]
Start = Callable[..., Started]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a process that lives until the end of the test; gives it, and who it says it is."""
    started: list[subprocess.Popen[str]] = []

    def begin(*before: str) -> Started:
        command = [*before, sys.executable, "-c", PROGRAM]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        started.append(process)
        assert process.stdout is not None
        return process, ProcessIdentity(**json.loads(process.stdout.readline()))

    yield begin
    for process in started:
        process.communicate()


def test_this_process_lives() -> None:
    me = ProcessIdentity.current()
    assert (me.pid, me.is_here, me.is_gone) == (os.getpid(), True, False)
    assert ProcessIdentity.current() == me


def test_it_is_told_with_its_user_and_host() -> None:
    me = replace(ProcessIdentity.current(), user_name="kim", host="node7", pid=12)
    assert str(me) == "process 12 of kim on node7"


def test_another_process_of_this_machine_is_seen(start: Start) -> None:
    process, other = start()
    assert other.pid == process.pid
    assert (other.is_here, other.is_gone) == (True, False)
    assert other != ProcessIdentity.current()


def test_one_that_was_killed_is_gone_before_its_parent_knows(start: Start) -> None:
    process, other = start()
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, but not waited for
    assert (other.is_here, other.is_gone) == (True, True)
    process.wait()
    assert (other.is_here, other.is_gone) == (True, True)


def test_one_that_was_stopped_lives(start: Start) -> None:
    process, other = start()
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
    assert not other.is_gone
    process.send_signal(signal.SIGCONT)


def test_a_later_one_of_the_same_number_is_another() -> None:
    earlier = replace(ProcessIdentity.current(), process_start=1)
    assert earlier.is_gone


def test_a_forked_one_is_another(tmp_path: Path) -> None:
    program = (
        "import os\n"
        "from experiment_manager.common.processes import ProcessIdentity\n"
        "parent = ProcessIdentity.current()\n"
        "if os.fork() == 0:\n"
        "    child = ProcessIdentity.current()\n"
        "    assert child.pid == os.getpid() != parent.pid\n"
        "    assert child.is_here and not child.is_gone\n"
        "    assert parent.is_here and not parent.is_gone\n"
        "    os._exit(0)\n"
        "assert os.wait()[1] == 0\n"
        "assert ProcessIdentity.current() == parent\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)


def test_of_another_machine_nothing_is_known() -> None:
    elsewhere = replace(ProcessIdentity.current(), machine="another boot/pid:[4026531836]")
    assert (elsewhere.is_here, elsewhere.is_gone) == (False, False)


@CONTAINERS
def test_in_a_container_it_is_another_than_the_one_of_its_number_here(start: Start) -> None:
    _, inside = start(*IN_A_CONTAINER, "--mount-proc")
    assert inside.pid == 1
    assert inside.machine
    assert inside.machine.partition("/")[0] == ProcessIdentity.current().machine.partition("/")[0]
    assert (inside.is_here, inside.is_gone) == (False, False)


@CONTAINERS
def test_where_proc_is_that_of_outside_it_tells_nothing(start: Start) -> None:
    _, inside = start(*IN_A_CONTAINER)
    assert (inside.pid, inside.machine) == (1, "")
    assert (inside.is_here, inside.is_gone) == (False, False)


def test_a_system_that_tells_nothing_has_processes_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_PROC", tmp_path)
    processes._machine.cache_clear()
    me = ProcessIdentity.current()
    processes._machine.cache_clear()
    assert (me.pid, me.machine, me.process_start) == (os.getpid(), "", 0)
    assert (me.is_here, me.is_gone) == (False, False)


@AS_ROOT
def test_a_user_without_a_name_has_a_number_and_takes_nobody_for_dead_who_is_hidden(
    tmp_path: Path,
) -> None:
    tmp_path.chmod(0o777)
    names = {"LOGNAME", "USER", "LNAME", "USERNAME"}
    nameless = {name: value for name, value in os.environ.items() if name not in names}
    command = [sys.executable, "-c", STRANGER, "."]
    done = subprocess.run(command, cwd=tmp_path, env=nameless, check=True, capture_output=True)
    name, here, gone = json.loads(done.stdout)
    assert name == "user 54321"
    assert here == [True, False, True]  # itself, one that is hidden, one that is not there
    assert gone == [False, False, True]
