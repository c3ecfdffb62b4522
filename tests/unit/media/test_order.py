"""The order of pictures by name, number and time."""

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
    """Shuffle names, order them, and return them with the arrangement."""
    taken = [None if t is None else at(t) for t in times or [None] * len(names)]
    mixed = list(zip(names, taken, strict=True))
    random.Random(5).shuffle(mixed)
    found = arrange([n for n, _ in mixed], [t for _, t in mixed], [True] * len(mixed), order)
    return [mixed[index][0] for index in found.order], found


def test_plain_numbers_decide_and_disagreeing_times_are_reported() -> None:
    names = ["img1.jpg", "img2.jpg", "IMG10.JPG"]
    found, how = ordered(names, [3, 1, 2])
    assert (found, how.by, how.disputed) == (names, "number", (1,))
    assert ordered(names, [1, 2, 3])[1].disputed == ()


def test_times_decide_if_names_are_not_numbered() -> None:
    names = ["sunrise.jpg", "noon.jpg", "evening.jpg", "night.jpg"]
    found, how = ordered(names, [1, 1.25, 1.5, 20])
    assert (found, how.by, how.disputed) == (names, "time", (1, 2))
    assert ordered(names, [1, 1.25, None, 20])[1].by == "name"
    assert ordered(names, [1, 2, 3, 4], "name")[0] == sorted(names)


def test_times_are_compared_in_utc_if_all_record_their_zone() -> None:
    """The clock was set back by an hour in the middle of the night."""
    names = ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
    clocks = ["02:58", "02:59", "02:00", "02:01"]
    zones = ["+02:00", "+02:00", "+01:00", "+01:00"]
    taken = [f"2026-10-25T{c}:00.000000{z}" for c, z in zip(clocks, zones, strict=True)]
    found = arrange(names, taken, [True] * 4, "time")
    assert (found.order, found.disputed) == ((0, 1, 2, 3), ())
    one_silent = arrange(names, [taken[0][:-6], *taken[1:]], [True] * 4, "time")
    assert one_silent.order == (2, 3, 0, 1)


def test_equal_times_stay_in_order_of_names() -> None:
    found, how = ordered(["b/2.jpg", "b/10.jpg", "a/1.jpg"], [1, 1, 2])
    assert (found, how.by) == (["b/2.jpg", "b/10.jpg", "a/1.jpg"], "time")


def test_an_unreadable_picture_stays_behind_its_predecessor() -> None:
    names = ["x/1.jpg", "x/2.jpg", "a/1.jpg"]
    found = arrange(names, [at(1), None, at(5)], [True, False, True])
    assert ([names[n] for n in found.order], found.by) == (names, "time")


def test_rejects_order_by_unknown_times() -> None:
    with pytest.raises(InputError, match=r"1 of 2 have no EXIF capture time.*b\.jpg.*--order name"):
        ordered(["a.jpg", "b.jpg"], [1, None], "time")
    assert ordered(["1.jpg", "2.jpg"], [2, 1], "time")[0] == ["2.jpg", "1.jpg"]


@pytest.mark.parametrize("first", ["DSC_0000.JPG", "DSC_0001.JPG"])
def test_orders_a_wrapped_counter(first: str) -> None:
    names = ["DSC_9997.JPG", "DSC_9999.JPG", first, "DSC_0002.JPG", "DSC_0004.JPG"]
    found, how = ordered(names)
    assert (found, how.by, how.wraps) == (names, "name", (first,))
    backwards = [names[-1], *names[:-1]]
    assert ordered(backwards, [1, 2, 3, 4, 5])[0] == backwards, "times are believed more"


def test_a_counter_that_continues_in_the_next_folder() -> None:
    names = ["100CANON/IMG_9998.JPG", "100CANON/IMG_9999.JPG", "101CANON/IMG_0001.JPG"]
    found, how = ordered(names)
    assert (found, how.by, how.wraps) == (names, "name", ())


def test_small_gaps_are_not_a_wrap() -> None:
    names = [f"{n:04d}.jpg" for n in range(1, 10_000) if not 500 < n < 560]
    assert ordered(names)[1].wraps == ()
    picked = ["0001.jpg", "2500.jpg", "5000.jpg", "7500.jpg", "9999.jpg"]
    assert ordered(picked)[0] == picked


def test_copies_follow_their_originals() -> None:
    names = ["a1.jpg", "a1 (1).jpg", "a1 (2).jpg", "a1(10).jpg", "a2.jpg"]
    found, how = ordered(names)
    assert (found, how.by, how.copies) == (names, "name", 3)
    assert ordered(["a1 (1).jpg", "a1.jpg"], [1, 2])[0] == ["a1 (1).jpg", "a1.jpg"]


@pytest.mark.parametrize(
    "names",
    [
        ["a.jpg", "a - Copy.jpg", "a - Copy (2).jpg", "b.jpg"],
        ["img 1.jpg", "img 1 copy.jpg", "img 1 copy 2.jpg", "img 2.jpg"],
        ["a.jpg", "a - Kopie.jpg", "a - Kopie (2).jpg", "b.jpg"],
    ],
)
def test_copies_of_systems_follow_their_originals(names: list[str]) -> None:
    found, how = ordered(names[::-1])
    assert (found, how.by, how.copies) == (names, "name", 2)
    assert ordered(["scopy 2.jpg", "scopy 10.jpg"])[1].copies == 0


def test_frames_numbered_in_brackets_are_not_copies() -> None:
    names = [f"film ({n}).jpg" for n in range(1, 12)]
    found, how = ordered(names)
    assert (found, how.by, how.copies) == (names, "number", 0)


def test_files_and_subfolders_are_sorted_together() -> None:
    names = ["a2/9.jpg", "a2/b/1.jpg", "a3.jpg", "a10/1.jpg", "b/a/c/1.jpg", "b/a2.jpg"]
    found, how = ordered(names)
    assert (found, how.by) == (names, "name")


@pytest.mark.parametrize(
    ("names", "note"),
    [
        (["t_0.125.png", "t_0.25.png", "t_0.5.png", "t_0.75.png"], "t_0.125.png before t_0.25"),
        (["t_0.75.png", "t_0.8.png", "t_1.05.png", "t_1.5.png"], "are decimals"),
        (["a 0.05 s.jpg", "a 0.1 s.jpg", "a 0.125 s.jpg"], "are decimals"),
        (["12.01.00 AM.png", "11.59.10 AM.png", "1.05.30\u202fPM.png"], "AM and PM"),
        (["9am.jpg", "10am.jpg", "12pm.jpg", "1pm.jpg"], "AM and PM"),
        (["day1 1:00 a.m.jpg", "day1 11:59 a.m.jpg", "day1 2:00 p.m.jpg"], "AM and PM"),
        (["15-06-2023.jpg", "31-12-2023.jpg", "01-01-2024.jpg"], "begin with the day"),
        (["a 06.15.2023.jpg", "a 12.31.2023.jpg", "a 01.01.2024.jpg"], "begin with the month"),
        (["02_01_2024.jpg", "01_02_2024.jpg"], "WARNING: the dates may begin with the month"),
        (["12-Jan-2024.jpg", "05-Feb-2024.jpg", "1-March-2024.jpg"], "names of months"),
        (["2023 Dec 31.jpg", "2024 Jan 10.jpg", "2024 Feb 2.jpg"], "names of months"),
        (["31. Dez 2023.jpg", "1. Jan 2024.jpg", "2. M\u00e4r 2024.jpg"], "names of months"),
        (
            ["31 d\u00e9cembre 2023.jpg", "1 f\u00e9vrier 2024.jpg", "1 ao\u00fbt 2024.jpg"],
            "names of",
        ),
        (["Dec 2023.jpg", "Feb 2024.jpg", "Apr 2024.jpg"], "names of months"),
        (["Nov 30, 2023.jpg", "Jan 5, 2024.jpg", "Feb 1, 2024.jpg"], "names of months"),
        (["t_0,125.png", "t_0,25.png", "t_0,5.png", "t_1,0.png"], "point or comma"),
        (["31-12-23.jpg", "01-01-24.jpg", "02-01-24.jpg"], "begin with the day"),
        (["12-31-23.jpg", "01-01-24.jpg", "01-02-24.jpg"], "begin with the month"),
        (["t_-10.png", "t_-2.png", "t_0.png", "t_1.png"], "below 0"),
        (["t_-1.5.png", "t_-0.25.png", "t_0.png", "t_0.125.png", "t_2.png"], "below 0"),
        ([f"f_{n:02x}.png" for n in range(8, 18)], "hexadecimal"),
    ],
)
def test_dates_times_and_decimals_are_compared_as_such(names: list[str], note: str) -> None:
    found, how = ordered(names)
    assert found == names
    assert how.by == "name"
    assert any(note in one for one in how.notes), how.notes


@pytest.mark.parametrize(
    "names",
    [
        ["shot1.8.png", "shot1.9.png", "shot1.10.png", "shot1.11.png"],
        ["v1.3.png", "v1.5.png", "v1.25.png"],
        ["1.7.png", "1.9.png", "1.11.png", "1.13.png"],
        ["a.0001.png", "a.0010.png", "a.0100.png"],
        ["2024.1.9.png", "2024.1.10.png", "2024.1.11.png"],
        ["img1am.png", "img2pm.png", "img10am.png"],
        ["01-02-2024_1.png", "01-02-2024_2.png", "01-02-2024_10.png"],
        ["mary2.png", "mary10.png"],
        ["marble 2022.png", "marble 2023.png", "oak 2021.png"],
        ["img-1.png", "img-2.png", "img-10.png"],
        ["a -1.png", "a -2.png", "a -10.png"],
        ["23-12-31.png", "24-01-01.png", "24-02-01.png"],
        ["09.59.59.png", "10.00.00.png", "10.00.30.png", "11.10.05.png"],
        ["1a.png", "1b.png", "2a.png", "10a.png"],
        ["図１.png", "図２.png", "図１０.png"],
        ["a \u0661.png", "a \u0662.png", "a \u0661\u0660.png"],
    ],
)
def test_other_numbers_stay_numbers(names: list[str]) -> None:
    found, how = ordered(names)
    assert found == names
    assert how.notes == ()


def test_capture_times_are_preferred_to_dates_in_names() -> None:
    found, how = ordered(["31-12-2023.jpg", "01-01-2024.jpg"], [2, 1])
    assert (found, how.by, how.disputed) == (["01-01-2024.jpg", "31-12-2023.jpg"], "time", (1,))
