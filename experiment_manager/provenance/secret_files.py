"""Which files hold secrets, by their names or by what stands in them."""

from __future__ import annotations

import os
import re
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

_NAMES = (
    *(".env", ".env.*", "*.env", ".netrc", "_netrc", ".pgpass", ".npmrc", ".pypirc", ".htpasswd"),
    *(".git-credentials", "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "kaggle.json"),
    *("*.key", "*.keystore", "*.jks", "*.kdbx", "*.p12", "*.pem", "*.pfx", "*.secret"),
    *("credentials", "credentials.*", "*[_-]credentials.*", "client_secret*.json"),
    *("password.*", "passwords.*", "secret.*", "secrets.*", "service[_-]account*.json"),
)
_CONFIG_SUFFIXES = frozenset({".cfg", ".conf", ".ini", ".json", ".toml", ".yaml", ".yml"})
_SCRIPT_SUFFIXES = frozenset(
    {
        *(".sh", ".bash", ".zsh", ".ps1", ".bat", ".slurm", ".sbatch", ".mk", ".txt", ".in", ""),
        *(".j2", ".jinja", ".jinja2", ".tpl"),
    }
)

# Each pattern begins with a fixed text, which makes the search many times faster; the content is
# in lower case. A reference (${...}), a template ({...}, <...>, %s) or a word of documentation
# in the place of the secret is none.
_KEYS = (
    *(rb"passw(?:or)?d", rb"passphrase", rb"secret(?:_?key)?", rb"api_key", rb"apikey"),
    *(rb"access_(?:key|token)", rb"auth_token"),
)
_IS = rb"[\"']?[ \t]*[=:][ \t]*"
_REAL = rb"(?![$<{%*?]|(?:pass(?:word|wd)?|pwd?|p|secret|x+|\.+)[\"'@\s])"
_QUOTED = tuple(re.compile(key + _IS + rb"([\"'])" + _REAL + rb"[^\"'\s]+\1") for key in _KEYS)
_VALUE = _REAL + rb"(?!(?:null|none|true|false)\b)[^\s\"'#,\[!~]"
_BARE = tuple(re.compile(key + _IS + _VALUE) for key in _KEYS)
_ASSIGNED = tuple(re.compile(key + rb"=" + _VALUE) for key in _KEYS)  # as shells do
_FORMATS = tuple(
    re.compile(pattern)
    for pattern in (
        rb"://[^\s/@:\"']*:(?!\d+/)" + _REAL + rb"[^\s@\"'${}<>]+@",
        rb"private key-----",
        *(rb"ghp_[a-z0-9]{20}", rb"github_pat_[a-z0-9]{20}", rb"glpat-[\w-]{20}"),
        *(rb"hf_(?<!\whf_)[a-z0-9]{20}", rb"sk-(?<!\wsk-)[\w-]{20}"),
        rb"akia(?<!\wakia)[a-z0-9]{16}\b",
        *(rb"sig=(?<=[?&]sig=)[\w%+/-]{16}", rb"signature=(?<=[?&-]signature=)[\w%+/-]{16}"),
        rb"pwd=(?<=[;=\"']pwd=)" + _REAL + rb"[^;\s\"']+",
    )
)


def is_secret_file(name: str) -> bool:
    """True for a file that by custom holds secrets, such as ``.env``, a key or ``secrets.yaml``.

    A module may well be called ``secrets.py``; it is judged by its content alone.

    Args:
        name: Its path, with ``/``.
    """
    base = PurePosixPath(name).name.lower()
    return not base.endswith(".py") and any(fnmatchcase(base, pattern) for pattern in _NAMES)


def holds_secret(name: str, content: bytes) -> bool:
    r"""True where a file seems to hold a secret: a private key, a token, a password.

    Args:
        name: The file's name; in a configuration or a script passwords stand without
            quotes, too.
        content: What stands in it.

    Example:
        >>> holds_secret("env.yaml", b"database:\n  url: mysql://me:hunter2@host/db")
        True
        >>> holds_secret("env.yaml", b"database:\n  url: mysql://me:${oc.env:PASSWORD}@host/db")
        False
    """
    suffix = PurePosixPath(name).suffix.lower()
    unquoted = _BARE if suffix in _CONFIG_SUFFIXES else ()
    patterns = (*_FORMATS, *_QUOTED, *(_ASSIGNED if suffix in _SCRIPT_SUFFIXES else unquoted))
    text = content.lower()
    return any(pattern.search(text) for pattern in patterns)


def is_secret_assignment(name: str, value: str) -> bool:
    """True where a variable of that name with that value seems to hold a secret.

    Example:
        >>> is_secret_assignment("LAB_LOGIN", "ghp_" + 20 * "a"), is_secret_assignment("LAB", "b")
        (True, False)
    """
    return holds_secret("variables.ini", os.fsencode(f"{name}={value}"))
