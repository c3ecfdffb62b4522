"""A plan as a person reads it: frames, segments, films and what they are going to cost."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import DONE
from batch_analogy.cli.run_watcher import duration
from batch_analogy.config.run import RunConfig

if TYPE_CHECKING:
    from batch_analogy.jobs.drive.estimate import Estimate
    from batch_analogy.jobs.plan.run_plan import Plan

MAX_SHOWN_UNUSABLE = 10
MAX_SHOWN_SHOTS = 8
MAX_SHOWN_KEYFRAMES = 8
MAX_SHOWN_REFERENCES = 12
ORDERS = {
    "number": "the numbers in their names",
    "name": "folders and names",
    "time": "EXIF capture time",
}


def print_plan(console: Console, config: RunConfig, plan: Plan) -> int:
    """Print a plan and its cost as the result; returns the exit code."""
    from batch_analogy.jobs.drive.estimate import estimate
    from batch_analogy.jobs.plan.plan_file import plan_to_json

    cost = estimate(config, plan)
    for name, text in [*_plan_rows(config, plan), *_cost_rows(config, cost)]:
        console.result(f"{name:10}{text}")
    console.event("plan", **plan_to_json(plan), estimate=cost, run_dir=config.run_dir)
    return DONE


def _plan_rows(config: RunConfig, plan: Plan) -> Iterator[tuple[str, str]]:
    from batch_analogy.jobs.drive.film_outputs import films_of
    from batch_analogy.jobs.plan.ranges import format_frames

    about = "about " if plan.estimated else ""
    shots = f" and {len(plan.shots)} shots" if len(plan.shots) > 1 else ""
    yield "frames", f"{about}{plan.total} in {_segments(plan)}{shots}, from {_source(config, plan)}"
    if plan.leave_out:
        yield "left out", format_frames(plan.leave_out)
    if plan.video is None and len(plan.frames) > 1:
        yield from _order_rows(config, plan)
        yield from _missing_rows(config, plan)
        yield from _own_reference_rows(plan)
    yield from _depth_rows(plan)
    if plan.white_balance is not None:
        balance = " : ".join(f"{factor:.3f}" for factor in plan.white_balance[:3])
        yield "RAW", f"all developed alike, with the first one's white balance ({balance})"
    yield from _found_rows(config, plan)
    if plan.painting is None:
        yield from _reference_rows(config, plan)
    yield from _painting_rows(plan)
    for film in films_of(config):
        height, width = plan.picture_size(film.output, plan.usable()[0].index)
        yield "film", f"{film.path}, {width}x{height}, {_rate(config, plan)}"
    yield "run", str(config.run_dir)
    failed = [frame for frame in plan.wanted() if frame.error is not None]
    for frame in failed[:MAX_SHOWN_UNUSABLE]:
        yield "unusable", f"frame {frame.index}: {frame.error}"
    if len(failed) > MAX_SHOWN_UNUSABLE:
        yield "", f"… and {len(failed) - MAX_SHOWN_UNUSABLE} more"


def _reference_rows(config: RunConfig, plan: Plan) -> Iterator[tuple[str, str]]:
    if not plan.references:
        yield "reference", f"{config.reference}, {plan.reference_width}x{plan.reference_height}"
        return
    places = [
        f"{Path(reference.fingerprint.path).name} at frame {reference.frame}"
        for reference in plan.references
    ]
    count = len(places)
    shown = (
        places
        if count <= MAX_SHOWN_REFERENCES
        else [*places[: MAX_SHOWN_REFERENCES - 1], places[-1]]
    )
    yield "reference", f"{config.reference}: {count}, each fading into the next"
    for place in shown:
        yield "", place
    if count > len(shown):
        yield "", f"and {count - len(shown)} more between those"


def _own_reference_rows(plan: Plan) -> Iterator[tuple[str, str]]:
    """Whether the reference lies among the frames, as it does by mistake, or because it is one."""
    for frame in plan.wanted():
        if frame.source == plan.reference.path and plan.painting is None:
            yield (
                "",
                f"WARNING: the reference {frame.name} lies among the frames and is frame "
                f"{frame.index} of the film; if it is none, move it elsewhere",
            )


def _order_rows(config: RunConfig, plan: Plan) -> Iterator[tuple[str, str]]:
    """By what stills were put in order, and what speaks for another one."""
    from batch_analogy.jobs.plan.survey import arrangement_of

    found = arrangement_of(plan.frames, config.order)
    text = f"by {ORDERS[found.by]}"
    if found.copies:
        text += f", {found.copies} copies like 'a (1).jpg' after their originals"
    if found.wraps:
        text += f"; the camera's counter began again at {', '.join(found.wraps[:MAX_SHOWN_SHOTS])}"
    yield "order", text
    if found.disputed:
        at = found.disputed[0]
        names = f"{plan.frames[at].name} follows {plan.frames[at - 1].name}"
        count = len(found.disputed)
        where = f"{names}" + (f" (and {count - 1} more such places)" if count > 1 else "")
        if found.by == "time":
            yield "", f"WARNING: by name it would be another: {where}; see --order name"
        else:
            yield "", f"WARNING: taken in another: {where}, but was taken earlier; see --order time"


def plan_notes(config: RunConfig, plan: Plan) -> Iterator[str]:
    """What a person should know of a run's stills, without the rest of the plan."""
    if plan.video is None and len(plan.frames) > 1:
        rows = [*_order_rows(config, plan), *_missing_rows(config, plan)]
        yield from (text for name, text in rows if name not in ("order", "numbers"))
        yield from (text for _, text in _own_reference_rows(plan))
        yield from (text for _, text in _depth_rows(plan))
    if config.temporal == "on" and not plan.coherent and len(plan.frames) > 1:
        yield f"WARNING: {_apart(config)}"
    yield from (text for name, text in _painting_rows(plan) if name != "painted")


def _painting_rows(plan: Plan) -> Iterator[tuple[str, str]]:
    """What the frames are painted after, and shots in which none was painted."""
    from batch_analogy.jobs.plan.paint_inputs import shots_without_keyframe
    from batch_analogy.jobs.plan.ranges import format_range

    if plan.painting is None:
        return
    for key in plan.painting.keys[:MAX_SHOWN_KEYFRAMES]:
        over = key.example.path if key.example else plan.frames[key.frame or 0].name
        yield "painted", f"{key.painted.path} over {over}"
    if len(plan.painting.keys) > MAX_SHOWN_KEYFRAMES:
        yield "painted", f"… and {len(plan.painting.keys) - MAX_SHOWN_KEYFRAMES} more"
    for key in plan.painting.keys:
        if key.example and _transparent(key.example.path) and not _transparent(key.painted.path):
            yield (
                "",
                f"WARNING: {key.example.path} has transparency and what was painted over it has "
                "none, so all of it is painted: make that transparent where frames are to show",
            )
    shots = [(shot.start, shot.stop) for shot in plan.shots]
    for start, stop in shots_without_keyframe(plan.painting, shots)[:MAX_SHOWN_SHOTS]:
        yield (
            "",
            f"WARNING: none of the frames {format_range(start, stop)} is painted, and a cut parts "
            "them from those that are; they follow by what they show: paint one of them too",
        )


def _transparent(path: str) -> bool:
    from batch_analogy.media.stills import read_opacity

    opacity = read_opacity(Path(path))
    return opacity is not None and float(opacity.min()) < 1.0


def _missing_rows(config: RunConfig, plan: Plan) -> Iterator[tuple[str, str]]:
    """What stills the numbers in the names leave out, and what the film does about it."""
    from batch_analogy.jobs.plan.survey import format_gaps, gaps_of
    from batch_analogy.media.frame_numbers import MAX_HOLD_FRAMES, are_lost

    gaps = gaps_of(plan)
    if not gaps:
        return
    count = sum(gap.frames for gap in gaps)
    if not are_lost(gaps, len(plan.frames)):
        yield "numbers", f"{count} are not used: too many to be lost frames, nothing is held"
        return
    seem = "1 frame seems" if count == 1 else f"{count} frames seem"
    yield "missing", f"{seem} to be missing: {format_gaps(gaps)}"
    if config.on_missing != "hold":
        yield "", "the film goes on without them"
        return
    yield "", "the film shows the frame before each gap for that time"
    long = [gap for gap in gaps if gap.frames > MAX_HOLD_FRAMES]
    if long:
        yield "", f"but not for more than {MAX_HOLD_FRAMES} in a row, as {format_gaps(long)}"


def _depth_rows(plan: Plan) -> Iterator[tuple[str, str]]:
    """Whether stills hold more bits than are kept of them, by the first one."""
    from batch_analogy.errors import FrameError
    from batch_analogy.media.stills import read_depth_loss

    if plan.video is not None:
        return
    first = plan.usable()[0]
    try:
        loss = read_depth_loss(Path(first.source))
    except FrameError:
        return  # it has gone since; the worker that is to do it will say so
    if loss is not None:
        yield "depth", f"of the 16 bits of {first.name} 8 are kept: {loss}"


def _apart(config: RunConfig) -> str:
    """Why frames are made one by one though coherence is on."""
    return (
        f"each frame is made by itself, since {config.incoherent_option} rules out temporal "
        "coherence, so the film may flicker; leave the option out for a steady film"
    )


def _found_rows(config: RunConfig, plan: Plan) -> Iterator[tuple[str, str]]:
    """How the frames hang together: coherence, cuts, and exposures to even out."""
    from batch_analogy.jobs.plan.ranges import format_range

    if plan.coherent:
        yield "temporal", "on: they go on from each other"
    else:
        yield "temporal", f"off: {_apart(config) if config.temporal == 'on' else 'each by itself'}"

    if len(plan.shots) > 1:
        shown = [format_range(shot.start, shot.stop) for shot in plan.shots[:MAX_SHOWN_SHOTS]]
        rest = len(plan.shots) - len(shown)
        yield "shots", ", ".join(shown) + (f" … and {rest} more" if rest else "")
    changes = [frame.exposure_ev for frame in plan.frames if frame.exposure_ev]
    if changes:
        time_range = f"{min(changes):+.2f} to {max(changes):+.2f} EV"
        yield "exposure", f"of {len(changes)} frames evened out, by {time_range}"


def _source(config: RunConfig, plan: Plan) -> str:
    from batch_analogy.jobs.plan.video_properties import describe_time_range
    from batch_analogy.media.timing import WHOLE_VIDEO

    if plan.time_range == WHOLE_VIDEO:
        return config.source
    return f"{config.source}, {describe_time_range(plan.time_range)}"


def _rate(config: RunConfig, plan: Plan) -> str:
    made = f", each the mean of {config.blend} frames" if config.blend > 1 else ""
    made += f", each shown {config.hold} times" if config.hold > 1 else ""
    if plan.constant_rate or config.fps is not None:
        return f"{frame_rate(plan.fps)} frames/s{made}"
    return f"frames at the video's own times, {float(plan.fps):.2f} a second on average{made}"


def _segments(plan: Plan) -> str:
    lengths = {segment.stop - segment.start for segment in plan.segments}
    longest = f" of at most {max(lengths)} frames" if max(lengths) > 1 else ""
    plural = "" if len(plan.segments) == 1 else "s"
    return f"{len(plan.segments)} segment{plural}{longest}"


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
    if cost.seconds_per_frame is None:
        return "not known before a frame is done: batch-analogy preview measures it"
    pace = f"{cost.seconds_per_frame:.1f} s a frame and worker, from {cost.measured} done here"
    if cost.seconds is None:
        whole = duration(cost.seconds_per_frame * cost.left)
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
