"""Run the ffmpeg program that comes with imageio-ffmpeg."""

from __future__ import annotations

import collections
import errno
import os
import re
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import imageio_ffmpeg

from batch_analogy.errors import MachineError

FILES_ONLY = ("-protocol_whitelist", "file")
"""Input option: a playlist posing as a video must not make ffmpeg open network addresses."""

_QUIET = ("-hide_banner", "-nostdin", "-nostats")
_KEPT_LINES = 200
_PART = re.compile(r"^\[[^\]]*\] ")  # of ffmpeg, and its address in memory, before a message
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)


@dataclass(frozen=True)
class FfmpegResult:
    """Exit code (0: success), standard output and messages of a finished ffmpeg process."""

    code: int
    output: str
    messages: str


def ffmpeg_program() -> str:
    """Return the path of the ffmpeg program.

    Raises:
        MachineError: no program was found.
    """
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise MachineError(
            "no ffmpeg program was found; install the imageio-ffmpeg wheel for this machine, "
            "or name a program in IMAGEIO_FFMPEG_EXE"
        ) from error


def as_url(path: Path) -> str:
    """Return a ``file:`` URL, so that ffmpeg never parses a name as a protocol or a pattern."""
    return f"file:{path}"


def run_ffmpeg(arguments: Sequence[str]) -> FfmpegResult:
    """Run ffmpeg and wait until it ends.

    Args:
        arguments: the command line after the program's name.

    Raises:
        MachineError: no ffmpeg was found.
    """
    with FfmpegPipe(arguments, reads=True) as pipe:
        output = pipe.stream.read()
    return FfmpegResult(pipe.code, output.decode(errors="replace"), pipe.messages)


def last_lines(messages: str) -> str:
    """Join the last two lines of ffmpeg's messages, for an error message."""
    lines = [line.strip() for line in messages.splitlines() if line.strip()]
    return "; ".join(lines[-2:]) or "no message"


def first_reason(messages: str) -> str:
    """Return the first of ffmpeg's messages, for an error message; later ones are consequences.

    >>> first_reason("[aist#0:1 @ 0x55] no decoder found\\nInvalid argument")
    'no decoder found'
    """
    lines = [line.strip() for line in messages.splitlines() if line.strip()]
    return _PART.sub("", lines[0]) if lines else "no message"


def disk_error_in(messages: str) -> OSError | None:
    """Return the error of the disk that ffmpeg's messages tell of: full, read-only or the like."""
    return next(
        (OSError(code, text) for code in _DISK_ERRORS if (text := os.strerror(code)) in messages),
        None,
    )


class FfmpegPipe:
    """A running ffmpeg process, connected by a pipe to its output or to its input.

    Leaving the ``with`` block closes the pipe and waits for the process; an exception in the block
    kills the process. Afterwards ``code`` and ``messages`` tell how it ended.

    Args:
        arguments: the command line after the program's name.
        reads: True to read ffmpeg's output, False to write its input.

    Raises:
        MachineError: no ffmpeg was found.
    """

    def __init__(self, arguments: Sequence[str], *, reads: bool) -> None:
        command = [ffmpeg_program(), *_QUIET, *arguments]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL if reads else subprocess.PIPE,
            stdout=subprocess.PIPE if reads else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={"SVT_LOG": "1", **os.environ},  # SVT-AV1 is silent, but for errors
            start_new_session=True,  # Ctrl-C is handled by the driver, not by ffmpeg
        )
        process = self._process
        self.stream = cast("IO[bytes]", process.stdout if reads else process.stdin)
        self._head: list[str] = []
        self._tail: collections.deque[str] = collections.deque(maxlen=_KEPT_LINES)
        self._drain = threading.Thread(target=self._collect, daemon=True)
        self._drain.start()

    @property
    def code(self) -> int:
        """Exit code, available after the ``with`` block."""
        assert self._process.returncode is not None
        return self._process.returncode

    @property
    def messages(self) -> str:
        """First and last lines of ffmpeg's messages."""
        return "".join([*self._head, *self._tail])

    def _collect(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            kept = self._head if len(self._head) < _KEPT_LINES else self._tail
            kept.append(line.decode(errors="replace"))

    def __enter__(self) -> FfmpegPipe:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._process.kill()
        try:
            self.stream.close()
        except BrokenPipeError:
            pass  # ffmpeg ended early; its exit code and messages say why
        finally:
            self._process.wait()
            self._drain.join()
            if self._process.stderr is not None:
                self._process.stderr.close()
