"""Parsing lists of shots from other sources."""

from __future__ import annotations

import pytest

from batch_analogy.errors import UsageError
from batch_analogy.motion.shots.shot_list import parse_shots

SCENES = """Timecode List:,00:00:05.000,00:00:12.500
Scene Number,Start Frame,Start Timecode,Start Time (seconds),End Frame,End Timecode
1,1,00:00:00.000,0.000,120,00:00:05.000
2,121,00:00:05.000,5.000,300,00:00:12.500
3,301,00:00:12.500,12.500,360,00:00:15.000
"""


@pytest.mark.parametrize(
    ("text", "firsts"),
    [
        ("0\n120\n300\n", (0, 120, 300)),
        ("300, 120\n\n# a remark\n0  # the start", (0, 120, 300)),
        ("0-119\n120 - 299\n300-359\n", (0, 120, 300)),
        ("[0, 120, 300]", (0, 120, 300)),
        ('{"shots": ["0-119", "120-299", 300]}', (0, 120, 300)),
        (SCENES, (0, 120, 300)),
        (SCENES.partition("\n")[2], (0, 120, 300)),
        ("7", (7,)),
        ("# Start Frame of each shot\n0\n120\n", (0, 120)),
    ],
)
def test_parses_every_format(text: str, firsts: tuple[int, ...]) -> None:
    assert parse_shots(text) == firsts


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "lists no shots"),
        ("first\n", "'first' is not a frame number"),
        ("12.5\n", "'12.5' is not a frame number"),
        ("[true]", "'True' is not a frame number"),
        ("[0, 120", "looks like JSON but is not valid"),
        ('{"scenes": []}', "contains no list of shots"),
        ("0-100\n120-200\n", "should be 101"),
        ("0-130\n120-200\n", "should be 131"),
        ("5\n5\n", "two shots begin at frame 5"),
        ("9-5\n", "ends before it begins"),
        (SCENES.replace("121", "x"), "contains something other than numbers"),
        (SCENES.replace("1,1,", "1,0,"), "below 1"),
    ],
)
def test_rejects_text_that_is_not_a_list_of_shots(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_shots(text)
