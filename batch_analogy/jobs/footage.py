"""What a run takes over from the video whose frames it does, besides the frames."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from batch_analogy.media.colours import Colours
from batch_analogy.media.timing import WHOLE, Span


@dataclass(frozen=True)
class Footage:
    """The part of a video that is done, and how its frames are shown; times in seconds, exact."""

    fps: Fraction  # an average where frames have times of their own
    begin: Fraction  # of the first frame, after the file's beginning: there the sound begins
    length: Fraction  # of all frames
    colours: Colours
    span: Span = WHOLE  # what was asked for
    even: bool = True  # whether the rate is constant
    deep: bool = False  # whether the frames have more than 8 bits a channel

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values that ``from_json`` restores."""
        limits = (self.span.start, self.span.end)
        return {
            "fps": str(self.fps),
            "begin": str(self.begin),
            "length": str(self.length),
            "span": [None if time is None else str(time) for time in limits],
            "even": self.even,
            "deep": self.deep,
            "colours": dataclasses.asdict(self.colours),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Footage:
        """Restore it; damage raises KeyError, TypeError or ValueError."""
        return cls(
            fps=Fraction(values["fps"]),
            begin=Fraction(values["begin"]),
            length=Fraction(values["length"]),
            colours=Colours(**values["colours"]),
            span=Span(*(None if text is None else Fraction(text) for text in values["span"])),
            even=bool(values["even"]),
            deep=bool(values["deep"]),
        )


def part_of(span: Span) -> str:
    """A part of a video in words.

    >>> part_of(WHOLE), part_of(Span(end=Fraction(5, 2)))
    ('the whole video', 'its part from the beginning to 2.5 s')
    """
    start, end = (None if t is None else f"{float(t):g} s" for t in (span.start, span.end))
    if start is None and end is None:
        return "the whole video"
    return f"its part from {start or 'the beginning'} to {end or 'the end'}"
