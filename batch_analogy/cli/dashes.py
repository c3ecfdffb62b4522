"""Words of a command line that begin with a dash but are no options."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Sequence

from batch_analogy.errors import UsageError

SHORT_OPTIONS = ("-o", "-h")

_NUMBER = re.compile(r"-[\d.]")


def with_dashed_names(
    words: Sequence[str], option_names: Callable[[], Collection[str]]
) -> list[str]:
    """Return the words with file names that begin with a dash written as paths: ``./-night.mp4``.

    Args:
        words: the words after the program's name.
        option_names: returns the names of all options; only called if a file has such a name.

    Raises:
        UsageError: a word is a dash alone, which elsewhere means standard input or output.

    >>> with_dashed_names(["timelapse", "ref.jpg", "-frames", "-o", "-night.mp4"], set)
    ['timelapse', 'ref.jpg', './-frames', '-o', './-night.mp4']
    """
    found: list[str] = []
    for place, word in enumerate(words):
        if word == "--":
            return [*found, *words[place:]]
        found.append(_as_path(word, option_names) if word.startswith("-") else word)
    return found


def _as_path(word: str, option_names: Callable[[], Collection[str]]) -> str:
    if word == "-" and not os.path.lexists(word):
        raise UsageError(
            "- stands for standard input or output elsewhere, which cannot be used here; name a "
            "file or a folder"
        )
    if os.path.lexists(word):
        return word if word in option_names() else f"./{word}"
    is_option = word.startswith(("--", *SHORT_OPTIONS)) or _NUMBER.match(word)
    return word if is_option else f"./{word}"
