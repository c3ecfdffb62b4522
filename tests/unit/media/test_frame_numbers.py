"""Frame numbers in file names, and gaps between them."""

from __future__ import annotations

import pytest

from batch_analogy.media.frame_numbers import are_lost, extra_holds, find_gaps, number_of


def missing(*numbers: int, form: str = "img{:04d}.jpg") -> list[list[int]]:
    return [list(gap.numbers) for gap in find_gaps([form.format(n) for n in numbers])]


def test_finds_the_last_number_before_the_suffix() -> None:
    found = number_of("2026-03-01_take2.jp2")
    assert found is not None
    assert (found.series, found.number) == (("2026-03-01_take", ".jp2"), 2)
    assert number_of("night.jp2") is None


def test_finds_gaps() -> None:
    assert missing(1, 2, 4, 5, 6, 9) == [[3], [7, 8]]
    assert missing(1, 2, 3) == []
    assert missing(9998, 9999, 1, 2, 4) == [[3]], "over the camera's last number"
    assert missing(9998, 9999, 0, 1) == []


def test_a_constant_step_has_no_gaps() -> None:
    assert missing(10, 20, 30, 50, 60) == [[40]]
    assert missing(1, 11, 21, 31) == []
    assert missing(1, 3, 5, 6, 8) == [[2], [4], [7]]


@pytest.mark.parametrize("numbers", [(3, 2, 1), (1, 1, 2), (5,), (1, 9)])
def test_other_numbers_are_not_a_sequence(numbers: tuple[int, ...]) -> None:
    assert missing(*numbers) == []


def test_names_of_several_series_are_not_a_sequence() -> None:
    assert find_gaps(["a1.jpg", "b3.jpg", "a4.jpg"]) == []
    assert find_gaps(["a1.jpg", "night.jpg", "a4.jpg"]) == []


def holds(*numbers: int) -> dict[int, int]:
    return extra_holds(find_gaps([f"{n}.png" for n in numbers]), len(numbers))


def test_holds_a_frame_for_lost_frames_after_it() -> None:
    assert holds(1, 2, 4, 5, 8) == {1: 1, 3: 2}


def test_many_missing_numbers_are_not_lost_frames() -> None:
    assert holds(1, 2, 3, 10) == {}
    assert not are_lost(find_gaps([f"{n}.png" for n in (1, 2, 3, 10)]), 4)
    there = [n for n in range(1000) if not 500 <= n < 524]
    assert holds(*there) == {499: 24}
    assert holds(*(n for n in there if n != 524)) == {}, "a pause of the camera"


def test_finds_gaps_between_very_large_numbers() -> None:
    gaps = find_gaps(["1.jpg", "2.jpg", f"{10**30}.jpg"])
    assert [gap.frames for gap in gaps] == [10**30 - 3]
    assert not are_lost(gaps, 3)
