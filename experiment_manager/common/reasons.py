"""Why a run did not succeed, in a word, from the traceback of its failure."""

from __future__ import annotations

import re

OUT_OF_MEMORY, TIMEOUT, LOST = "oom", "timeout", "lost"
_BY_CLASS = {
    "MemoryError": OUT_OF_MEMORY,
    "OutOfMemoryError": OUT_OF_MEMORY,
    "TimeoutError": TIMEOUT,
    "KeyboardInterrupt": "interrupted",
    "Terminated": "terminated",
}
_EXCEPTION = re.compile(r"([A-Za-z_][\w.]*)(?::|$)")


def exception_line(traceback: str) -> str:
    """The exception of a traceback: the first line behind its last frame.

    Example:
        >>> exception_line("ValueError: too low, among many")
        'ValueError: too low, among many'
    """
    _, _, end = traceback.rpartition('\n  File "')
    behind = [line for line in end.splitlines()[1:] if not line.startswith(" ")]
    return behind[0] if behind else traceback.strip().rpartition("\n")[2]


def reason_of(traceback: str | None) -> str | None:
    """The class of a traceback's exception, or a word for what many classes stand for.

    Returns:
        ``oom`` (out of memory, also that of a GPU), ``timeout``, ``interrupted``,
        ``terminated``, else the name of the class without its module; None where there is no
        traceback or it names none.

    Example:
        >>> reason_of("MemoryError"), reason_of("sklearn.exceptions.NotFittedError: fit first")
        ('oom', 'NotFittedError')
    """
    line = "" if traceback is None else exception_line(traceback)
    named = _EXCEPTION.match(line)
    if named is None:
        return None
    if "out of memory" in line.lower():
        return OUT_OF_MEMORY
    name = named[1].rpartition(".")[2]
    return _BY_CLASS.get(name, name[:255])
