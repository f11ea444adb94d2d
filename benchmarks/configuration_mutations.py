"""How many slips in a configuration are caught before the first run, with the right suggestion.

    pip install -e ".[examples,torch]"
    python benchmarks/configuration_mutations.py

Each key of each example's files is mutated in turn: a letter changed, a letter left out, a letter
doubled. A slip is caught where the plan is refused and the error names the key that was meant.
The misses are printed.
"""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from _measure import folder, report

from experiment_manager.common.errors import ConfigError
from experiment_manager.experiment import Experiment

EXAMPLES = Path(__file__).parents[1] / "examples"
FILES = ("env.yaml", "experiment.yaml", "base.yaml", "trials.yaml")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
_KEY = re.compile(r"(?m)^(?P<before>[ \t]*(?:- )?)(?P<key>[A-Za-z_]\w*)(?=:)")


def main() -> None:
    """Count, and print what was missed."""
    total, missed = 0, []
    with folder() as place:
        for example in sorted(path for path in EXAMPLES.iterdir() if path.is_dir()):
            copy = place / example.name
            shutil.copytree(example, copy)
            for file in FILES:
                for slip, text, meant in mutations(copy / file):
                    total += 1
                    if not is_caught(copy, file, text, meant):
                        missed.append(f"{example.name}/{file}: {meant} -> {slip}")
    for line in missed:
        print(f"missed  {line}")
    report(f"of {total} slips caught", 100 * (1 - len(missed) / total), 95, "%", at_most=False)


def mutations(path: Path) -> Iterator[tuple[str, str, str]]:
    """Each slip with the file's text that has it, and the key that was meant."""
    text = path.read_text(encoding="utf-8")
    chance = random.Random(0)
    for match in _KEY.finditer(text):
        key = match["key"]
        for slip in slips_of(key, chance):
            yield slip, text[: match.start("key")] + slip + text[match.end("key") :], key


def slips_of(key: str, chance: random.Random) -> Iterator[str]:
    """The key with a letter changed, left out, and doubled."""
    place = chance.randrange(len(key))
    other = chance.choice([letter for letter in LETTERS if letter != key[place]])
    yield key[:place] + other + key[place + 1 :]
    if len(key) > 1:
        yield key[:place] + key[place + 1 :]
    yield key[:place] + key[place] + key[place:]


def is_caught(copy: Path, file: str, text: str, meant: str) -> bool:
    """Whether the plan is refused with the key that was meant."""
    original = (copy / file).read_text(encoding="utf-8")
    (copy / file).write_text(text, encoding="utf-8")
    try:
        Experiment.create(copy)
    except ConfigError as error:
        return re.search(rf"'([\w.\[\]]+\.)?{meant}\b", str(error)) is not None
    finally:
        (copy / file).write_text(original, encoding="utf-8")
    return False


if __name__ == "__main__":
    main()
