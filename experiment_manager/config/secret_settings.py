"""Secrets among the settings: none of them stands in what is recorded or sent elsewhere.

A setting that takes a secret from the environment stays the reference that it is, and is filled
in where its run is executed. A secret that is written out is masked in records.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from experiment_manager.common.secret_names import MASK, is_secret_name, is_surely_secret_name
from experiment_manager.common.yaml_utils import resolve, walk

_VARIABLE = re.compile(r"\$\{\s*oc\.env:\s*([^\s,}]+)")
_MARK = "\0secret"


def keep_references(settings: Mapping[str, Any], resolved: Mapping[str, Any]) -> dict[str, Any]:
    """The resolved settings, but as they stood where they take a secret from the environment.

    The name of the setting or of the variable tells. What refers to such a setting in turn
    stays as it stood, too.

    Args:
        settings: With ``${...}`` in them.
        resolved: The same without.

    Example:
        >>> settings = {"token": "${oc.env:HF_TOKEN}", "header": "Bearer ${token}", "copy": "${x}"}
        >>> resolved = {"token": "abc", "header": "Bearer abc", "copy": 1}
        >>> keep_references({**settings, "x": 1}, {**resolved, "x": 1})
        {'token': '${oc.env:HF_TOKEN}', 'header': 'Bearer ${token}', 'copy': 1, 'x': 1}
    """
    marked = _marked(settings)
    if marked == settings:
        return dict(resolved)
    found = resolve({**marked, "settings": marked})["settings"]
    kept: dict[str, Any] = _kept(settings, resolved, found)
    return kept


def _marked(value: Any, key: str = "") -> Any:
    """The same with a mark in the place of what takes a secret from the environment."""
    if isinstance(value, Mapping):
        return {name: _marked(inner, f"{key}.{name}") for name, inner in value.items()}
    if isinstance(value, list):
        return [_marked(item, key) for item in value]
    variables = _VARIABLE.findall(value) if isinstance(value, str) else []
    return _MARK if any(is_secret_name(f"{key} {name}") for name in variables) else value


def _kept(original: Any, resolved: Any, found: Any) -> Any:
    if isinstance(original, Mapping):
        return {
            key: _kept(original.get(key, value), value, found.get(key, value))
            for key, value in resolved.items()
        }
    if isinstance(original, list):
        return [_kept(*three) for three in zip(original, resolved, found, strict=True)]
    is_secret = any(isinstance(leaf, str) and _MARK in leaf for _, leaf in walk(found))
    return original if is_secret else resolved


def mask_settings(settings: Any, key: str = "") -> Any:
    """The settings with a mask for each text that can hardly be anything else than a secret.

    Example:
        >>> mask_settings({"hub": {"api_key": "abc", "password": "${oc.env:PW}"}, "key": "x"})
        {'hub': {'api_key': '***', 'password': '${oc.env:PW}'}, 'key': 'x'}
    """
    if isinstance(settings, Mapping):
        return {name: mask_settings(value, str(name)) for name, value in settings.items()}
    if isinstance(settings, list):
        return [mask_settings(item, key) for item in settings]
    return MASK if _is_secret(key, settings) else settings


def masked_names(settings: Mapping[str, Any]) -> list[str]:
    """The dotted names of settings that :func:`mask_settings` has masked.

    Example:
        >>> masked_names({"hub": {"api_key": "***"}, "sigma": "***"})
        ['hub.api_key']
    """
    return [
        key for key, value in walk(settings) if value == MASK and _is_secret(_last_of(key), value)
    ]


def mask_override(text: str) -> str:
    """A change of the command line, masked likewise.

    Example:
        >>> mask_override("+hub.api_key=abc"), mask_override("lr=0.1")
        ('+hub.api_key=***', 'lr=0.1')
    """
    key, _, value = text.partition("=")
    return f"{key}={MASK}" if _is_secret(_last_of(key), value) else text


def _last_of(key: str) -> str:
    return key.rpartition(".")[2].partition("[")[0]


def _is_secret(key: str, value: Any) -> bool:
    is_text = isinstance(value, str) and bool(value) and "${" not in value
    return is_text and is_surely_secret_name(key)
