"""Types of columns: what they refuse, and that the rest comes back as it went in."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from operator import index
from typing import Any, ClassVar

from sqlalchemy import BigInteger, DateTime, Integer, String, Text
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from experiment_manager.common.errors import QueryError

NAME_LENGTH = 255
LongText = Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
_NON_FINITE = "$float"


def as_integer(value: Any, bits: int = 64) -> int:
    """The value as an integer that every database holds.

    Databases do not agree on others: SQLite keeps text, MySQL takes ``"1 x"`` for 1.

    Raises:
        QueryError: It is none, or needs more bits.
    """
    try:
        number = index(value)
    except TypeError as error:
        raise QueryError(f"{value!r} is no integer") from error
    if not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
        raise QueryError(f"{value!r} is no integer of {bits} bits")
    return number


def as_name(value: Any) -> str:
    """The value as a name that every database holds.

    Raises:
        QueryError: It is no text, too long, or has a NUL in it, which PostgreSQL refuses.
    """
    if not isinstance(value, str):
        raise QueryError(f"{value!r} is no text")
    if len(value) > NAME_LENGTH:
        raise QueryError(
            f"a name may have {NAME_LENGTH} characters, not {len(value)}: {value[:40]!r}..."
        )
    if "\0" in value:
        raise QueryError(f"a name may not contain the character NUL: {value!r}")
    return value


class BigInt(TypeDecorator[int]):
    """An integer; one that needs more bits is refused before a database sees it."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = BigInteger
    cache_ok = True
    bits: ClassVar[int] = 64

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        """Checked."""
        return None if value is None else as_integer(value, self.bits)


class Id(BigInt):
    """A key that counts up by itself, which on SQLite INTEGER alone does."""

    impl = BigInteger().with_variant(Integer(), "sqlite")
    cache_ok = True


class Int(BigInt):
    """An integer of 32 bits."""

    impl = Integer
    cache_ok = True
    bits = 32


class Name(TypeDecorator[str]):
    """A short text that is looked for; not even spaces at its end are ignored."""

    impl = String(NAME_LENGTH)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """MySQL and MariaDB call the collation that pads nothing by names of their own."""
        if dialect.name not in {"mysql", "mariadb"}:
            return dialect.type_descriptor(String(NAME_LENGTH))
        is_mariadb = getattr(dialect, "is_mariadb", False)
        collation = "utf8mb4_nopad_bin" if is_mariadb else "utf8mb4_0900_bin"
        return dialect.type_descriptor(mysql.VARCHAR(NAME_LENGTH, collation=collation))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Checked."""
        return None if value is None else as_name(value)


class UtcDateTime(TypeDecorator[datetime]):
    """A time in UTC, to the microsecond; aware on the way in and out."""

    impl = DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Stored naive, in UTC."""
        return None if value is None else value.astimezone(timezone.utc).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Aware again."""
        return None if value is None else value.replace(tzinfo=timezone.utc)


class ExactJSON(TypeDecorator[Any]):
    """JSON that comes back as it went in: NaN, infinities, 1.0 and integers of any size.

    Kept as text, because the databases' own JSON types change some of these.
    """

    impl = LongText
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Non-finite numbers as ``{"$float": "nan"}``, NumPy's as Python's, others as text."""
        return None if value is None else encode_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """As it went in."""
        return None if value is None else decode_json(value)


def encode_json(value: Any) -> str:
    """The text that :class:`ExactJSON` stores."""
    return json.dumps(_encode(value), ensure_ascii=False)


def decode_json(text: str) -> Any:
    """What :func:`encode_json` made the text from."""
    return _decode(json.loads(text))


def _encode(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {_NON_FINITE: str(value)}
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, Mapping):
        encoded = {str(key): _encode(item) for key, item in value.items()}
        return {_NON_FINITE: encoded} if set(encoded) == {_NON_FINITE} else encoded
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [_encode(item) for item in value]
    return _encode(value.tolist()) if hasattr(value, "tolist") else str(value)


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        marked = value.get(_NON_FINITE) if len(value) == 1 else None
        if isinstance(marked, str):
            return float(marked)
        # A dict of the user's own that looks like our mark was put into another one.
        plain = marked if isinstance(marked, dict) else value
        return {key: _decode(item) for key, item in plain.items()}
    return [_decode(item) for item in value] if isinstance(value, list) else value
