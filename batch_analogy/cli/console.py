"""The two streams: results on stdout, messages on stderr."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, TextIO


class OutputClosedError(Exception):
    """The program that read stdout has ended, as ``head`` does."""


@dataclass(frozen=True)
class Console:
    """Writes results and messages to their streams.

    With ``json_lines``, stdout carries JSON lines alone: events as they come, a result last.
    """

    json_lines: bool = False

    def note(self, text: str) -> None:
        """Print a message on stderr, or nothing if stderr was closed.

        A long run must not end because a terminal was closed or the reader of a pipe has ended.
        """
        try:
            print(text, file=sys.stderr, flush=True)
        except OSError:
            _leave(sys.stderr)

    def result(self, text: str) -> None:
        """Print a line of the result on stdout, unless stdout carries JSON.

        Raises:
            OutputClosedError: the reader of stdout has ended.
        """
        if not self.json_lines:
            _print(text)

    def event(self, name: str, /, **fields: Any) -> None:
        """Print one JSON line on stdout, if JSON was asked for.

        Raises:
            OutputClosedError: the reader of stdout has ended.
        """
        if self.json_lines:
            line = {"event": name, **fields}
            text = json.dumps(line, default=to_json, ensure_ascii=False)
            # Bytes of a file name that are not UTF-8 are surrogates, which JSON writes as escapes.
            _print(text.encode(errors="backslashreplace").decode())


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError as error:
        _leave(sys.stdout)
        raise OutputClosedError from error


def _leave(stream: TextIO) -> None:
    """Redirect a stream to /dev/null, so that Python can flush it at exit without an error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def to_json(value: object) -> Any:
    """Return plain JSON for paths, fractions and dataclasses.

    Raises:
        TypeError: it is anything else.
    """
    if isinstance(value, Path | Fraction):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    raise TypeError(f"{type(value).__name__} has no JSON form")
