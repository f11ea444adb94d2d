"""Names that look like those of secrets, and texts with the secrets in them masked."""

from __future__ import annotations

import re
from collections.abc import Iterable

MASK = "***"

_WORDS = frozenset(
    {
        *("auth", "bearer", "cookie", "cookies", "cred", "creds", "dsn", "jwt", "key", "keys"),
        *("pass", "private", "pwd", "secret", "secrets", "signature", "token"),
    }
)
_STEMS = (
    *("accesskey", "accesstoken", "apikey", "apitoken", "authorization", "authtoken"),
    *("credential", "passphrase", "passwd", "password", "privatekey", "secret"),
)
_ENDINGS = ("key", "pwd", "token")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

# The environment's settings have no part in the results, and may be secret (config/overrides.py).
_ENVIRONMENT_SETTING = re.compile(r"[+~]*env\.")
_ASSIGNMENT = re.compile(r"([\w.\-\[\]]+)[\"']?\s*[=:]\s*")
# A password may hold "/" and "@", so all up to the last "@" counts.
_LOGIN = re.compile(r"(?<=://)(?:[^\s/@:]*:\S*|[^\s/@]*)@")


def is_secret_name(name: str) -> bool:
    """True where a variable, an option or a setting of that name may hold a secret.

    It is judged by its words, so that ``tokenizer`` and ``max_tokens`` are none.

    Example:
        >>> [is_secret_name(n) for n in ("HF_TOKEN", "dbPassword", "tokenizer", "max_tokens")]
        [True, True, False, False]
    """
    words = [word.lower() for word in _WORD.findall(name)]
    compact = "".join(words)
    return (
        not _WORDS.isdisjoint(words)
        or any(stem in compact for stem in _STEMS)
        or compact.endswith(_ENDINGS)
    )


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
