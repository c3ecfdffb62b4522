"""A film from Python: plan it, preview it, make it, and make another film of the same frames.

    python examples/python_films.py [FOLDER] [--side 160]

The command line is made of the same functions, so ``batch-analogy resume FOLDER/film.run`` would
continue a run that was started here.
"""

from __future__ import annotations

import argparse
from fractions import Fraction
from pathlib import Path

from make_pictures import camera_move, fit, sample_pictures, write_frames

from batch_analogy import (
    AnalogyConfig,
    ExecutionConfig,
    RunEvent,
    assemble_film,
    events,
    film_config,
    plan_film,
    preview_film,
    read_status,
    run_film,
)
from batch_analogy.media.stills import write_png


def tell(event: RunEvent) -> None:
    """Print the events that matter to a person."""
    match event:
        case events.FrameDone(name=name, done=done, total=total):
            print(f"{name}: {done} of {total} frames are done")
        case events.FrameFailed(name=name, message=message, will_retry=False):
            print(f"{name} failed: {message}")
        case events.FilmWritten(path=path, frames=frames):
            print(f"{path}: {frames} frames")


def main() -> None:
    """Make a film of four frames after a portrait, and a slower one."""
    parser = argparse.ArgumentParser(description="Make a film from Python.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("out/python_films"))
    parser.add_argument("--side", type=int, default=160, help="sides of the frames, pixels")
    options = parser.parse_args()

    pictures = sample_pictures()
    size = (options.side, options.side)
    write_frames(options.folder / "frames", camera_move(pictures["astronaut"], 4, size))
    write_png(options.folder / "hopper.png", fit(pictures["hopper"], options.side))

    config = film_config(
        "timelapse",
        options.folder / "frames",
        reference=options.folder / "hopper.png",
        output=options.folder / "film.mp4",
        analogy=AnalogyConfig.for_preset("photo-to-photo", quality="draft"),
        execution=ExecutionConfig(address="none"),  # in this process, without Ray
    )
    plan = plan_film(config)
    print(f"{plan.total} frames in {len(plan.shots)} shot, {plan.fps} per second")

    preview = preview_film(config, 1, on_event=tell)
    print(f"preview: {preview.sheet}")

    result = run_film(config, on_event=tell)
    print(f"{result.done} frames done, {len(result.failed)} failed")
    print(f"status: {read_status(config.run_dir).state}")

    assemble_film(
        config.run_dir, output=options.folder / "slow.mp4", fps=Fraction(6), on_event=tell
    )


if __name__ == "__main__":
    main()
