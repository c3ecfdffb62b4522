"""plan.json: allowed edits, and errors for invalid ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest

from batch_analogy.errors import PlanChangedError, UsageError
from batch_analogy.jobs.plan.fingerprints import FileFingerprint
from batch_analogy.jobs.plan.paint_inputs import (
    FramePictures,
    GuideInputs,
    PaintedPicture,
    PaintInputs,
)
from batch_analogy.jobs.plan.plan_file import (
    keep_edits,
    plan_from_json,
    plan_to_json,
    read_plan,
    write_plan,
)
from batch_analogy.jobs.plan.run_plan import PlacedReference, Plan, Segment, Shot
from batch_analogy.jobs.plan.segments import cut_segments
from batch_analogy.jobs.plan.video_properties import VideoProperties
from batch_analogy.media.colour_tags import ColourSpace
from batch_analogy.media.timing import TimeRange
from tests.support.plans import plan


def edited(count: int = 9, **changes: Any) -> Plan:
    """Return the plan of ``count`` frames, read back after entries of its file were changed."""
    return plan_from_json({**plan_to_json(plan(count)), **changes})


def cut(kind: type[Any]) -> tuple[Any, ...]:
    """Return four frames, cut in the middle."""
    return kind(0, 0, 2), kind(1, 2, 4)


def ranges(parts: tuple[Shot, ...] | tuple[Segment, ...]) -> list[tuple[int, int]]:
    assert [part.index for part in parts] == list(range(len(parts)))
    return [(part.start, part.stop) for part in parts]


@pytest.mark.parametrize(
    "original",
    [
        plan(),
        plan(video=FileFingerprint("/v.mp4", 1, 2, "vhash")),
        plan(
            video=FileFingerprint("/v.mp4", 1, 2, "vhash"),
            video_properties=VideoProperties(
                fps=Fraction(24000, 1001),
                start=Fraction(1, 3),
                duration=Fraction(5),
                colours=ColourSpace("bt470bg", "bt470bg", "smpte170m", full_range=True),
                time_range=TimeRange(end=Fraction(16, 3)),
                constant_rate=False,
            ),
        ),
        plan(white_balance=(2.0, 1.0, 1.5, 0.0)),
        plan(references=(PlacedReference(FileFingerprint("/r.png", 1, 2, "rhash"), 3),)),
        plan(
            painting=PaintInputs(
                (PaintedPicture(FileFingerprint("/p.png", 1, 2, "phash"), 1, guides=("g",)),),
                (GuideInputs(FramePictures(("/a",), "h"), FramePictures(("/b", "/c"), "i")),),
                FramePictures(("/m.png",), "m"),
            )
        ),
        plan(9, leave_out=frozenset({3, 5, 6})),
        plan(
            4, shots=(Shot(0, 0, 2), Shot(1, 2, 4)), segments=(Segment(0, 0, 2), Segment(1, 2, 4))
        ),
    ],
)
def test_reads_back_the_plan_that_was_written(original: Plan, tmp_path: Path) -> None:
    write_plan(tmp_path / "plan.json", original)
    restored = read_plan(tmp_path / "plan.json")
    assert restored == original
    assert restored.plan_hash == original.plan_hash
    assert read_plan(tmp_path / "nothing.json") is None


def test_the_file_has_one_line_for_everything_that_may_be_edited(tmp_path: Path) -> None:
    write_plan(tmp_path / "plan.json", plan(9))
    lines = [line.strip() for line in (tmp_path / "plan.json").read_text().splitlines()]
    assert lines[1].startswith('"how_to_edit"')
    assert '"leave_out": "",' in lines
    assert lines[lines.index('"segments": [') + 1] == '"0-2",'


def rewritten(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Write a plan of nine frames, then change its file."""
    values = plan_to_json(plan(9))
    change(values)
    path.write_text(json.dumps(values))
    return path


@pytest.mark.parametrize("older", [{}, {"format": 2, "frames": [{"index": 0}]}, {"format": 99}])
def test_refuses_the_plan_of_another_version(tmp_path: Path, older: dict[str, Any]) -> None:
    (tmp_path / "plan.json").write_text(json.dumps(older))
    with pytest.raises(PlanChangedError, match=r"plan\.json was written by .*--overwrite"):
        read_plan(tmp_path / "plan.json")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda values: values.pop("fps"), "object missing required field fps"),
        (lambda values: values.update(segmnets=[]), "object contains unknown field segmnets"),
        (lambda values: values.update(segments="0-8"), "segments: expected array, got str"),
        (lambda values: values.update(segments=4), "segments: expected array, got int"),
        (lambda values: values.update(fps="1/0"), "fps: 1/0 is not a number"),
        (lambda values: values.update(fps=24), "fps: expected str, got int"),
        (
            lambda values: values["frames"][3].update(exposure_ev="a little"),
            r"frames\[3\].exposure_ev: expected float, got str",
        ),
        (
            lambda values: values["frames"][3].update(exposure=1),
            r"frames\[3\]: object contains unknown field exposure",
        ),
        (
            lambda values: values["reference"].pop("blake2b"),
            "reference: object missing required field blake2b",
        ),
    ],
)
def test_reports_what_is_wrong_with_a_field_and_where(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    path = rewritten(tmp_path / "plan.json", change)
    with pytest.raises(UsageError, match=rf"plan\.json: {words}; put back") as refused:
        read_plan(path)
    assert not isinstance(refused.value, PlanChangedError)  # --overwrite must not cost frames


def test_keeps_names_of_files_that_are_not_utf_8(tmp_path: Path) -> None:
    name = "caf\udce9.png"
    odd = msgspec.structs.replace(plan(1).frames[0], name=name, source=f"/in/{name}")
    original = plan(1, frames=(odd,))
    write_plan(tmp_path / "plan.json", original)
    assert read_plan(tmp_path / "plan.json") == original


def test_fields_that_no_frame_has_are_left_out(tmp_path: Path) -> None:
    write_plan(tmp_path / "plan.json", plan(2))
    assert "exposure_ev" not in (tmp_path / "plan.json").read_text().split('"frames"')[1]
    brighter = msgspec.structs.replace(plan(2).frames[1], exposure_ev=0.5)
    write_plan(tmp_path / "plan.json", plan(2, frames=(plan(2).frames[0], brighter)))
    frames = json.loads((tmp_path / "plan.json").read_text())["frames"]
    assert [frame["exposure_ev"] for frame in frames] == [0.0, 0.5]


def test_segments_may_be_edited_without_changing_the_hash() -> None:
    found = edited(segments=["0-3", "4", "5-8"])
    assert ranges(found.segments) == [(0, 4), (4, 5), (5, 9)]
    assert found.plan_hash == plan(9).plan_hash
    assert ranges(edited(segments=["5-8", "0-4"]).segments) == [(0, 5), (5, 9)]  # in any order
    assert ranges(edited(3, segments=[0, 1, 2]).segments) == [(0, 1), (1, 2), (2, 3)]


def test_frames_may_be_left_out_with_or_without_a_segment() -> None:
    found = edited(leave_out="0, 5-7")
    assert found.leave_out == {0, 5, 6, 7}
    assert (found.total, [f.index for f in found.usable()]) == (5, [1, 2, 3, 4, 8])
    assert found.plan_hash == plan(9).plan_hash
    assert edited(leave_out="0,5-7", segments=["1-4", "8"]).leave_out == found.leave_out


def test_empty_segments_are_cut_again_from_edited_shots() -> None:
    found = edited(shots=["0-3", "4-8"], segments=[])
    assert ranges(found.shots) == [(0, 4), (4, 9)]
    assert ranges(found.segments) == [(0, 3), (3, 4), (4, 7), (7, 9)]


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ({"segments": ["0-4", "4-8"]}, "the segments overlap: two of them contain frame 4$"),
        ({"segments": ["0-8", "2-3"]}, "the segments overlap: two of them contain frames 2-3$"),
        ({"segments": ["0-3", "6-8"]}, "no segment contains frames 4-5; .*leave_out"),
        ({"segments": ["0-3"]}, "no segment contains frames 4-8"),
        ({"segments": ["0-9"]}, "segment 0-9 reaches past the last frame, which is 8"),
        ({"segments": ["8-0"]}, "segments: the range 8-0 runs backwards"),
        ({"segments": ["0 to 8"]}, "segments: '0 to 8' is not a frame number or range"),
        ({"shots": []}, "no shot contains frames 0-8"),
        ({"shots": ["0-3", "3-8"]}, "the shots overlap: two of them contain frame 3"),
        ({"shots": ["0-3", "4-8"]}, r"segment 3-5 crosses the cut before frame 4.*\[\]"),
        ({"leave_out": "12"}, "leave_out: there is no frame 12: the 9 frames are numbered 0 to 8"),
        ({"leave_out": "0-8"}, "leave_out names every frame"),
        ({"leave_out": "a few"}, "leave_out: 'a few' is not a frame number"),
        ({"device": "cuda"}, "only leave_out, shots, segments and exposure_ev"),
        ({"frames": plan_to_json(plan(9))["frames"][1:]}, "frame 0 is missing or not in its place"),
        ({"frames": plan_to_json(plan(9))["frames"][:-1]}, "only leave_out, shots, segments"),
    ],
)
def test_rejects_invalid_edits(edits: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        edited(**edits)


def test_an_error_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    write_plan(path, plan(9))
    path.write_text(path.read_text().replace('"leave_out": ""', '"leave_out": "99"'))
    with pytest.raises(UsageError, match=r"plan\.json: leave_out: there is no frame 99"):
        read_plan(path)
    path.write_text(path.read_text().replace('"99",', '"99"'))
    with pytest.raises(UsageError, match=r"plan\.json cannot be read .*line 5"):
        read_plan(path)


def test_a_plan_made_again_keeps_the_edits() -> None:
    by_hand = edited(leave_out="2", shots=["0-3", "4-8"], segments=["0-3", "4-8"])
    kept = keep_edits(plan(9), by_hand)
    assert (kept.leave_out, kept.shots, kept.segments) == (
        by_hand.leave_out,
        by_hand.shots,
        by_hand.segments,
    )
    finer = msgspec.structs.replace(plan(9), segment_frames=1)
    assert keep_edits(finer, by_hand).segments == by_hand.segments
    assert keep_edits(finer, plan(9)).segments == cut_segments(finer.shots, 1)


def test_writes_and_reads_the_plan_of_a_long_film(tmp_path: Path) -> None:
    long = plan(20_000)
    write_plan(tmp_path / "plan.json", long)
    assert read_plan(tmp_path / "plan.json") == long
    assert len(json.loads((tmp_path / "plan.json").read_text())["frames"]) == 20_000
