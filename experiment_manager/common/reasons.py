"""Why a run did not succeed, in a word, from the traceback of its failure."""

from __future__ import annotations

import re

OUT_OF_MEMORY, TIMEOUT, LOST = "oom", "timeout", "lost"
INTERRUPTED, TERMINATED, PREEMPTED = "interrupted", "terminated", "preempted"
_BY_CLASS = {
    "KeyboardInterrupt": INTERRUPTED,
    "Terminated": TERMINATED,
    "Preempted": PREEMPTED,
}
_BY_ENDING = {
    "MemoryError": OUT_OF_MEMORY,  # OutOfMemoryError of GPUs and NumPy's _ArrayMemoryError too
    "ResourceExhaustedError": OUT_OF_MEMORY,
    "TimeoutError": TIMEOUT,
    "TimeoutExpired": TIMEOUT,
    "Timeout": TIMEOUT,
}
# What is raised as RuntimeError or OSError where an allocation failed.
_OUT_OF_MEMORY = re.compile(r"out of memory|can(no|')t allocate memory", re.IGNORECASE)
_EXCEPTION = re.compile(r"([^\W\d][\w.<>]*)(?::|$)")
_GROUP_MARGIN = re.compile(r"^ {2}\| ", re.MULTILINE)


def exception_line(traceback: str) -> str:
    """The exception of a traceback: the first line behind its last frame.

    Example:
        >>> exception_line("ValueError: too low, among many")
        'ValueError: too low, among many'
    """
    plain = _GROUP_MARGIN.sub("", traceback.strip())
    _, frame, end = plain.rpartition('\n  File "')
    behind = end.splitlines()[1:] if frame else plain.splitlines()
    lines = [line for line in behind if not line.startswith((" ", "Traceback ("))]
    return lines[0] if lines else plain.rpartition("\n")[2]


def reason_of(traceback: str | None) -> str | None:
    """The class of a traceback's exception, or a word for what many classes stand for.

    Returns:
        ``oom`` (out of memory, also that of a GPU), ``timeout``, ``interrupted``,
        ``terminated``, ``preempted``, else the name of the class without its module; None where
        there is no traceback or it names none. A process that the system kills for want of memory
        leaves no traceback: its run is ``lost``.

    Example:
        >>> reason_of("MemoryError"), reason_of("sklearn.exceptions.NotFittedError: fit first")
        ('oom', 'NotFittedError')
    """
    line = "" if traceback is None else exception_line(traceback)
    named = _EXCEPTION.match(line)
    if named is None:
        return None
    if _OUT_OF_MEMORY.search(line):
        return OUT_OF_MEMORY
    name = named[1].rpartition(".")[2]
    words = (word for ending, word in _BY_ENDING.items() if name.endswith(ending))
    return _BY_CLASS.get(name) or next(words, name[:255])
