"""Write JSON files atomically, and read and validate them.

The content of a file is declared once, as a ``msgspec.Struct``. A wrong version, an unknown field
or a field of the wrong type is refused here. Fractions and paths are written as text. File names
that are not valid UTF-8 are preserved: Python represents their bytes as lone surrogates, which
msgspec refuses and the standard library writes as escapes.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from batch_analogy.errors import PlanChangedError, UsageError
from batch_analogy.files import NON_UTF8_ERRORS, atomic_write_text, atomic_writer
from batch_analogy.patience import PASSING_ON_READING, patiently

READING_SECONDS = 2.0  # a file that is being replaced on a network disk may be stale for a moment

T = TypeVar("T")


class _Format(msgspec.Struct):
    format: object = None


def _to_text(value: Any) -> str:
    if isinstance(value, Fraction | Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be written to JSON")


def _from_text(kind: type[Any], value: Any) -> Any:
    if kind not in (Fraction, Path) or not isinstance(value, str):
        raise TypeError(f"expected str, got {type(value).__name__}")
    try:
        return kind(value)
    except ZeroDivisionError as error:
        raise ValueError(f"{value} is not a number") from error


_ENCODER = msgspec.json.Encoder(enc_hook=_to_text)
_FORMATS = msgspec.json.Decoder(_Format)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object atomically: a reader finds either the old file or the new one.

    Raises:
        OutputDiskError: the disk is full or not writable.
    """
    atomic_write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def write_long_json(
    path: Path, entries: Mapping[str, Any], *, patience_seconds: float | None = None
) -> None:
    """Write a JSON object like ``write_json``, but with one line for each element of its lists.

    Elements are written one by one, so that a million of them are never held in memory as text.

    Args:
        path: the file.
        entries: the object's fields; values may be structs, and an iterator is written as a list.
        patience_seconds: as for ``files.atomic_writer``.
    """
    with atomic_writer(path, patience_seconds=patience_seconds) as stream:
        stream.writelines(_pieces(entries))


def _pieces(entries: Mapping[str, Any]) -> Iterator[bytes]:
    before = b"{"
    for name, value in entries.items():
        yield b"%b\n %b: " % (before, encode_json(name))
        before = b","
        if not value or not isinstance(value, list | tuple | Iterator):
            yield encode_json(value)
            continue
        between = b"["
        for element in value:
            yield b"%b\n  %b" % (between, encode_json(element))
            between = b","
        yield b"[]" if between == b"[" else b"\n ]"
    yield b"\n}\n"


def read_json(
    path: Path, *, remedy: str = "delete the run folder to start afresh"
) -> dict[str, Any] | None:
    """Read a JSON object; return None if there is no such file.

    Args:
        path: the file.
        remedy: advice for the error message, if the file is damaged.

    Raises:
        UsageError: the file does not contain a JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read ({error}); repair it, or {remedy}") from error
    if not isinstance(value, dict):
        raise UsageError(f"{path} does not contain a JSON object; {remedy}")
    return value


def to_plain(value: object) -> Any:
    """Convert a struct or dataclass to plain JSON values."""
    return msgspec.to_builtins(value, enc_hook=_to_text)


def from_plain(value: object, kind: type[T]) -> T:
    """Convert plain JSON values to a struct or dataclass.

    Raises:
        msgspec.ValidationError: a field is missing, unknown or of the wrong type.
    """
    found = msgspec.convert(value, kind, dec_hook=_from_text)
    unknown = _unknown_field(value, to_plain(found), "$")
    if unknown is not None:  # msgspec ignores them in dataclasses
        raise msgspec.ValidationError(f"Object contains unknown field - at `{unknown}`")
    return found


def _unknown_field(value: object, known: object, where: str) -> str | None:
    """Return the path of the first field of ``value`` that ``known`` does not have."""
    fields: Iterable[tuple[Any, str]]
    if isinstance(value, dict) and isinstance(known, dict):
        missing = next((name for name in value if name not in known), None)
        if missing is not None:
            return f"{where}.{missing}"
        fields = ((name, f"{where}.{name}") for name in value)
    elif isinstance(value, list | tuple) and isinstance(known, list | tuple):
        fields = ((index, f"{where}[{index}]") for index in range(len(value)))
    else:
        return None
    found = (_unknown_field(value[key], known[key], path) for key, path in fields)
    return next((path for path in found if path is not None), None)


def encode_json(value: object) -> bytes:
    """Encode a value as one line of JSON."""
    try:
        return _ENCODER.encode(value)
    except UnicodeEncodeError:
        return json.dumps(to_plain(value), ensure_ascii=False).encode(errors=NON_UTF8_ERRORS)


def json_decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    """Return a decoder for ``decode_json``."""
    return msgspec.json.Decoder(kind, dec_hook=_from_text)


def decode_json(data: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Decode and check JSON.

    Raises:
        msgspec.ValidationError: a field is missing, unknown or of the wrong type; the message
            says where.
        ValueError, RecursionError: the data is not valid JSON.
    """
    try:
        return decoder.decode(data)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:  # not JSON, or with escapes of lone surrogates
        values: T = msgspec.convert(json.loads(data), decoder.type, dec_hook=decoder.dec_hook)
        return values


def read_struct(
    path: Path,
    decode: Callable[[bytes], T],
    *,
    version: int,
    remedy: str,
    damaged: type[UsageError] = UsageError,
) -> T | None:
    """Read a JSON file as a struct; return None if there is no such file.

    Args:
        path: the file.
        decode: decodes the content to a struct with a field ``format``, or raises as
            ``decode_json`` does.
        version: the only value of ``format`` that is accepted.
        remedy: advice for the error message, if the content is refused.
        damaged: class of the error that is raised for invalid content.

    Raises:
        PlanChangedError: another version of batch-analogy wrote it.
        UsageError: it is not valid JSON, or a field is missing, unknown or of the wrong type.
    """
    try:
        data = patiently(path.read_bytes, READING_SECONDS, passing=PASSING_ON_READING)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error})") from error
    try:
        value = decode(data)
    except msgspec.ValidationError as error:
        with contextlib.suppress(ValueError, RecursionError):  # unless it is not an object
            _check_format(path, decode_json(data, _FORMATS).format, version)
        raise damaged(f"{path}: {describe(error)}; {remedy}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read ({error}); {remedy}") from error
    _check_format(path, getattr(value, "format", None), version)
    return value


def _check_format(path: Path, found: object, version: int) -> None:
    if found != version:
        raise PlanChangedError(
            f"{path} was written by another version of batch-analogy: its format is {found}, this "
            f"version reads {version}. Use that version, or start afresh with the run's first "
            "command and --overwrite"
        )


def describe(error: msgspec.ValidationError) -> str:
    """Describe a validation error: the field concerned, and what is wrong with it.

    >>> describe(msgspec.ValidationError("Expected `int`, got `str` - at `$.frames[3].height`"))
    'frames[3].height: expected int, got str'
    """
    what, _, where = str(error).replace("`", "").partition(" - at $")
    what = what[:1].lower() + what[1:]
    return f"{where.removeprefix('.')}: {what}" if where else what
