"""Stability of a film made from one painted keyframe, for clips with known motion.

    python -m benchmarks.keyframes [--cases pan object] [--photos astronaut] [--frames 24]
                                   [--paint painted] [--key 0] [--keep FOLDER]

Real runs of ``analogy`` over synthetic motion (``benchmarks.clips``), in this process: with frames
propagated from the keyframe (``on``), and with every frame synthesised separately (``off``).
Metrics use the exact flow and masks. ``texture_displacement_px`` is the distance of the painted
texture from the position to which the motion takes it, between consecutive frames and from the
keyframe to the frame at the far end.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.config.painting import PaintConfig, PaintedKeyframe
from batch_analogy.config.run import ExecutionConfig, RunConfig, Temporal
from batch_analogy.jobs.drive.open_run import open_run
from batch_analogy.jobs.folder.journal import read_history
from batch_analogy.jobs.store import RunStore
from batch_analogy.media.stills import read_still, write_png
from batch_analogy.report.evaluation import frame_metrics
from batch_analogy.report.evaluation.masked_flow import MaskedFlow, texture_displacement_px
from benchmarks import restyle
from benchmarks.clips import CASES, Clip
from benchmarks.common import report

MODES: tuple[Temporal, ...] = ("off", "on")


def write_input(folder: Path, clip: Clip, paint: str, key: int) -> PaintConfig:
    """Write the frames, and one of them painted; return the painting's settings."""
    for t, frame in enumerate(clip.frames):
        write_png(folder / "in" / f"{t:04d}.png", frame)
    painted = folder / "painted.png"
    write_png(painted, restyle.RESTYLES[paint](clip.frames[key]))
    return PaintConfig(keys=(PaintedKeyframe(painted=str(painted), frame=f"{key:04d}.png"),))


def film(
    folder: Path, paint: PaintConfig, mode: Temporal
) -> tuple[list[frame_metrics.Picture], Any]:
    """Run ``analogy`` in this process; return its frames and its history."""
    run_dir = folder / f"{mode}.run"
    result = open_run(
        RunConfig(
            command="analogy",
            reference=Path(paint.keys[0].painted),
            source=str(folder / "in"),
            output=folder / f"{mode}.mp4",
            run_dir=run_dir,
            analogy=AnalogyConfig(),
            painting=paint,
            shots="off",
            temporal=mode,
            execution=ExecutionConfig(address="none", gpus_per_worker=0),
        )
    ).execute()
    if result.done != result.total:
        raise RuntimeError(f"{run_dir}: {result.failed}")
    store = RunStore(run_dir)
    frames = [read_still(store.frame("b_prime", index)) for index in range(result.total)]
    return frames, read_history(store.journal)


def measure(clip: Clip, folder: Path, paint: PaintConfig, mode: Temporal, key: int) -> Any:
    """Make one film and measure it."""
    frames, history = film(folder, paint, mode)
    pairs = list(itertools.pairwise(range(len(frames))))
    seconds = [history.done[index].seconds for index in range(len(frames))]
    far = 0 if key > len(frames) // 2 else len(frames) - 1
    return {
        "warp_error": mean(frame_metrics.warp_error(frames[s], frames[t], *clip.truth(s, t))
                           for s, t in pairs),
        "warp_error_key_to_far": frame_metrics.warp_error(frames[key], frames[far],
                                                    *clip.truth(key, far)),
        "texture_displacement_px": mean(displaced(frames, clip, s, t) for s, t in pairs),
        "texture_displacement_key_to_far_px": displaced(frames, clip, key, far),
        "misfit": mean(history.done[index].misfit for index in range(len(frames))),
        "seconds_median": round(statistics.median(seconds), 3),
        "seconds_highest": round(max(seconds), 3),
    }  # fmt: skip


def displaced(frames: list[frame_metrics.Picture], clip: Clip, s: int, t: int) -> float:
    return float(texture_displacement_px(frames[s], frames[t], MaskedFlow(*clip.truth(s, t))))


def mean(values: Any) -> float:
    return round(float(np.mean(list(values))), 6)


def study(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Measure every case of every photograph in both modes."""
    found: dict[str, Any] = {}
    for case, photo in itertools.product(options.cases, options.photos):
        clip = CASES[case](photo, options.frames)
        place = folder / f"{case}-{photo}".replace(" ", "-")
        paint = write_input(place, clip, options.paint, options.key)
        figures = {mode: measure(clip, place, paint, mode, options.key) for mode in MODES}
        ratio = figures["on"]["warp_error"] / max(figures["off"]["warp_error"], 1e-9)
        found[f"{case}, {photo}"] = {**figures, "warp_error_ratio": round(ratio, 4)}
        print(f"{case}, {photo}: {found[f'{case}, {photo}']}", file=sys.stderr)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=["pan", "object"])
    parser.add_argument("--photos", nargs="+", default=["astronaut"])
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--paint", choices=list(restyle.RESTYLES), default="painted")
    parser.add_argument("--key", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = study(options.keep or Path(folder), options)
    settings = {k: v for k, v in vars(options).items() if k != "keep"}
    report("keyframes", {"settings": settings, "cases": found})


if __name__ == "__main__":
    main()
