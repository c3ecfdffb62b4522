"""Run the real command line on small pictures."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.support.processes.paced import Paced

COMMAND = [sys.executable, "-m", "batch_analogy"]
QUICK = ["--quality", "draft", "--size", "0.0041"]
APART = [*QUICK, "--temporal", "off"]  # of films: frames are independent
HERE = [*APART, "--address", "none"]
"""Options of quick runs: small matching size, independent frames, no Ray."""


@dataclass(frozen=True)
class Ended:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> list[dict[str, Any]]:
        """Parse every line of stdout as JSON."""
        return [json.loads(line) for line in self.out.splitlines()]

    def assert_ended(self, code: int, *words: str) -> None:
        """Check the exit code, and that the output has these words and no traceback."""
        said = self.err + self.out
        assert self.code == code, said
        flat = " ".join(said.replace("│", " ").split())  # usage errors come in a box
        assert [word for word in words if word not in flat] == [], said
        assert "Traceback" not in said

    def assert_failed(self, code: int, *words: str) -> None:
        """Check that the command ended with one error message that has these words."""
        self.assert_ended(code)
        errors = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1, self.err
        assert [word for word in words if word not in errors[0]] == [], errors[0]
        assert "a bug in batch-analogy" not in errors[0]


Call = Callable[..., Ended]
"""The fixture ``call``: runs the command line within this process."""


def run(*arguments: str | Path, cwd: Path | None = None) -> Ended:
    """Run the command in its own process."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    """Start the command in its own process without waiting; it receives Ctrl-C.

    A shell makes background processes ignore Ctrl-C, and the tests may be one of them.
    """
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        preexec_fn=_receive_ctrl_c,  # noqa: PLW1509  it takes no lock
    )


def _receive_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start_and_wait(command: list[str | Path], event: str = "frame-done") -> Paced:
    """Start a run with --json and return at its first event of this name.

    It makes a few more frames at most, until ``let_go`` is called.
    """
    words = [*COMMAND, *map(str, command), "--json"]
    run = Paced(words, env=environment(), preexec_fn=_receive_ctrl_c)
    run.wait_for(event)
    return run


def environment() -> dict[str, str]:
    """Return this process's environment, with the package importable from any folder."""
    root = str(Path(__file__).parents[2])
    return {**os.environ, "PYTHONPATH": root, "COLUMNS": "200"}


def picture(index: int, height: int = 64, width: int = 80) -> np.ndarray:
    """Make (height, width, 3) uint8 waves that drift with ``index``."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    waves = [np.sin((x + 2 * index) / 7), np.cos(y / 6 + index), np.sin((x + y) / 9)]
    return np.round((np.stack(waves, axis=-1) * 0.5 + 0.5) * 255).astype(np.uint8)


def write_picture(path: Path, index: int = 0, height: int = 64, width: int = 80) -> Path:
    """Write ``picture`` in the format of the path's suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(index, height, width)).save(path)
    return path


def write_frames(folder: Path, count: int, suffix: str = ".png") -> Path:
    """Write img0, img1 … into a folder."""
    for index in range(count):
        write_picture(folder / f"img{index}{suffix}", index)
    return folder


def truncate(path: Path) -> None:
    """Truncate a file to half of its size."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def finished_frames(run_dir: Path) -> dict[str, bytes]:
    """Return name → content of every finished frame of a run."""
    frames = run_dir / "frames"
    return {str(p.relative_to(frames)): p.read_bytes() for p in sorted(frames.rglob("*.png"))}


def frame_times(run_dir: Path) -> dict[str, int]:
    """Return name → modification time of every finished frame."""
    frames = run_dir / "frames"
    return {str(p.relative_to(frames)): p.stat().st_mtime_ns for p in frames.rglob("*.png")}
