"""Texts with the secrets in them masked."""

from __future__ import annotations

import re
from collections.abc import Iterable

from experiment_manager.common.secret_names import MASK, is_secret_name

# The environment's settings have no part in the results, and may be secret (config/overrides.py).
_ENVIRONMENT_SETTING = re.compile(r"[+~]*env\.")
_ASSIGNMENT = re.compile(r"([\w.\-\[\]]+)[\"']?\s*[=:]\s*")
# A password may hold "/" and "@", so all up to the last "@" counts.
_LOGIN = re.compile(r"(?<=://)(?:[^\s/@:]*:\S*|[^\s/@]*)@")


def mask_logins(text: str) -> str:
    """The text with user and password of every URL in it masked.

    Example:
        >>> mask_logins("mysql://me:hunter2@host/db")
        'mysql://***@host/db'
    """
    return _LOGIN.sub(f"{MASK}@", text)


def mask_arguments(arguments: Iterable[str]) -> list[str]:
    """The arguments of a command with all masked that may be a secret.

    Example:
        >>> mask_arguments(["run", "--api-key", "abc", "--token=abc", "lr=0.1"])
        ['run', '--api-key', '***', '--token=***', 'lr=0.1']
    """
    masked: list[str] = []
    is_value = False  # of the option before
    for argument in arguments:
        masked.append(MASK if is_value else _mask_argument(argument))
        is_value = argument.startswith("-") and "=" not in argument and is_secret_name(argument)
    return masked


def _mask_argument(argument: str) -> str:
    for match in _ASSIGNMENT.finditer(argument):
        if is_secret_name(match[1]) or _ENVIRONMENT_SETTING.match(argument):
            return mask_logins(argument[: match.end()]) + MASK
    return mask_logins(argument)
