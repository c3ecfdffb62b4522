"""The texts that are burnt into a run's films."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
    return Captions([_text(config, plan.frames[index]) for index in shown], style_of(config))


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
    undated = sum(frame.taken is None for frame in frames)
    if undated and "date" in fields_of(config.text):
        yield (
            f"{undated} of {len(frames)} frames have no EXIF date, so {{date}} stays empty in "
            "their text"
        )
    some = frames[:: max(1, len(frames) // _MOST_LOOKED_AT)]
    letters = missing_letters((_text(config, frame) for frame in some), style_of(config))
    if letters:
        yield f"no font here has the letters {letters[:20]} of the text; name one by --text-font"


def _text(config: RunConfig, frame: FramePlan) -> str:
    return make_text(config.text, taken=frame.taken, frame=frame.index, name=frame.name)
