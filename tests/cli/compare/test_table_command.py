"""``table``: a metric by two fields in every format; the LaTeX compiles."""

from __future__ import annotations

import csv
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Call = Callable[..., Result]
VALUES = {
    ("cnn_50%", "svhn"): [0.900, 0.904, None],
    ("mlp", "svhn"): [0.700, 0.701, 0.702],
    ("vit & co", "svhn"): [0.902, 0.901, 0.906],
    ("cnn_50%", "mnist"): [0.990, 0.991, 0.989],
    ("vit & co", "mnist"): [0.5, 0.51, 0.52],
}


@pytest.fixture
def table(call: Call, record: Callable[..., None]) -> Callable[..., str]:
    """Prints the table of three models and two data sets."""
    for (model, data), values in VALUES.items():
        record("a.db", f"{model} {data}", values, model=model, data=data)

    def printed(*arguments: str) -> str:
        fields = ["--rows", "model", "--cols", "data"]
        done = call("table", "--metric", "test_acc", *fields, "--in", "a.db", *arguments)
        assert done.exit_code == 0, done.stderr
        return done.stdout

    return printed


def test_the_text_marks_the_best_and_what_is_not_told_apart_by_a_star(
    table: Callable[..., str],
) -> None:
    rows = [" ".join(line.split()) for line in table().splitlines()]
    assert rows[1] == "model svhn mnist"
    assert rows[3:6] == [
        "cnn_50% 0.9020 ± 0.0028 (2/3) * 0.9900 ± 0.0010 *",
        "mlp 0.7010 ± 0.0010 -",
        "vit & co 0.9030 ± 0.0026 * 0.510 ± 0.010",
    ]
    assert "the best of a column and all that is not told apart from it (p > 0.05 after" in rows[7]


def test_the_spread_may_be_the_interval(table: Callable[..., str]) -> None:
    assert "0.7010 [0.6985, 0.7035]" in table("--spread", "interval")


def test_columns_that_have_no_room_follow_below(
    table: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    heads = [line.split() for line in table().splitlines() if line.startswith(" model")]
    assert heads == [["model", "svhn"], ["model", "mnist"]]


def test_markdown_has_the_best_in_bold_and_names_as_they_are(table: Callable[..., str]) -> None:
    assert table("--format", "markdown").splitlines()[:5] == [
        "| model | svhn | mnist |",
        "| --- | ---: | ---: |",
        "| cnn\\_50% | **0.9020 ± 0.0028 (2/3)** | **0.9900 ± 0.0010** |",
        "| mlp | 0.7010 ± 0.0010 | - |",
        "| vit & co | **0.9030 ± 0.0026** | 0.510 ± 0.010 |",
    ]


def test_csv_has_a_line_for_each_cell_with_all_digits(table: Callable[..., str]) -> None:
    rows = list(csv.DictReader(table("--format", "csv").splitlines()))
    assert [(row["model"], row["data"]) for row in rows] == [
        ("cnn_50%", "svhn"),
        ("mlp", "svhn"),
        ("vit & co", "svhn"),
        ("cnn_50%", "mnist"),
        ("vit & co", "mnist"),
    ]
    assert (rows[0]["n"], rows[0]["missing"], rows[0]["best"]) == ("2", "1", "1")
    assert float(rows[0]["mean"]) == pytest.approx(0.902, rel=1e-15)
    assert rows[1]["best"] == "0"


def test_latex_has_the_best_in_bold_and_names_escaped(table: Callable[..., str]) -> None:
    lines = table("--format", "latex").splitlines()
    assert lines[2:5] == [r"\begin{tabular}{lrr}", r"\toprule", r"model & svhn & mnist \\"]
    assert lines[6] == (
        r"cnn\_50\% & \textbf{0.9020 $\pm$ 0.0028 (2/3)} & \textbf{0.9900 $\pm$ 0.0010} \\"
    )
    assert lines[8].startswith(r"vit \& co & ")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex with booktabs")
@pytest.mark.parametrize("spread", ["sd", "interval"])
def test_the_latex_compiles(
    call: Call, record: Callable[..., None], tmp_path: Path, spread: str
) -> None:
    for trial in (r"a_b & c%d $e #f {g} ~h ^i \j <k> |l|", "[m] *n*"):
        record("odd.db", trial, [0.5, 0.6])
    done = call("table", "odd.db", "--metric", "test_acc", "--format", "latex", "--spread", spread)
    page = (
        f"\\documentclass{{article}}\\usepackage{{booktabs}}\n\\begin{{document}}\n{done.stdout}"
    )
    (tmp_path / "page.tex").write_text(f"{page}\\end{{document}}\n", encoding="utf-8")
    compiled = subprocess.run(
        ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "page.tex"],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    assert compiled.returncode == 0, compiled.stdout
    assert (tmp_path / "page.pdf").exists()


def test_the_rows_are_trials_unless_told(call: Call, record: Callable[..., None]) -> None:
    record("a.db", "small", [0.5, 0.6])
    rows = call("table", "a.db", "--metric", "test_acc").stdout.splitlines()
    assert [rows[1].split(), rows[3].split()[:1]] == [["trial", "test_acc"], ["small"]]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--rows", "modle"], "There is no field or parameter 'modle'. Did you mean 'model'"),
        (["--cols", "params.dta"], "No run has the parameter 'dta'. Did you mean 'data'?"),
        (["--format", "latx"], "there is no 'latx'. Did you mean 'latex'?"),
        (["--spread", "sdd"], "there is no 'sdd'. Did you mean 'sd'?"),
    ],
)
def test_bad_usage_is_refused(
    call: Call, record: Callable[..., None], arguments: list[str], complaint: str
) -> None:
    record("a.db", "small", [0.5], model="mlp", data="svhn")
    done = call("table", "a.db", "--metric", "test_acc", *arguments)
    assert done.exit_code != 0
    assert complaint in (done.stderr or "") + str(done.exception)
