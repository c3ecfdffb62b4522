"""The frame of a whole film that a painted picture shows."""

from __future__ import annotations

from collections.abc import Collection

import cv2
import numpy as np
import pytest

from batch_analogy.motion.shots.film_search import FilmSearch
from batch_analogy.motion.shots.likeness import Pixels
from tests.support.painted import Picture, wide_frame

FRAMES = 60


def pixels(picture: Picture) -> Pixels:
    return np.asarray(picture, np.float32) / np.float32(255)


def posterised(index: int) -> Pixels:
    return pixels(wide_frame(index) // 64 * 64)


def read(indices: Collection[int]) -> dict[int, Pixels]:
    return {index: pixels(wide_frame(index)) for index in indices}


def test_a_painted_frame_is_found_among_all() -> None:
    search = FilmSearch(range(FRAMES), read)
    assert [search.find(posterised(index)) for index in (0, 17, 59)] == [0, 17, 59]
    assert search.find(pixels(cv2.medianBlur(wide_frame(33), 5))) == 33


def test_frames_that_cannot_be_read_are_left_out() -> None:
    search = FilmSearch([n for n in range(FRAMES) if n != 3], read)
    assert search.find(posterised(20)) == 20


def test_a_long_film_is_sampled_then_searched_around_the_likest_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("batch_analogy.motion.shots.film_search.FRAMES_AT_ONCE", 60)
    seen: list[int] = []

    def reading(indices: Collection[int]) -> dict[int, Pixels]:
        seen.append(len(indices))
        return {index: pixels(wide_frame(index / 6)) for index in indices}

    search = FilmSearch(range(6 * FRAMES), reading)
    for index in (0, 128, 253, 354):
        found = search.find(pixels(cv2.medianBlur(wide_frame(index / 6), 5)))
        assert found is not None
        assert abs(found - index) <= 2  # of 0.4 pixels each
    assert max(seen) <= 60


def test_what_no_frame_or_several_show_is_not_found() -> None:
    search = FilmSearch(range(FRAMES), read)
    noise = np.random.default_rng(0).random((56, 72, 3), np.float32)
    assert search.find(noise) is None
    twice = FilmSearch(
        range(2 * FRAMES), lambda asked: {n: read([n % FRAMES])[n % FRAMES] for n in asked}
    )
    assert twice.find(posterised(17)) is None
    still = FilmSearch(range(9), lambda asked: dict.fromkeys(asked, pixels(wide_frame(1))))
    assert still.find(posterised(1)) is None
    assert FilmSearch([0], read).find(posterised(0)) is None
