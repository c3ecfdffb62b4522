"""Give random inputs to the command line, in this process, and check what becomes of them."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from batch_analogy.cli.app import main
from batch_analogy.media.video import probe_video
from tests.support.command_line import Ended, write_picture
from tests.support.random_inputs import KINDS, PLAIN, Case, Clips, make_case

FIRST, LAST = map(int, os.environ.get("FUZZ_SEEDS", "0:200").split(":"))
ENDS_WITHIN_SECONDS = 60


def seeds_of(*kinds: str) -> list[Any]:
    """Return the seeds of these kinds; the first of each is among the quick tests."""
    numbers = [number for number, kind in enumerate(KINDS) if kind in kinds]
    return [
        pytest.param(seed, marks=pytest.mark.smoke if seed < len(KINDS) else ())
        for seed in range(FIRST, LAST)
        if seed % len(KINDS) in numbers
    ]


def compile_all(folder: Path) -> None:
    """Make one plain pair, which compiles what the runs need; that may take minutes."""
    a, b = (write_picture(folder / f"{n}.png", n, 32, 40) for n in range(2))
    ended = run_here("pair", a, b, "-o", folder / "out", *PLAIN)
    assert_right(Case("a plain pair", []), ended, (0,))


def assert_case_ends_well(seed: int, folder: Path, clips: Clips) -> None:
    """Run the case of a seed: no traceback, the right exit code, and no finished frame is lost."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # the pictures are too small for more
    try:
        _check(make_case(seed, folder, clips))
    finally:
        torch.set_num_threads(before)


def _check(case: Case) -> None:
    if case.before is not None:
        assert_right(case, run_here(*case.before), (0,))
    kept = finished(case)
    if case.between is not None:
        case.what = case.between()
    ended = run_here(*case.command)
    assert_right(case, ended, case.codes)
    assert_kept(case, kept)
    assert_made(case, ended)
    if case.repair is not None:
        kept = finished(case)
        case.repair()
        assert_right(case, run_here(*case.command), (0,))
        assert_kept(case, kept)


def run_here(*words: str | Path) -> Ended:
    """Run the command line in this process; what it prints need not be UTF-8."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", "surrogateescape") for _ in range(2))
    streams = contextlib.redirect_stdout(out), contextlib.redirect_stderr(err)
    with streams[0], streams[1], pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode("utf-8", "backslashreplace"))
    return Ended(int(ended.value.code or 0), *texts)


def assert_right(case: Case, ended: Ended, codes: tuple[int, ...]) -> None:
    """Check the exit code, and that failures are told in one line that is no traceback."""
    said = f"{case.what}\n{ended.err}\n{ended.out}"
    assert ended.code in codes, said
    assert "Traceback" not in said
    assert "a bug in batch-analogy" not in said
    errors = [line for line in ended.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == (ended.code in (1, 2)), said


def finished(case: Case) -> dict[Path, str]:
    """Return the finished frames of a run, and a hash of each."""
    if case.run_dir is None:
        return {}
    paths = sorted((case.run_dir / "frames").rglob("*.png"))
    return {path: hashlib.blake2b(path.read_bytes()).hexdigest() for path in paths}


def assert_kept(case: Case, before: dict[Path, str]) -> None:
    now = finished(case)
    for path, digest in before.items():
        assert path in case.lost or now.get(path) == digest, f"{case.what}: {path} is lost"


def assert_made(case: Case, ended: Ended) -> None:
    """Check that success means a film, and that every frame that can be made was made."""
    if ended.code in (0, 3) and case.film is not None:
        count = probe_video(case.film).frame_count
        assert count >= 1
        assert case.frames is None or count == {0: case.frames, 3: 3}[ended.code]
    if case.frames and case.run_dir is not None:
        assert len(finished(case)) == case.frames, f"{case.what}\n{ended.err}"
