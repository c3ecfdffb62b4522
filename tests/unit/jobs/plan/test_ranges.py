"""Frame numbers as people write them."""

from __future__ import annotations

import pytest

from batch_analogy.errors import UsageError
from batch_analogy.jobs.plan.ranges import format_frames, parse_frames


@pytest.mark.parametrize(
    ("text", "frames"),
    [("3,5-7", {3, 5, 6, 7}), (" 0 , 9 ", {0, 9}), ("4-4", {4}), ("1-3,2-4", {1, 2, 3, 4})],
)
def test_reads_numbers_and_ranges(text: str, frames: set[int]) -> None:
    assert parse_frames(text, 10) == frames
    assert parse_frames(format_frames(frames), 10) == frames


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("three", "'three' is not a frame number or range; write it like 3 or 5-10"),
        ("3,", "'' is not a frame number"),
        ("-3", "'-3' is not a frame number"),
        ("[3]", "is not a frame number"),
        ("7-5", "the range 7-5 runs backwards; write 5-7"),
        ("3,10", r"there is no frame 10: the 10 frames are numbered 0 to 9"),
        ("0-999999999", "there is no frame 999999999"),
        ("0-9999999999", "is not a frame number"),
    ],
)
def test_rejects_invalid_text_and_says_why(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words.replace("[", r"\[")):
        parse_frames(text, 10)
