"""Names that look like those of secrets."""

from __future__ import annotations

import functools
import re

MASK = "***"

_WORDS = frozenset(
    {
        *("auth", "bearer", "cookie", "cookies", "cred", "creds", "dsn", "jwt", "key", "keys"),
        *("pass", "pat", "private", "pw", "pwd", "secret", "secrets", "signature", "sshpass"),
        "token",
    }
)
_CERTAIN = (
    *("accesskey", "accesstoken", "apikey", "apitoken", "authtoken"),
    *("passphrase", "passwd", "password", "privatekey", "secret", "secretkey"),
)
_STEMS = (*_CERTAIN, "authorization", "credential", "httpbasic")
_ENDINGS = ("key", "pwd", "token")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


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


@functools.lru_cache
def is_surely_secret_name(name: str) -> bool:
    """True where a text under that name can hardly be anything else than a secret.

    A ``key`` or a ``token`` may be many things in an experiment, a ``password`` only one.

    Example:
        >>> [is_surely_secret_name(n) for n in ("api_key", "password_file", "pad_token", "key")]
        [True, False, False, False]
    """
    return "".join(_WORD.findall(name)).lower().endswith(_CERTAIN)
