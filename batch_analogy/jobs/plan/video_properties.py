"""What a run takes over from the video whose frames it does, besides the frames."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from batch_analogy.media.colour_tags import ColourSpace
from batch_analogy.media.timing import WHOLE_VIDEO, TimeRange


@dataclass(frozen=True)
class Footage:
    """The part of a video that is done, and how its frames are shown; times in seconds, exact."""

    fps: Fraction  # an average where frames have times of their own
    begin: Fraction  # of the first frame, after the file's beginning: there the sound begins
    length: Fraction  # of all frames
    colours: ColourSpace
    time_range: TimeRange = WHOLE_VIDEO  # what was asked for
    even: bool = True  # whether the rate is constant
    deep: bool = False  # whether the frames have more than 8 bits a channel

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values that ``from_json`` restores."""
        limits = (self.time_range.start, self.time_range.end)
        return {
            "fps": str(self.fps),
            "begin": str(self.begin),
            "length": str(self.length),
            "time_range": [None if time is None else str(time) for time in limits],
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
            colours=ColourSpace(**values["colours"]),
            time_range=TimeRange(
                *(None if text is None else Fraction(text) for text in values["time_range"])
            ),
            even=bool(values["even"]),
            deep=bool(values["deep"]),
        )


def describe_time_range(time_range: TimeRange) -> str:
    """A part of a video in words.

    >>> describe_time_range(WHOLE_VIDEO), describe_time_range(TimeRange(end=Fraction(5, 2)))
    ('the whole video', 'its part from the beginning to 2.5 s')
    """
    start, end = (
        None if t is None else f"{float(t):g} s" for t in (time_range.start, time_range.end)
    )
    if start is None and end is None:
        return "the whole video"
    return f"its part from {start or 'the beginning'} to {end or 'the end'}"
