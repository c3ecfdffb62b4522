"""The two streams: results on stdout, everything said along the way on stderr."""

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
    """Whatever read stdout has ended, as ``head`` does."""


@dataclass(frozen=True)
class Console:
    """Writes results and messages where they belong.

    With ``json_lines``, stdout carries JSON lines alone: events as they come, a result last.
    """

    json_lines: bool = False

    def note(self, text: str) -> None:
        """Say something to the person, on stderr; where nobody is left to hear it, nothing.

        A night's work does not end because a terminal was closed, or what it was piped into ended.
        """
        try:
            print(text, file=sys.stderr, flush=True)
        except OSError:
            _leave(sys.stderr)

    def result(self, text: str) -> None:
        """Print a line of the result, on stdout; nothing where stdout carries JSON.

        Raises:
            OutputClosedError: nobody reads it any more.
        """
        if not self.json_lines:
            _print(text)

    def event(self, name: str, /, **fields: Any) -> None:
        """Print one JSON line on stdout, if JSON was asked for.

        Raises:
            OutputClosedError: nobody reads it any more.
        """
        if self.json_lines:
            line = {"event": name, **fields}
            text = json.dumps(line, default=to_json, ensure_ascii=False)
            # A file's name may be no text: then its bytes are half characters, in JSON as escapes.
            _print(text.encode(errors="backslashreplace").decode())


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError as error:
        _leave(sys.stdout)
        raise OutputClosedError from error


def _leave(stream: TextIO) -> None:
    """What Python still holds of a stream would be written at its end, and fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def to_json(value: object) -> Any:
    """Plain JSON for what results are made of."""
    if isinstance(value, Path | Fraction):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    raise TypeError(f"{type(value).__name__} has no JSON form")
