"""HTML in which every text is escaped, because there is no other way to put one in."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

MOST_ROWS = 20
VOID = frozenset({"meta", "br"})


class Markup(str):
    """HTML; any other string is a text."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: str) -> Markup:
    """An element.

    Args:
        name: Of the element.
        children: Elements as they are, texts escaped.
        attributes: ``class_`` is ``class``, and ``aria_label`` is ``aria-label``.

    Example:
        >>> tag("p", "1 < 2 ", tag("b", "&"), class_="note")
        '<p class="note">1 &lt; 2 <b>&amp;</b></p>'
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(value)}"'
        for key, value in attributes.items()
    )
    head = f"<{name}{given}>"
    return Markup(head if name in VOID else f"{head}{join(children)}</{name}>")


def join(children: Iterable[str]) -> Markup:
    """Elements and texts, one behind the other."""
    return Markup(
        "".join(child if isinstance(child, Markup) else html.escape(child) for child in children)
    )


def breakable(text: str) -> Markup:
    """The text, which may be broken behind what joins the words of a name.

    Example:
        >>> breakable("lr=0.1<2")
        'lr=<wbr>0.1&lt;2'
    """
    return Markup(re.sub(r"([_=/])", r"\1<wbr>", html.escape(text, quote=False)))


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Iterable[str] = ()
) -> Markup:
    """A table that is moved sideways where the screen is narrow; further rows are folded away.

    Args:
        head: Of the columns.
        rows: Their cells; the first one names the row.
        numbers: The columns that are aligned to the right.
    """
    first, rest = rows[:MOST_ROWS], rows[MOST_ROWS:]
    shown = _table(head, first, numbers)
    return (
        join([shown, folded(f"{len(rest)} more", _table(head, rest, numbers))]) if rest else shown
    )


def folded(summary: str, *children: str) -> Markup:
    """What is there for those who ask for it."""
    return tag("details", tag("summary", summary), *children)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Iterable[str]) -> Markup:
    kinds = ["number" if name in set(numbers) else "text" for name in head]
    columns = [
        tag("th", name, scope="col", class_=kind) for name, kind in zip(head, kinds, strict=True)
    ]
    body = [
        tag(
            "tr",
            tag("th", breakable(row[0]), scope="row", class_=kinds[0]),
            *(tag("td", cell, class_=kind) for cell, kind in zip(row[1:], kinds[1:], strict=True)),
        )
        for row in rows
    ]
    inner = tag("table", tag("thead", tag("tr", *columns)), tag("tbody", *body))
    return tag("div", inner, class_="wide", tabindex="0")
