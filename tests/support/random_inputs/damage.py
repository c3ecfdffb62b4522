"""Damage files as disks, cards and copies do."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


def _cut(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data))]


def _zeros(rng: random.Random, data: bytes) -> bytes:
    start, length = _piece(rng, data)
    return data[:start] + bytes(length) + data[start + length :]


def _noise(rng: random.Random, data: bytes) -> bytes:
    start, length = _piece(rng, data)
    return data[:start] + rng.randbytes(length) + data[start + length :]


def _missing(rng: random.Random, data: bytes) -> bytes:
    start, length = _piece(rng, data)
    return data[:start] + data[start + length :]


def _twice(rng: random.Random, data: bytes) -> bytes:
    start, length = _piece(rng, data)
    return data[: start + length] + data[start:]


def _bits(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _head(rng: random.Random, data: bytes) -> bytes:
    """Change the beginning, where sizes and kinds are written."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        changed[rng.randrange(min(96, len(changed)))] = rng.randrange(256)
    return bytes(changed)


def _longer(rng: random.Random, data: bytes) -> bytes:
    return data + rng.randbytes(rng.randint(1, 5000))


def _other(rng: random.Random, data: bytes) -> bytes:
    return rng.choice([b"", b"\0", b"no picture\n" * 9, rng.randbytes(200), bytes(len(data))])


WAYS: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    *(_cut, _cut, _cut),
    *(_zeros, _noise, _missing, _twice, _bits, _head, _head, _longer, _other),
)


def damage(rng: random.Random, path: Path) -> str:
    """Damage a file in a random way; return the way's name."""
    way = rng.choice(WAYS)
    data = path.read_bytes()
    path.write_bytes(way(rng, data) if data else b"?")
    return way.__name__.strip("_")


def edit_json(rng: random.Random, path: Path) -> str:
    """Change one value in a line of JSON to another of any type, as careless edits do."""
    lines = path.read_text(errors="surrogateescape").splitlines()
    numbers = [n for n, line in enumerate(lines) if line.strip(" ,[]{}")]
    if not numbers:
        return damage(rng, path)
    if path.suffix == ".json":
        content = json.loads("\n".join(lines))
    else:
        number = rng.choice(numbers)
        content = json.loads(lines[number])
    places = list(_places(content))
    if not places:
        return damage(rng, path)
    holder, key = rng.choice(places)
    other = rng.choice([None, -1, 0, 10**30, 1.5, "", "x", [], {}, [[]], True, float("nan")])
    if rng.random() < 0.2:
        del holder[key]
    else:
        holder[key] = other
    text = json.dumps(content)
    if path.suffix != ".json":
        lines[number] = text
        text = "\n".join(lines)
    path.write_text(text + "\n", errors="surrogateescape")
    return f"{key} = {other!r}"


def _places(content: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every place in JSON that holds a value: its list or object, and its index or name."""
    items = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in list(items):
        yield content, key
        if isinstance(value, (dict, list)):
            yield from _places(value)


def _piece(rng: random.Random, data: bytes) -> tuple[int, int]:
    start = rng.randrange(len(data))
    return start, rng.randint(1, max(1, min(len(data) - start, len(data) // 3)))
