"""HTML into which no text can bring markup."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from experiment_manager.results.report.markup import Markup, breakable, folded, join, table, tag

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"))


class Reader(HTMLParser):
    """The elements and the text of a piece of HTML."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.text = ""
        self.attributes: dict[str, str | None] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes |= dict(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


@given(TEXTS)
def test_a_text_stays_a_text(text: str) -> None:
    reader = Reader(tag("p", text, title=text))
    assert (reader.names, reader.text, reader.attributes["title"]) == (["p"], text, text)


@given(TEXTS)
def test_a_name_that_may_be_broken_stays_a_text(text: str) -> None:
    reader = Reader(breakable(text))
    assert set(reader.names) <= {"wbr"}
    assert reader.text == text


def test_an_element_stays_an_element() -> None:
    assert tag("p", tag("b", "a"), "<b>") == "<p><b>a</b>&lt;b&gt;</p>"
    assert join([Markup("<i>"), "<i>"]) == "<i>&lt;i&gt;"


def test_the_first_cell_of_a_row_names_it() -> None:
    found = table(["Trial", "n"], [["small", "3"]], numbers=["n"])
    assert '<th scope="row" class="text">small</th><td class="number">3</td>' in found


def test_the_rest_of_a_long_table_is_folded_away() -> None:
    found = table(["n"], [[str(n)] for n in range(50)])
    head, _, rest = found.partition("<details>")
    assert head.count("<tr>") == 1 + 20
    assert "30 more" in rest
    assert rest.count("<tr>") == 1 + 30


def test_what_is_folded_has_a_summary() -> None:
    assert folded("More", "text") == "<details><summary>More</summary>text</details>"
