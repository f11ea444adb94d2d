"""Files as plain data, and what keeps some of them out."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from experiment_manager.provenance.contents import (
    decode_content,
    encode_content,
    limit_contents,
    list_sources,
    read_contents,
)

MIB = 2**20


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "text"),
        ("größer\r\n".encode(), "text"),
        ("größer".encode("latin-1"), "base64"),
        (b"a\0b", "base64"),
    ],
)
def test_bytes_survive_as_text_or_base64(content: bytes, kind: str) -> None:
    encoded = encode_content("notes", content)
    assert list(encoded) == [kind]
    assert decode_content(encoded) == content


def test_there_are_no_bytes_of_what_was_left_out() -> None:
    assert decode_content({"reason": "no source file"}) is None


def test_what_seems_to_hold_a_secret_is_left_out() -> None:
    source = b'api_key = "a1b2c3"\n'
    content = encode_content("training.py", source)
    digest = hashlib.sha256(source).hexdigest()
    assert content == {"sha256": digest, "reason": "seems to hold a secret"}


def test_a_change_beside_a_secret_is_seen() -> None:
    before, after = (encode_content("a.py", b'PASSWORD = "a1b2c3"\nx = %d' % x) for x in (1, 2))
    assert before != after


def test_a_change_of_a_large_part_of_a_diff_is_seen() -> None:
    before, after = (limit_contents({"a.py": letter * (MIB + 1)}) for letter in (b"x", b"y"))
    assert before["a.py"].keys() == {"size_bytes", "sha256", "reason"}
    assert before != after


def test_a_link_is_recorded_as_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to("/mnt/data")
    assert read_contents(tmp_path, ["data"]) == {"data": {"link": "/mnt/data"}}


def test_a_file_that_may_be_executed_says_so(tmp_path: Path) -> None:
    (tmp_path / "start.sh").write_text("exit", encoding="utf-8")
    (tmp_path / "start.sh").chmod(0o755)
    found = read_contents(tmp_path, ["start.sh"])
    assert found == {"start.sh": {"text": "exit", "executable": True}}


def test_a_large_file_is_recorded_by_its_size_and_hash(tmp_path: Path) -> None:
    content = b"x" * (MIB + 1)
    (tmp_path / "all.ipynb").write_bytes(content)
    assert read_contents(tmp_path, ["all.ipynb"])["all.ipynb"] == {
        "size_bytes": MIB + 1,
        "sha256": hashlib.sha256(content).hexdigest(),
        "reason": "larger than 1 MiB",
    }


def test_a_very_large_file_is_not_even_hashed(tmp_path: Path) -> None:
    with (tmp_path / "dump.json").open("wb") as file:
        file.truncate(16 * MIB + 1)
    found = read_contents(tmp_path, ["dump.json"])["dump.json"]
    assert found == {"size_bytes": 16 * MIB + 1, "reason": "larger than 1 MiB"}


def test_small_files_come_first_until_all_are_four_mib(tmp_path: Path) -> None:
    sizes = {"a.py": MIB, "b.py": MIB, "c.py": MIB, "d.py": MIB, "e.py": 1}
    for name, size in sizes.items():
        (tmp_path / name).write_bytes(b"x" * size)
    found = read_contents(tmp_path, list(sizes))
    assert {name: content.get("reason") for name, content in found.items()} == {
        **dict.fromkeys(("a.py", "b.py", "c.py", "e.py")),
        "d.py": "4 MiB were taken already",
    }


def test_of_very_many_files_the_source_files_are_listed_first(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(1000)]
    for name in [*names, "z.py"]:
        (tmp_path / name).touch()
    found = read_contents(tmp_path, [*names, "z.py"])
    assert len(found) == 1000
    assert "z.py" in found


def test_a_file_that_is_gone_by_now_is_told(tmp_path: Path) -> None:
    found = read_contents(tmp_path, ["net.py"])
    assert found == {"net.py": {"reason": "cannot be read: No such file or directory"}}


@pytest.mark.parametrize("name", [".env", "id_rsa"])
def test_a_file_that_is_called_like_a_secret_is_not_opened(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("harmless", encoding="utf-8")
    found = read_contents(tmp_path, [name])
    assert found == {name: {"reason": "its name is one for secrets"}}


def test_the_source_files_of_a_folder_are_found(tmp_path: Path) -> None:
    for name in (
        *("net.py", "conf/base.yaml", "Makefile", "run.sh"),
        *("weights.pt", "__pycache__/net.py", ".git/config", "outputs/x.yaml"),
        *("env/pyvenv.cfg", "env/lib.py", "node_modules/x.js"),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = list_sources(tmp_path, [tmp_path / "outputs"])
    assert found == ["Makefile", "conf/base.yaml", "net.py", "run.sh"]
