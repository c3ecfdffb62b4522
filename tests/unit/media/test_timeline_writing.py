"""Timelines name the pictures of a film as they are called on the disk."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from batch_analogy.media.numbered_output import numbered
from batch_analogy.media.timeline_writing import (
    FilmTimeline,
    TimelineMark,
    TimelineShot,
    write_timeline,
)

otio = pytest.importorskip("opentimelineio")


@pytest.mark.parametrize("name", ["%d.png", "%06d.tif", "a%04d b.exr", "100 %0d.png"])
def test_numbered_pictures_are_found_by_their_numbers(tmp_path: Path, name: str) -> None:
    pattern, cut = tmp_path / "out" / name, tmp_path / "cut.otio"
    shots = [TimelineShot(0, 12, "Shot 1")]
    write_timeline(cut, FilmTimeline(film=pattern, fps=Fraction(24), frames=12, shots=shots))
    (clip,) = otio.adapters.read_from_file(str(cut)).find_clips()
    for number in (0, 11):
        url = clip.media_reference.target_url_for_image_number(number)
        assert unquote(urlsplit(url).path) == str(numbered(pattern, number))


def test_markers_lie_in_the_shot_in_which_they_begin(tmp_path: Path) -> None:
    shots = [TimelineShot(0, 5, "Shot 1"), TimelineShot(5, 9, "Shot 2")]
    places = [(7, 8), (0, 1), (3, 7), (5, 6), (9, 10)]
    marks = [TimelineMark(*place, "missing", f"{place[0]}") for place in places]
    film = FilmTimeline(tmp_path / "film.mp4", Fraction(24), 9, shots, marks)
    write_timeline(tmp_path / "cut.otio", film)
    clips = list(otio.adapters.read_from_file(str(tmp_path / "cut.otio")).find_clips())
    found = [[(m.name, m.marked_range.duration.value) for m in clip.markers] for clip in clips]
    assert found == [[("0", 1), ("3", 2)], [("7", 1), ("5", 1)]]
