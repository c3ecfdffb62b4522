"""In which order pictures follow each other."""

from __future__ import annotations

import random

import pytest

from batch_analogy.config.run import Order
from batch_analogy.errors import InputError
from batch_analogy.media.order import Arrangement, arrange


def at(second: float) -> str:
    return f"2026-03-01T12:00:{second:09.6f}"


def ordered(
    names: list[str], times: list[float | None] | None = None, order: Order = "auto"
) -> tuple[list[str], Arrangement]:
    """The names in order, given in a random one, and what was said about it."""
    taken = [None if t is None else at(t) for t in times or [None] * len(names)]
    mixed = list(zip(names, taken, strict=True))
    random.Random(5).shuffle(mixed)
    found = arrange([n for n, _ in mixed], [t for _, t in mixed], [True] * len(mixed), order)
    return [mixed[place][0] for place in found.places], found


def test_plain_numbers_decide_though_times_differ_and_the_difference_is_told() -> None:
    names = ["img1.jpg", "img2.jpg", "IMG10.JPG"]
    found, how = ordered(names, [3, 1, 2])
    assert (found, how.by, how.disputed) == (names, "number", (1,))
    assert ordered(names, [1, 2, 3])[1].disputed == ()


def test_times_decide_where_names_do_not_count() -> None:
    names = ["sunrise.jpg", "noon.jpg", "evening.jpg", "night.jpg"]
    found, how = ordered(names, [1, 1.25, 1.5, 20])
    assert (found, how.by, how.disputed) == (names, "time", (1, 2))
    assert ordered(names, [1, 1.25, None, 20])[1].by == "name"
    assert ordered(names, [1, 2, 3, 4], "name")[0] == sorted(names)


def test_times_are_compared_in_one_zone_if_all_say_theirs() -> None:
    """The clock was set back by an hour in the middle of the night."""
    names = ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
    clocks = ["02:58", "02:59", "02:00", "02:01"]
    zones = ["+02:00", "+02:00", "+01:00", "+01:00"]
    taken = [f"2026-10-25T{c}:00.000000{z}" for c, z in zip(clocks, zones, strict=True)]
    found = arrange(names, taken, [True] * 4, "time")
    assert (found.places, found.disputed) == ((0, 1, 2, 3), ())
    one_silent = arrange(names, [taken[0][:-6], *taken[1:]], [True] * 4, "time")
    assert one_silent.places == (2, 3, 0, 1)


def test_what_was_taken_at_the_same_time_stays_in_order_of_names() -> None:
    found, how = ordered(["b/2.jpg", "b/10.jpg", "a/1.jpg"], [1, 1, 2])
    assert (found, how.by) == (["b/2.jpg", "b/10.jpg", "a/1.jpg"], "time")


def test_an_unreadable_picture_needs_no_time_and_stays_after_its_forerunner() -> None:
    names = ["x/1.jpg", "x/2.jpg", "a/1.jpg"]
    found = arrange(names, [at(1), None, at(5)], [True, False, True])
    assert ([names[n] for n in found.places], found.by) == (names, "time")


def test_time_that_is_not_known_cannot_be_asked_for() -> None:
    with pytest.raises(InputError, match=r"1 of 2 have no EXIF capture time.*b\.jpg.*--order name"):
        ordered(["a.jpg", "b.jpg"], [1, None], "time")
    assert ordered(["1.jpg", "2.jpg"], [2, 1], "time")[0] == ["2.jpg", "1.jpg"]


@pytest.mark.parametrize("first", ["DSC_0000.JPG", "DSC_0001.JPG"])
def test_a_counter_that_began_again(first: str) -> None:
    names = ["DSC_9997.JPG", "DSC_9999.JPG", first, "DSC_0002.JPG", "DSC_0004.JPG"]
    found, how = ordered(names)
    assert (found, how.by, how.wraps) == (names, "name", (first,))
    backwards = [names[-1], *names[:-1]]
    assert ordered(backwards, [1, 2, 3, 4, 5])[0] == backwards, "times are believed more"


def test_a_counter_over_folders() -> None:
    names = ["100CANON/IMG_9998.JPG", "100CANON/IMG_9999.JPG", "101CANON/IMG_0001.JPG"]
    found, how = ordered(names)
    assert (found, how.by, how.wraps) == (names, "name", ())


def test_numbers_that_only_lack_a_few_did_not_begin_again() -> None:
    names = [f"{n:04d}.jpg" for n in range(1, 10_000) if not 500 < n < 560]
    assert ordered(names)[1].wraps == ()
    picked = ["0001.jpg", "2500.jpg", "5000.jpg", "7500.jpg", "9999.jpg"]
    assert ordered(picked)[0] == picked


def test_copies_stand_after_their_originals() -> None:
    names = ["a1.jpg", "a1 (1).jpg", "a1 (2).jpg", "a1(10).jpg", "a2.jpg"]
    found, how = ordered(names)
    assert (found, how.by, how.copies) == (names, "name", 3)
    assert ordered(["a1 (1).jpg", "a1.jpg"], [1, 2])[0] == ["a1 (1).jpg", "a1.jpg"]


def test_frames_numbered_in_brackets_are_no_copies() -> None:
    names = [f"film ({n}).jpg" for n in range(1, 12)]
    found, how = ordered(names)
    assert (found, how.by, how.copies) == (names, "number", 0)


def test_files_stand_between_the_folders_beside_them() -> None:
    names = ["a2/9.jpg", "a2/b/1.jpg", "a3.jpg", "a10/1.jpg", "b/a/c/1.jpg", "b/a2.jpg"]
    found, how = ordered(names)
    assert (found, how.by) == (names, "name")
