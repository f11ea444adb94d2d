"""The language in which runs are asked for.

``status = failed and params.learning_rate < 0.01 or not (trial ~ small and run in [1, 2])``

==============================  ===============================================================
``and or not ( )``              ``not`` binds closest, ``or`` last; keywords in any case
``= != < <= > >=``              compare
``~``                           contains the text; with ``*`` (for anything) the whole is meant.
                                Upper and lower case are the same (on SQLite: of A to Z)
``in [a, b]``, ``not in``       is one of these
``is missing``                  the run does not have it, or it is null; also ``is not missing``
``tag:NAME``                    the run has this tag, as ``tag = NAME``
==============================  ===============================================================

Fields: ``experiment``, ``trial``, ``run`` (its number), ``id``, ``status``, ``seed``, ``attempt``,
``started``, ``ended``, ``updated``, ``duration``, ``error`` (its traceback), ``reason`` (why it
did not succeed, in a word), ``note``, ``tag``; ``params.NAME``, and ``metrics.NAME``, the value
that the run recorded last. Odd names are quoted: ``params."a b"``.

Values: words, or text in quotes; numbers; times (``2026-11-30``, ``2026-11-30T18:00``, local
unless they say otherwise); durations (``1h30m``, ``90``, in seconds). For a parameter ``true``,
``false`` and numbers are what they are, and text where they are quoted.

A comparison with something that a run does not have is false, that with ``!=`` too; hence
``not seed = 1`` also finds runs without a seed, and ``seed != 1`` does not. A run may have several
tags: ``tag = a`` holds where it has this one, ``tag != a`` where it has others alone. NaN differs
from every number, and ``metrics.loss = nan`` finds it.
"""

from __future__ import annotations

from experiment_manager.results.query_fields import ORDER, PATTERN, TAG, Field, Value
from experiment_manager.results.query_nodes import (
    AllOf,
    AnyOf,
    Comparison,
    Missing,
    Node,
    Not,
    OneOf,
)
from experiment_manager.results.query_text import QuerySyntaxError, Token, TokenKind, tokenize

__all__ = ["Field", "Node", "QuerySyntaxError", "parse", "parse_field"]

TAG_MARK = f"{TAG}:"
COMPARISONS = ("=", "!=", "<", "<=", ">", ">=", "~")
MAX_DEPTH = 50


def parse(query: str) -> Node:
    """The conditions in a query; an empty one holds for every run.

    Raises:
        QuerySyntaxError: It cannot be understood; shows the place, and what was expected.

    Example:
        >>> parse("seed = 1")
        Comparison(field=Field(group='', name='seed'), operator='=', value=1)
    """
    return _Parser(query).parse()


def parse_field(text: str) -> Field:
    """The one field that a text names.

    Raises:
        QuerySyntaxError: It names none, or there is more.

    Example:
        >>> parse_field('metrics."F1 score"')
        Field(group='metrics', name='F1 score')
    """
    return _Parser(text).parse_field()


class _Parser:
    """Recursive descent, with a method for each rule of the grammar.

    The grammar::

        either    = both {"or" both}
        both      = term {"and" term}
        term      = "not" term | "(" either ")" | condition
        condition = "tag:" name
                    | field (operator value | ["not"] "in" "[" value {"," value} "]"
                             | "is" ["not"] "missing")
    """

    def __init__(self, query: str) -> None:
        self._query = query
        self._tokens = list(tokenize(query))
        self._place = 0
        self._depth = 0

    def parse(self) -> Node:
        if self._next.kind is TokenKind.END:
            return AllOf(())
        node = self._either()
        self._require_end("'and', 'or' or the end")
        return node

    def parse_field(self) -> Field:
        field = self._field()
        self._require_end("the end")
        return field

    def _either(self) -> Node:
        terms = [self._both()]
        while self._takes_keyword("or"):
            terms.append(self._both())
        return terms[0] if len(terms) == 1 else AnyOf(tuple(terms))

    def _both(self) -> Node:
        terms = [self._term()]
        while self._takes_keyword("and"):
            terms.append(self._term())
        return terms[0] if len(terms) == 1 else AllOf(tuple(terms))

    def _term(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._error("The query is nested too deeply.", self._next)
        if self._takes_keyword("not"):
            node: Node = Not(self._term())
        elif self._takes_symbol("("):
            node = self._either()
            self._require_symbol(")")
        else:
            node = self._condition()
        self._depth -= 1
        return node

    def _condition(self) -> Node:
        if self._next.kind is TokenKind.WORD and self._next.text.startswith(TAG_MARK):
            return self._tag()
        field = self._field()
        if self._takes_keyword("is"):
            return self._missing(field)
        if self._takes_keyword("not"):
            return Not(self._one_of(field))
        if self._next.is_keyword("in"):
            return self._one_of(field)
        operator = self._operator(field, COMPARISONS, "in", "is")
        return Comparison(field, operator, self._value(field, operator))

    def _tag(self) -> Comparison:
        token = self._take()
        name = token.text.removeprefix(TAG_MARK)
        if not name and self._next.kind is TokenKind.QUOTED:
            name = self._take().text
        if not name:
            raise self._error('Expected a tag: tag:NAME, or tag:"ODD NAME".', token)
        return Comparison(Field("", TAG), "=", name)

    def _field(self) -> Field:
        token = self._next
        if token.kind is not TokenKind.WORD:
            raise self._expected("a field such as status or metrics.val_acc")
        self._take()
        is_continued = token.text.endswith(".") and self._next.kind is TokenKind.QUOTED
        text = token.text + (self._take().text if is_continued else "")
        try:
            return Field.of(text)
        except ValueError as error:
            raise self._error(str(error), token) from None

    def _missing(self, field: Field) -> Node:
        is_negated = self._takes_keyword("not")
        if not self._takes_keyword("missing"):
            raise self._expected("'missing'" if is_negated else "'missing' or 'not missing'")
        return Not(Missing(field)) if is_negated else Missing(field)

    def _one_of(self, field: Field) -> OneOf:
        self._operator(field, ("in",))
        self._require_symbol("[")
        values = [self._value(field, "in")]
        while self._takes_symbol(","):
            values.append(self._value(field, "in"))
        self._require_symbol("]")
        return OneOf(field, tuple(values))

    def _operator(self, field: Field, possible: tuple[str, ...], *others: str) -> str:
        token = self._next
        operator = token.text.lower()
        if token.kind is TokenKind.QUOTED or operator not in possible:
            raise self._expected(", ".join([*possible, *others]))
        if operator not in field.kind.operators:
            allowed = ", ".join(sorted(field.kind.operators))
            raise self._error(f"{field} is compared by {allowed}, not by {operator}.", token)
        self._take()
        return operator

    def _value(self, field: Field, operator: str) -> Value:
        token = self._next
        if token.kind not in {TokenKind.WORD, TokenKind.QUOTED}:
            raise self._expected("a value")
        self._take()
        if operator in PATTERN:
            return token.text
        try:
            value = field.kind.read(token.text, is_quoted=token.kind is TokenKind.QUOTED)
        except ValueError as error:
            raise self._error(str(error), token) from None
        if operator in ORDER and isinstance(value, (bool, str)):
            raise self._error(f"{operator} compares numbers; {token} is none.", token)
        return value

    @property
    def _next(self) -> Token:
        return self._tokens[self._place]

    def _take(self) -> Token:
        token = self._next
        self._place += 1
        return token

    def _takes_keyword(self, word: str) -> bool:
        found = self._next.is_keyword(word)
        self._place += found
        return found

    def _takes_symbol(self, text: str) -> bool:
        found = self._next.is_symbol(text)
        self._place += found
        return found

    def _require_symbol(self, text: str) -> None:
        if not self._takes_symbol(text):
            raise self._expected(f"'{text}'")

    def _require_end(self, what: str) -> None:
        if self._next.kind is not TokenKind.END:
            raise self._expected(what)

    def _expected(self, what: str) -> QuerySyntaxError:
        return self._error(f"Expected {what}, not {self._next}.", self._next)

    def _error(self, problem: str, token: Token) -> QuerySyntaxError:
        return QuerySyntaxError(problem, self._query, token.position)
