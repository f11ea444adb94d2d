"""The conditions that a query is made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from experiment_manager.results.query_fields import Field, Value


@dataclass(frozen=True)
class Comparison:
    """A field compared with a value."""

    field: Field
    operator: str
    value: Value


@dataclass(frozen=True)
class OneOf:
    """A field whose value is one of several."""

    field: Field
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Missing:
    """A field that a run does not have."""

    field: Field


@dataclass(frozen=True)
class Not:
    """The contrary of a condition."""

    term: Node


@dataclass(frozen=True)
class AllOf:
    """Conditions that all hold; without any it always does."""

    terms: tuple[Node, ...]


@dataclass(frozen=True)
class AnyOf:
    """Conditions of which at least one holds."""

    terms: tuple[Node, ...]


Node = Comparison | OneOf | Missing | Not | AllOf | AnyOf


def fields_of(node: Node) -> list[Field]:
    """The fields that a query names, in their order and each once.

    Example:
        >>> seed, loss = Field("", "seed"), Field("metrics", "loss")
        >>> terms = Missing(loss), Comparison(seed, "<", 3), Not(Comparison(seed, "=", 1))
        >>> [str(field) for field in fields_of(AllOf(terms))]
        ['metrics.loss', 'seed']
    """
    return list(dict.fromkeys(_walk(node)))


def _walk(node: Node) -> Iterator[Field]:
    if isinstance(node, (AllOf, AnyOf)):
        for term in node.terms:
            yield from _walk(term)
    elif isinstance(node, Not):
        yield from _walk(node.term)
    else:
        yield node.field
