"""The text of a query as tokens, and the error that shows a place in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from experiment_manager.common.errors import ExperimentManagerError

_TOKEN = re.compile(
    r"""(?P<space>\s+)
    | (?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<symbol>!=|<=|>=|[=<>~()\[\],])
    | (?P<word>[^\s"'=!<>~()\[\],]+)""",
    re.VERBOSE | re.DOTALL,
)


class QuerySyntaxError(ExperimentManagerError, ValueError):
    """A query that cannot be understood; the text shows where.

    Args:
        problem: A sentence.
        query: The whole query.
        position: Index of the character in it that the problem is about.

    Example:
        >>> print(QuerySyntaxError("Expected a value.", "seed = )", 7))
        Expected a value.
          seed = )
                 ^
    """

    def __init__(self, problem: str, query: str, position: int) -> None:
        self.problem, self.query, self.position = problem, query, position
        line = "".join(letter if letter.isprintable() else " " for letter in query)
        super().__init__(f"{problem}\n  {line}\n  {' ' * position}^")

    def __reduce__(self) -> tuple[type[QuerySyntaxError], tuple[str, str, int]]:
        """Rebuild from the parts, not from the text, when crossing a process border."""
        return type(self), (self.problem, self.query, self.position)


class TokenKind(Enum):
    """What a piece of a query is."""

    WORD = "word"
    QUOTED = "quoted"
    SYMBOL = "symbol"
    END = "end"


@dataclass(frozen=True)
class Token:
    """A piece of a query.

    Attributes:
        kind: What it is.
        text: As written; of a quoted one what is between the quotes.
        position: Index of its first character in the query.
    """

    kind: TokenKind
    text: str
    position: int

    def is_symbol(self, text: str) -> bool:
        """True for this symbol."""
        return self.kind is TokenKind.SYMBOL and self.text == text

    def is_keyword(self, word: str) -> bool:
        """True for this word in any case, but not for a quoted one."""
        return self.kind is TokenKind.WORD and self.text.lower() == word

    def __str__(self) -> str:
        return "the end" if self.kind is TokenKind.END else repr(self.text)


def tokenize(query: str) -> Iterator[Token]:
    """The tokens of a query, and one for its end.

    Raises:
        QuerySyntaxError: A quote is not closed, or a ``!`` stands alone.

    Example:
        >>> [token.text for token in tokenize('seed >= 3 or trial = "a b"')]
        ['seed', '>=', '3', 'or', 'trial', '=', 'a b', '']
    """
    position = 0
    while position < len(query):
        match = _TOKEN.match(query, position)
        if match is None:
            raise QuerySyntaxError(_stray(query[position]), query, position)
        if match.lastgroup != "space":
            yield _token(TokenKind(match.lastgroup), match)
        position = match.end()
    yield Token(TokenKind.END, "", position)


def _token(kind: TokenKind, match: re.Match[str]) -> Token:
    text = match.group()
    if kind is TokenKind.QUOTED:
        text = re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
    return Token(kind, text, match.start())


def _stray(letter: str) -> str:
    return "Expected '!='." if letter == "!" else f"The quote {letter} is not closed."


def quote(text: str) -> str:
    r"""The text as a value in a query, whatever is in it.

    Example:
        >>> quote('a "b"')
        '"a \\"b\\""'
    """
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
