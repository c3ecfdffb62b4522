"""Odd but legal names of files and folders."""

from __future__ import annotations

import os
import random
import string

_PIECES = (
    *("a", "IMG", "frame", " ", "  ", ".", "..", "-", "--", "_", "#", "%", "%d", "%06d", "%s", "&"),
    *("[abc]", "[!a]", "*", "?", "{x}", "$HOME", "`id`", ";", "|", "<b>", '"', "'", "\\", "~"),
    *("é", "é", "ß", "İ", "日本語", "\u202e", "\u200b", "🎞️", "\u0301", "\x7f", "\n", "\t"),
    *("http:", "file:", "CON", "null", "None", "0", "00", "１", "²", "=", "+", "@", ",", ":"),
)


def random_name(rng: random.Random, suffix: str = "") -> str:
    """Return a name without a slash that ends in the suffix and is not hidden."""
    if rng.random() < 0.1:
        stem = rng.choice(string.ascii_letters) * rng.randint(100, 170)
    elif rng.random() < 0.15:
        stem = "n" + os.fsdecode(bytes(rng.choices(range(0x80, 0x100), k=3)))
    else:
        stem = "".join(rng.choices(_PIECES, k=rng.randint(1, 4)))
    if stem.startswith((".", "~", "@")):
        stem = f"n{stem}"
    if suffix and rng.random() < 0.2:
        suffix = suffix.upper()
    return stem + suffix
