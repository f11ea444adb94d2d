"""YAML files as plain data; whatever is wrong with one becomes a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException


def load_yaml(path: Path, problems: list[str]) -> Any:
    """The file's content as dicts, lists and scalars, interpolations unresolved.

    Args:
        path: The file; ``1e-3`` in it is a number, a key given twice a problem.
        problems: Gets a sentence where the file cannot be read.

    Returns:
        The content ({} for an empty file), or None where a problem was added.
    """
    try:
        return OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    except FileNotFoundError:
        problems.append(f"{path.name}: not found in {path.parent}; create it")
    except yaml.MarkedYAMLError as error:
        problems.append(f"{path.name}{_position(error)}: {_reason(error)}")
    except UnicodeDecodeError as error:
        problems.append(f"{path.name}: is not UTF-8 text (byte {error.start}); save it as UTF-8")
    except (OSError, yaml.YAMLError, OmegaConfBaseException) as error:
        problems.append(f"{path.name}: cannot be read: {' '.join(str(error).split())}")
    return None


def _position(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark
    return "" if mark is None else f", line {mark.line + 1}, column {mark.column + 1}"


def _reason(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or "is not valid YAML"
    if "cannot start any token" in problem:
        return "a character that cannot stand here; if it is a tab, indent with spaces"
    if "mapping keys are not allowed" in problem or "expected node content" in problem:
        return f"{problem}; if it is the ? of a value to be filled in, put it in quotes"
    return problem
