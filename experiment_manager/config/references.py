"""References, ``${...}``, that lead nowhere: each is told, by the key that holds it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiment_manager.common.errors import did_you_mean
from experiment_manager.common.yaml_utils import walk
from experiment_manager.config.overrides import dotted

_KEY = re.compile(r"Interpolation key '([^']+)' not found")
_VARIABLE = re.compile(r"Environment variable '([^']+)' not found")


def reference_problems(data: Mapping[str, Any], context: Mapping[str, Any]) -> list[str]:
    """A sentence for each reference in the data that cannot be filled in.

    Args:
        data: Settings, or the content of a file.
        context: What may be referred to besides.

    Example:
        >>> reference_problems({"lr": 0.1, "net": {"rate": "${lrr}"}}, {})
        ["'net.rate' refers to 'lrr', which is not there. Did you mean 'lr'?"]
    """
    try:
        config = OmegaConf.create({**data, **context})
    except OmegaConfBaseException as error:
        return [_sentence(error.full_key, error, data)]
    problems = []
    for key, value in walk(data):
        if isinstance(value, str) and "${" in value:
            try:
                OmegaConf.select(config, key, throw_on_missing=False)
            except OmegaConfBaseException as error:
                problems.append(_sentence(key, error, data))
    return problems


def _sentence(key: Any, error: Exception, data: Mapping[str, Any]) -> str:
    text = str(error)
    if match := _KEY.search(text):
        near = did_you_mean(match[1], dotted(data))
        meant = near if "Did you mean" in near else ""
        return f"{key!r} refers to {match[1]!r}, which is not there.{meant}"
    if match := _VARIABLE.search(text):
        return f"{key!r} refers to the environment variable {match[1]!r}, which is not set"
    return f"{key!r} refers to what cannot be found: {text.splitlines()[0]}"
