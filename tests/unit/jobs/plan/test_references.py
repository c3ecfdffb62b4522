"""Positions of references in a film, and their mix for each frame."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import msgspec
import pytest

from batch_analogy.errors import UsageError
from batch_analogy.jobs.plan.references import frames_using, mix_at, place_references
from batch_analogy.jobs.plan.run_plan import FramePlan
from tests.support.plans import plan


def stills(*names: str) -> list[FramePlan]:
    return [
        msgspec.structs.replace(plan().frames[0], index=index, name=name)
        for index, name in enumerate(names)
    ]


FRAMES = stills(*(f"IMG_{number}.jpg" for number in range(100, 121)))


def places(*names: str, frames: list[FramePlan] = FRAMES, fps: Fraction | None = None) -> list[int]:
    """Return the frames of references of these names, in the order of the film."""
    paths = [Path("/looks") / name for name in names]
    return [frame for frame, _ in place_references(paths, frames, fps)]


def test_spreads_references_without_a_position_over_the_film() -> None:
    assert places("a.jpg") == [0]
    assert places("a.jpg", "b.jpg") == [0, 20]
    assert places("a.jpg", "b.jpg", "c.jpg", "d.jpg") == [0, 7, 13, 20]


def test_reads_a_position_as_frame_name_number_or_share_of_the_film() -> None:
    paths = [Path(f"/looks/{name}.png") for name in ("noon@IMG_110", "dusk@100%", "dawn@2")]
    placed = [(frame, path.stem) for frame, path in place_references(paths, FRAMES, None)]
    assert placed == [(2, "dawn@2"), (10, "noon@IMG_110"), (20, "dusk@100%")]
    assert places("a@b@37.5%.jpg") == [8]


def test_prefers_the_name_of_a_frame_to_its_number() -> None:
    assert places("x@7.jpg", frames=stills("5.jpg", "6.jpg", "7.jpg")) == [2]


def test_finds_names_in_any_composition_and_numbers_as_they_are_written() -> None:
    frames = stills(*(f"caf\u00e9_{number:04d}.jpg" for number in range(1, 6)))
    assert places("x@cafe\u0301_0003.jpg", frames=frames) == [2]
    assert places("x@0003.jpg", frames=frames) == [2]  # the digits in a name
    assert places("x@3.jpg", frames=frames) == [3]  # counted from 0


def test_reads_a_position_as_a_time_of_a_video() -> None:
    frames = stills(*(f"{number:06d}" for number in range(200)))
    assert places("x@1.5s.jpg", "y@0m3s.jpg", frames=frames, fps=Fraction(24)) == [36, 72]
    uneven = [msgspec.structs.replace(f, time=str(Fraction(f.index**2, 100))) for f in frames]
    assert places("x@1.45s.jpg", frames=uneven, fps=Fraction(24)) == [12]
    with pytest.raises(UsageError, match="beyond the film"):
        places("x@400s.jpg", frames=uneven, fps=Fraction(24))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a@3.jpg", "b.jpg"), r"a@3\.jpg has a position in its name and b\.jpg has none"),
        (("a@3.jpg", "b@IMG_103.jpg"), r"a@3\.jpg and b@IMG_103\.jpg are both placed at frame 3"),
        (("a@21.jpg",), r"a@21\.jpg is placed beyond the film, whose 21 frames .* 0 to 20"),
        (("a@101%.jpg",), "beyond the film"),
        (("a@dusk.jpg",), "no frame is called 'dusk'; after the @ write"),
        (("a@.jpg",), "no frame is called ''"),
        (("a@1m2s.jpg",), "pictures and have no times"),
        (tuple(f"{k}.jpg" for k in range(22)), "/looks contains 22 references for 21 frames"),
    ],
)
def test_refuses_positions_that_no_frame_has(names: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        places(*names)


def test_refuses_a_name_that_two_frames_have() -> None:
    with pytest.raises(UsageError, match="2 frames are called 1; give its number"):
        places("x@1.jpg", frames=stills("a/1.jpg", "b/1.jpg"))


def test_a_film_changes_smoothly_from_reference_to_reference() -> None:
    shares = []
    for index in range(25):
        mix = mix_at([4, 14, 20], index)
        shares.append(mix.first + mix.share)
        assert (mix.second is None) == (mix.share == 0.0)
        assert mix.second in (None, mix.first + 1)
    assert shares[:5] == [0.0] * 5
    assert (shares[9], shares[14], shares[17]) == (0.5, 1.0, 1.5)
    assert shares[20:] == [2.0] * 5
    steps = [after - before for before, after in itertools.pairwise(shares)]
    assert all(0.0 <= step <= 0.25 for step in steps)
    assert steps[4] < steps[8] > steps[13]


def test_frames_using_a_reference_are_those_with_a_share_of_it() -> None:
    where = [4, 14, 20]
    for number in range(3):
        own = [k for k in range(25) if number in mix_at(where, k).references]
        assert list(frames_using(where, number, 25)) == own
