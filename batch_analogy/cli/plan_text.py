"""A plan as a person reads it: frames, segments, films and what they are going to cost."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import DONE
from batch_analogy.cli.progress import duration
from batch_analogy.config import RunConfig

if TYPE_CHECKING:
    from batch_analogy.jobs.estimate import Estimate
    from batch_analogy.jobs.plan import Plan

SHOWN_UNUSABLE = 10


def print_plan(console: Console, config: RunConfig, plan: Plan) -> int:
    """Print a plan and its cost as the result; returns the exit code."""
    from batch_analogy.jobs.estimate import estimate
    from batch_analogy.jobs.plan_file import plan_to_json

    cost = estimate(config, plan)
    for name, text in [*_plan_rows(config, plan), *_cost_rows(config, cost)]:
        console.result(f"{name:10}{text}")
    console.event("plan", **plan_to_json(plan), estimate=cost, run_dir=config.run_dir)
    return DONE


def _plan_rows(config: RunConfig, plan: Plan) -> Iterator[tuple[str, str]]:
    from batch_analogy.jobs.assemble import films_of
    from batch_analogy.jobs.ranges import format_frames

    about = "about " if plan.estimated else ""
    shots = f" and {len(plan.shots)} shots" if len(plan.shots) > 1 else ""
    yield "frames", f"{about}{plan.total} in {_segments(plan)}{shots}, from {config.source}"
    if plan.leave_out:
        yield "left out", format_frames(plan.leave_out)
    yield "reference", f"{config.reference}, {plan.reference_width}x{plan.reference_height}"
    for film in films_of(config):
        height, width = plan.picture_size(film.output, plan.usable()[0].index)
        yield "film", f"{film.path}, {width}x{height}, {frame_rate(plan.fps)} frames/s"
    yield "run", str(config.run_dir)
    failed = [frame for frame in plan.wanted() if frame.error is not None]
    for frame in failed[:SHOWN_UNUSABLE]:
        yield "unusable", f"frame {frame.index}: {frame.error}"
    if len(failed) > SHOWN_UNUSABLE:
        yield "", f"… and {len(failed) - SHOWN_UNUSABLE} more"


def _segments(plan: Plan) -> str:
    lengths = {segment.stop - segment.start for segment in plan.segments}
    longest = f" of at most {max(lengths)} frames" if max(lengths) > 1 else ""
    return f"{len(plan.segments)} segments{longest}"


def _cost_rows(config: RunConfig, cost: Estimate) -> Iterator[tuple[str, str]]:
    if not cost.left:
        yield "time", "none: every frame is finished"
        return
    yield "time", _time(config, cost)
    short = cost.free_bytes < cost.disk_bytes
    warning = ": TOO LITTLE, free some or name another folder with --run-dir" if short else ""
    yield (
        "disk",
        f"about {_size(cost.disk_bytes)} more, {_size(cost.free_bytes)} are free{warning}",
    )


def _time(config: RunConfig, cost: Estimate) -> str:
    if cost.seconds_a_frame is None:
        return "not known before a frame is done: batch-analogy preview measures it"
    pace = f"{cost.seconds_a_frame:.1f} s a frame and worker, from {cost.measured} done here"
    if cost.seconds is None:
        whole = duration(cost.seconds_a_frame * cost.left)
        return f"about {whole} of work for {config.execution.address} to share ({pace})"
    workers = "1 worker" if cost.workers == 1 else f"{cost.workers} workers"
    return f"about {duration(cost.seconds)} for {cost.left} frames on {workers} ({pace})"


def _size(size_bytes: int) -> str:
    """A size to read at a glance.

    >>> _size(1_200_000), _size(52_300_000_000)
    ('1 MB', '52.3 GB')
    """
    if size_bytes < 1e9:
        return f"{max(1, round(size_bytes / 1e6))} MB"
    return f"{size_bytes / 1e9:.1f} GB"


def frame_rate(fps: Fraction) -> str:
    """A frame rate as people write it.

    >>> frame_rate(Fraction(24)), frame_rate(Fraction(24000, 1001))
    ('24', '23.976')
    """
    return str(fps.numerator) if fps.denominator == 1 else f"{float(fps):.3f}"
