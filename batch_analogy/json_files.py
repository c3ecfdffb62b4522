"""Read and write JSON files that are never seen half-written, and what they contain.

What a file contains is declared once, as a ``msgspec.Struct``. Names of files that are not UTF-8
are kept: Python has their bytes as lone surrogates, which msgspec refuses and the standard library
escapes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from batch_analogy.errors import UsageError
from batch_analogy.files import NON_UTF8_ERRORS, atomic_write_text, atomic_writer

T = TypeVar("T")

_ENCODER = msgspec.json.Encoder()


class JsonText(str):
    """A value that is encoded as JSON already."""

    __slots__ = ()

    @classmethod
    def of(cls, value: Any) -> JsonText:
        """Encode a value on one line."""
        return cls(json.dumps(value, ensure_ascii=False))


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object so that a reader finds the old one or the new one, never a part.

    Raises:
        OutputDiskError: the disk is full or may not be written to.
    """
    atomic_write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def write_long_json(path: Path, entries: Mapping[str, Any]) -> None:
    """Write a JSON object with one line for each element of its lists; otherwise as ``write_json``.

    A million elements are written one by one and never held as one text.

    Args:
        path: the file.
        entries: its values; an iterator is written as a list, and a ``JsonText`` inside a list
            as it is.
    """
    with atomic_writer(path) as stream:
        stream.writelines(piece.encode(errors=NON_UTF8_ERRORS) for piece in _pieces(entries))


def _pieces(entries: Mapping[str, Any]) -> Iterator[str]:
    encode = json.JSONEncoder(ensure_ascii=False).encode
    before = "{"
    for name, value in entries.items():
        yield f"{before}\n {encode(name)}: "
        before = ","
        if value == [] or not isinstance(value, list | Iterator):
            yield encode(value)
            continue
        between = "["
        for element in value:
            text = element if type(element) is JsonText else encode(element)
            yield f"{between}\n  {text}"
            between = ","
        yield "[]" if between == "[" else "\n ]"
    yield "\n}\n"


def read_json(
    path: Path,
    *,
    object_hook: Callable[[dict[str, Any]], Any] | None = None,
    remedy: str = "delete the run folder to start afresh",
) -> dict[str, Any] | None:
    """Read a JSON object; return None if there is no such file.

    Args:
        path: the file.
        object_hook: called with each object of the file; its result takes the object's place.
        remedy: what to do if the file is damaged, for the message.

    Raises:
        UsageError: the file does not contain a JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"), object_hook=object_hook)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read ({error}); repair it, or {remedy}") from error
    if not isinstance(value, dict):
        raise UsageError(f"{path} does not contain a JSON object; {remedy}")
    return value


def encode_json(value: msgspec.Struct) -> bytes:
    """Encode a struct on one line."""
    try:
        return _ENCODER.encode(value)
    except UnicodeEncodeError:
        plain = msgspec.to_builtins(value)
        return json.dumps(plain, ensure_ascii=False).encode(errors=NON_UTF8_ERRORS)


def decode_json(data: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Decode and check JSON.

    Raises:
        msgspec.ValidationError: a field is missing, unknown or of another type; the message says
            where it is.
        ValueError, RecursionError: it is not JSON.
    """
    try:
        return decoder.decode(data)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:  # it is not JSON, or has escapes of lone surrogates
        values: T = msgspec.convert(json.loads(data), decoder.type, dec_hook=decoder.dec_hook)
        return values
