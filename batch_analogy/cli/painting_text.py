"""Text of a plan about its painted pictures, guides and masks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batch_analogy.jobs.plan.paint_inputs import FramePictures, PaintInputs
    from batch_analogy.jobs.plan.run_plan import Plan

MAX_SHOWN_SHOTS = 8
MAX_SHOWN_KEYFRAMES = 8


def painting_rows(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield the painted pictures, and warnings of lost transparency and shots without one."""
    from batch_analogy.jobs.plan.paint_inputs import shots_without_keyframe
    from batch_analogy.jobs.plan.ranges import format_range

    if plan.painting is None:
        return
    for key in plan.painting.keys[:MAX_SHOWN_KEYFRAMES]:
        over = key.example.path if key.example else plan.frames[key.frame or 0].name
        yield "painted", f"{key.painted.path} over {over}"
    if len(plan.painting.keys) > MAX_SHOWN_KEYFRAMES:
        yield "painted", f"… and {len(plan.painting.keys) - MAX_SHOWN_KEYFRAMES} more"
    yield from (("", text) for text in _placing_notes(plan.painting, plan))
    yield from (("", text) for text in _map_notes(plan.painting, plan))
    for key in plan.painting.keys:
        if key.example and _transparent(key.example.path) and not _transparent(key.painted.path):
            yield (
                "",
                f"WARNING: {key.example.path} has transparency but {key.painted.path} has none, so "
                "everything is painted; make it transparent where the frames should show",
            )
    shots = [(shot.start, shot.stop) for shot in plan.shots]
    for start, stop in shots_without_keyframe(plan.painting, shots)[:MAX_SHOWN_SHOTS]:
        yield (
            "",
            f"WARNING: a cut separates frames {format_range(start, stop)} from every keyframe, so "
            "only what they show decides how they are painted; paint one of them too",
        )


def _placing_notes(inputs: PaintInputs, plan: Plan) -> Iterator[str]:
    """Yield how painted pictures, guides and masks were placed and scaled where names do not tell.

    A number counts from 0; that of a picture that shows another frame counts from 1.
    """
    from batch_analogy.media.stills import read_size

    for key in inputs.keys:
        name, frame = Path(key.painted.path).name, key.frame
        number = int(key.named) if key.named is not None and key.named.isdecimal() else None
        if frame is not None and key.placed_by != "name" and number != frame:
            shows = "shows" if key.placed_by == "content" else "is taken for"
            yield f"NOTE: {name} {shows} frame {frame} ({plan.frames[frame].name})"
        if frame is not None and key.placed_by == "guess":
            yield (
                f"WARNING: {name} was laid over frame {frame} ({plan.frames[frame].name}), but may "
                "mean another, and what it shows does not tell; check it, or give --key "
                "FRAME=PAINTED"
            )
        over = plan.frames[frame or 0]
        size = read_size(Path(key.example.path)) if key.example else (over.height, over.width)
        own = read_size(Path(key.painted.path))
        if own != size:
            yield f"NOTE: {name} is scaled from {own[1]}×{own[0]} to {size[1]}×{size[0]} px"
    named = [("guides", g) for guide in inputs.guides for g in (guide.source, guide.target)]
    for what, pictures in [*named, *([] if inputs.mask is None else [("masks", inputs.mask)])]:
        yield from fitting_notes(what, pictures)


def fitting_notes(what: str, pictures: FramePictures) -> Iterator[str]:
    """Yield how guides or masks were placed and scaled where names do not tell."""
    folder = Path(pictures.paths[0]).parent
    if pictures.scaled:
        yield f"NOTE: {what} in {folder}: {pictures.scaled} scaled to the size of their frames"
    if pictures.by_order:
        yield f"NOTE: the {what} in {folder} are taken in order; their names do not tell"


def _map_notes(inputs: PaintInputs, plan: Plan) -> Iterator[str]:
    """Yield how the first mask, and the first label maps, are read."""
    from batch_analogy.errors import InputError
    from batch_analogy.media.coverage import coverage_notes
    from batch_analogy.media.label_pictures import read_map

    notes: list[str] = []
    frame = plan.usable()[0]
    try:
        if inputs.mask is not None:
            notes += coverage_notes(inputs.mask.of(frame.index), (frame.height, frame.width))
        if (plan.pixels.get("painting") or {}).get("labels") and plan.video is None:
            examples = [Path(key.example.path) for key in inputs.keys[:1] if key.example]
            notes += [n for path in [*examples, Path(frame.source)] for n in read_map(path).notes]
    except InputError:
        return  # it was deleted meanwhile; its worker will report it
    yield from (f"NOTE: {note}" for note in notes)


def _transparent(path: str) -> bool:
    from batch_analogy.errors import FrameError
    from batch_analogy.media.stills import read_opacity

    opacity = None
    with contextlib.suppress(FrameError):  # it was deleted meanwhile; its worker will report it
        opacity = read_opacity(Path(path))
    return opacity is not None and float(opacity.min()) < 1.0
