"""The texts that are burnt into a run's films."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from fractions import Fraction

from batch_analogy.config.captions import fields_of, make_text
from batch_analogy.config.run import RunConfig
from batch_analogy.jobs.plan.run_plan import FramePlan, Plan
from batch_analogy.media.captions import Captions, CaptionStyle, missing_letters

_MOST_LOOKED_AT = 1000  # frames, for letters that a font lacks


def captions_of(config: RunConfig, plan: Plan, shown: Sequence[int]) -> Captions | None:
    """Return the texts of a film; None if it has none.

    Args:
        config: the run.
        plan: its plan.
        shown: the frame that each frame of the film shows; of several, the first.
    """
    if not config.text:
        return None
    texts = [_text(config, plan, plan.frames[index]) for index in shown]
    return Captions(texts, style_of(config))


def style_of(config: RunConfig) -> CaptionStyle:
    """Return how the texts of a run look."""
    return CaptionStyle(config.text_place, config.text_size, config.text_font)


def check_text(config: RunConfig) -> None:
    """Check, before any work, that the font of the texts can be read.

    Raises:
        UsageError: it cannot.
    """
    if config.text:
        missing_letters([config.text], style_of(config))


def text_notes(config: RunConfig, plan: Plan) -> Iterator[str]:
    """Yield what a person should know about the texts beforehand."""
    if not config.text:
        return
    frames = plan.usable()
    if "date" in fields_of(config.text):
        yield from _date_notes(plan, frames)
    some = frames[:: max(1, len(frames) // _MOST_LOOKED_AT)]
    letters = missing_letters((_text(config, plan, frame) for frame in some), style_of(config))
    if letters:
        yield (
            f"WARNING: no font here has the letters {letters[:20]} of the text; name one by "
            "--text-font"
        )


def _date_notes(plan: Plan, frames: Sequence[FramePlan]) -> Iterator[str]:
    """Yield where the dates come from, or that there are none."""
    properties = plan.video_properties
    if properties is not None and properties.created is not None:
        begin = datetime.fromisoformat(properties.created)
        shown = begin.strftime("%Y-%m-%d %H:%M:%S") + (f" {begin.tzinfo}" if begin.tzinfo else "")
        yield f"the dates count from the creation time in the video, {shown}"
        return
    undated = sum(frame.taken is None for frame in frames)
    if undated:
        yield (
            "WARNING: the video does not say when it was recorded, so {date} stays empty"
            if properties is not None
            else f"WARNING: {undated} of {len(frames)} frames have no EXIF date, so {{date}} stays "
            "empty in their text"
        )


def _text(config: RunConfig, plan: Plan, frame: FramePlan) -> str:
    taken = frame.taken or _recorded(plan, frame)
    return make_text(config.text, taken=taken, frame=frame.index, name=frame.name)


def _recorded(plan: Plan, frame: FramePlan) -> str | None:
    """Return when a frame of a video was recorded; None if that is unknown."""
    properties = plan.video_properties
    if properties is None or properties.created is None:
        return None
    shown = frame.index / properties.fps if frame.time is None else Fraction(frame.time)
    begin = datetime.fromisoformat(properties.created)
    return (begin + timedelta(seconds=float(properties.start + shown))).isoformat()
