"""Texts burnt into pictures: where they stand, and that they can be read."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from batch_analogy.config.captions import TextPlace
from batch_analogy.errors import UsageError
from batch_analogy.media.captions import Captions, CaptionStyle, burn_text, missing_letters
from batch_analogy.media.encoding import EncodingOptions
from batch_analogy.media.extract import extract_frames
from batch_analogy.media.film import encode_film
from batch_analogy.media.numbered_output import write_numbered
from batch_analogy.media.stills import read_still, write_png
from batch_analogy.media.video import probe_video

GREY = np.full((200, 300, 3), 128, np.uint8)


def changed(made: np.ndarray, before: np.ndarray = GREY) -> tuple[slice, slice]:
    """Return the rows and columns that a text changed."""
    where = (made != before).any(-1)
    rows, columns = np.flatnonzero(where.any(1)), np.flatnonzero(where.any(0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


@pytest.mark.parametrize("place", get_args(TextPlace))
def test_stands_where_it_should(place: TextPlace) -> None:
    made = burn_text(GREY, "18:03", CaptionStyle(place, size=8))
    rows, columns = changed(made)
    assert (rows.stop < 60) == place.startswith("top")
    assert (rows.start > 140) == place.startswith("bottom")
    middle = (columns.start + columns.stop) / 2
    assert (middle < 100, middle > 200) == (place.endswith("left"), place.endswith("right"))
    assert min(columns.start, 300 - columns.stop, rows.start, 200 - rows.stop) > 5
    inside = made[rows, columns]
    assert inside.max() == 255  # white letters
    assert inside.min() == 0  # with a dark outline


def test_size_is_a_share_of_the_height() -> None:
    heights = []
    for size in (5.0, 10.0):
        rows, _ = changed(burn_text(GREY, "H", CaptionStyle(size=size)))
        heights.append(rows.stop - rows.start)
    assert 1.6 < heights[1] / heights[0] < 2.4


def test_long_texts_become_smaller_and_lines_stand_below_each_other() -> None:
    _, columns = changed(burn_text(GREY, "a long name of a file " * 3, CaptionStyle(size=10)))
    assert (columns.start > 2, columns.stop < 299) == (True, True)
    rows, _ = changed(burn_text(GREY, "H\nH", CaptionStyle(size=8)))
    one, _ = changed(burn_text(GREY, "H", CaptionStyle(size=8)))
    assert rows.stop - rows.start > 1.8 * (one.stop - one.start)


def test_the_line_does_not_move_with_its_letters() -> None:
    rows = [changed(burn_text(GREY, text, CaptionStyle(size=10)))[0] for text in ("H", "Hgy", "H.")]
    assert len({one.start for one in rows}) == 1


@pytest.mark.parametrize(("kind", "white"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1)])
def test_any_depth_and_transparent_ground(kind: Any, white: int) -> None:
    clear = np.zeros((100, 150, 4), kind)
    made = burn_text(clear, "7", CaptionStyle(size=20))
    assert made.dtype == kind
    assert clear.max() == 0
    assert made[..., 3].max() == white
    assert made[..., :3].max() == white
    assert made[0, 0].max() == 0


def test_an_empty_text_and_tiny_pictures() -> None:
    assert burn_text(GREY, "", CaptionStyle()) is GREY
    assert burn_text(np.zeros((4, 5, 3), np.uint8), "abc", CaptionStyle()).shape == (4, 5, 3)


def test_films_and_numbered_pictures_have_the_text_of_each_frame(tmp_path: Path) -> None:
    """The same picture twice has two texts; the picture itself stays as it is."""
    picture = tmp_path / "a.png"
    write_png(picture, GREY.astype(np.float32) / 255)
    before = picture.read_bytes()
    captions = Captions(["1", "", "HHH"], CaptionStyle("top-left", 10))
    film = tmp_path / "film.mkv"
    encode_film(
        [picture] * 3, film, fps=Fraction(10), encoding=EncodingOptions("ffv1"), captions=captions
    )
    write_numbered([picture] * 3, tmp_path / "out" / "%d.png", captions=captions)
    frames = extract_frames(probe_video(film), tmp_path / "frames").paths
    for index, frame in enumerate(frames):
        wanted = burn_text(GREY, captions.texts[index], captions.style)
        assert np.array_equal(np.rint(read_still(frame) * 255), wanted)
        numbered = np.rint(read_still(tmp_path / "out" / f"{index}.png") * 255)
        assert np.abs(numbered - wanted).max() <= 1
    assert (tmp_path / "out" / "1.png").read_bytes() == before
    assert picture.read_bytes() == before


def test_letters_that_a_font_lacks_are_named(tmp_path: Path) -> None:
    assert missing_letters(["18:03 img_1.jpg"], CaptionStyle()) == ""
    assert "\U000f0000" in missing_letters(["a\U000f0000"], CaptionStyle())
    (tmp_path / "no.ttf").write_text("no font")
    for path in (tmp_path / "no.ttf", tmp_path / "gone.ttf"):
        with pytest.raises(UsageError, match=r"give a \.ttf or \.otf file"):
            missing_letters(["a"], CaptionStyle(font=path))
