"""The benchmark of real pairs: what it reads and refuses, its scores, and one whole run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest

from batch_analogy.errors import InputError
from batch_analogy.media.stills import read_still
from benchmarks import real_pairs
from benchmarks.annotated_pairs import Annotation, RealPair, read_pairs
from benchmarks.pair_scores import PairScores, score_pair
from benchmarks.real_pairs import Matched, Row, read_picture, summary

WIDTH, HEIGHT, SHIFT = 120, 80, 20
NAME = "photo-to-style--square"


def scene(left: int) -> np.ndarray:
    """Draw a square with its left side at a column, on a coloured ground with some texture."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    texture = (rows * 7 + (columns - left) * 5) % 32
    picture = np.stack([60 + texture, 140 - texture, 90 + texture], axis=-1).astype(np.uint8)
    return cv2.rectangle(picture, (left, 20), (left + 39, 59), (230, 190, 40), -1)


def rectangle(left: float, top: float, right: float, bottom: float) -> list[list[float]]:
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def annotation() -> dict[str, Any]:
    """Mark ground, square and two keypoints; A's square stands at 20, that of B' at 40."""
    labels = {
        side: [
            ["ground", rectangle(0, 0, WIDTH, HEIGHT)],
            ["square", rectangle(left, 20, left + 39, 59)],
        ]
        for side, left in (("a", 20), ("bp", 20 + SHIFT))
    }
    points = [
        ["middle", [39.6, 40], [39.6 + SHIFT, 40]],
        ["corner", [20, 20], [20 + SHIFT, 20]],
    ]
    return {"labels": labels, "points": points}


def write_pair(folder: Path, name: str, marked: object | None) -> None:
    for end, left in (("a", 20), ("bp", 20 + SHIFT)):
        cv2.imwrite(str(folder / f"{name}.{end}.jpg"), scene(left)[..., ::-1])
    if marked is not None:
        (folder / f"{name}.json").write_text(json.dumps(marked))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_pair(tmp_path, NAME, annotation())
    return tmp_path


def flow(dx: float, dy: float = 0.0) -> np.ndarray:
    return np.broadcast_to(np.float32([dx, dy]), (HEIGHT, WIDTH, 2)).copy()


def scores(folder: Path, ab: np.ndarray, ba: np.ndarray) -> PairScores:
    (pair,) = read_pairs(folder)
    return score_pair(pair.annotation, read_picture(pair.a), read_picture(pair.bp), ab, ba)


def test_the_true_field_scores_one(folder: Path) -> None:
    found = scores(folder, flow(SHIFT), flow(-SHIFT))
    assert (found.region, found.pck10, found.pck05) == (1.0, 1.0, 1.0)
    assert found.labels_ab == found.labels_ba == {"ground": 1.0, "square": 1.0}
    assert found.seam == 0.0  # the picture is moved as a whole


def test_every_label_of_a_wrong_field_weighs_the_same(folder: Path) -> None:
    """Unmoved, the right half of A's square meets the left half of the other."""
    found = scores(folder, flow(0), flow(0))
    inner = 27  # of the square's 40 columns, those more than 6 px from its borders
    hit = 13  # of these, those in the other square
    assert found.labels_ab["square"] == pytest.approx(hit / inner, abs=0.04)
    assert found.labels_ab["square"] < 0.6 < found.labels_ab["ground"] < 1.0
    assert found.region == pytest.approx(
        (sum(found.labels_ab.values()) + sum(found.labels_ba.values())) / 4
    )
    assert (found.pck10, found.pck05) == (0.0, 0.0)  # 20 px of 120 are too far


def test_keypoints_within_a_tenth_or_a_twentieth(folder: Path) -> None:
    near = scores(folder, flow(SHIFT + 5), flow(-SHIFT - 7))
    assert (near.pck10, near.pck05) == (1.0, 0.5)  # of 120 px: up to 5.4 px off, and up to 7
    some = flow(SHIFT)
    some[:30] += 40  # the corner, on one side alone
    assert scores(folder, some, flow(-SHIFT)).pck10 == 0.75


def test_a_window_outvotes_a_few_wrong_pixels(folder: Path) -> None:
    some = flow(SHIFT)
    some[39:42, 39:42] += 100  # nine of the 25 pixels around the middle
    assert scores(folder, some, flow(-SHIFT)).pck10 == 1.0
    some[38, 38:42] += 100  # and four more
    assert scores(folder, some, flow(-SHIFT)).pck10 == 0.75


def test_borders_do_not_count(folder: Path) -> None:
    wrong = flow(SHIFT)
    wrong[14:27, 14:54] += [0, -40]  # up to 6 px around the square's upper side
    assert scores(folder, wrong, flow(-SHIFT)).labels_ab == {"ground": 1.0, "square": 1.0}
    above, below = wrong.copy(), wrong
    above[13, 14:54] += [SHIFT, 40]  # from the ground into the square of B'
    below[27, 27:54] += [0, -40]  # and the other way
    assert scores(folder, above, flow(-SHIFT)).labels_ab["ground"] < 1.0
    assert scores(folder, below, flow(-SHIFT)).labels_ab["square"] < 1.0


def test_other_unmarked_and_lacking_labels_do_not_count(folder: Path) -> None:
    marked = annotation()
    marked["labels"]["bp"][0][1] = rectangle(0, 0, WIDTH, 10)  # the rest of it is unmarked
    marked["labels"]["bp"].append(["other", rectangle(20 + SHIFT, 20, 50 + SHIFT, 59)])
    marked["labels"]["a"].append(["hat", rectangle(90, 0, 119, 10)])  # B' has none
    (folder / f"{NAME}.json").write_text(json.dumps(marked))
    found = scores(folder, flow(SHIFT), flow(-SHIFT))
    assert found.labels_ab == {"ground": 1.0, "square": 1.0}


def test_seams_are_the_jumps_in_what_is_taken(folder: Path) -> None:
    levels = np.arange(WIDTH, dtype=np.uint8)
    ramp = np.broadcast_to(levels[:, None], (HEIGHT, WIDTH, 3)).copy()
    whole, cut = flow(0), flow(0)
    cut[:, WIDTH // 2 :, 0] -= 12  # one seam, 12 levels high from either side
    assert score_pair(None, ramp, ramp, whole, whole).seam == 0.0
    left_and_right = 2 * 12 / (WIDTH - 1)
    assert score_pair(None, ramp, ramp, cut, cut).seam == pytest.approx(left_and_right / 4)
    assert score_pair(None, ramp, ramp, whole, cut).seam == pytest.approx(left_and_right / 8)


def test_reads_pairs_with_their_preset_and_published_picture(folder: Path) -> None:
    write_pair(folder, "style-to-photo--plain", None)
    cv2.imwrite(str(folder / f"{NAME}.published-a-prime.png"), scene(20))
    square, plain = read_pairs(folder)
    assert (square.name, square.preset) == (NAME, "photo-to-style")
    assert square.annotation is not None
    assert square.annotation.points[0].bp == (39.6 + SHIFT, 40)
    assert square.published is not None
    assert (plain.preset, plain.annotation, plain.published) == ("style-to-photo", None, None)
    assert [pair.name for pair in read_pairs(folder, ["plain"])] == [plain.name]
    assert [pair.name for pair in read_pairs(folder, [NAME])] == [NAME]
    with pytest.raises(InputError, match="no pair round"):
        read_pairs(folder, ["round"])


def test_refuses_folders_without_whole_pairs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a folder"):
        read_pairs(tmp_path / "none")
    with pytest.raises(InputError, match="holds no pair"):
        read_pairs(tmp_path)
    write_pair(tmp_path, "drawing--square", None)
    with pytest.raises(InputError, match="one of photo-to-style"):
        read_pairs(tmp_path)
    (tmp_path / "drawing--square.a.jpg").unlink()
    with pytest.raises(InputError, match=r"drawing--square\.a\.jpg is missing"):
        read_pairs(tmp_path)


def without_points(marked: dict[str, Any]) -> None:
    marked["points"] = {}


def without_labels_of_bp(marked: dict[str, Any]) -> None:
    del marked["labels"]["bp"]


def with_a_line(marked: dict[str, Any]) -> None:
    marked["labels"]["a"][1][1] = [[1, 1], [5, 5]]


def with_text_for_a_number(marked: dict[str, Any]) -> None:
    marked["labels"]["a"][1][1][2][0] = "wide"


def with_nothing_in_common(marked: dict[str, Any]) -> None:
    marked["labels"]["bp"] = [["sky", rectangle(0, 0, 9, 9)], ["other", rectangle(9, 9, 20, 20)]]


def with_a_keypoint_outside(marked: dict[str, Any]) -> None:
    marked["points"][1][2] = [WIDTH + 1, 3]


def with_a_misspelt_field(marked: dict[str, Any]) -> None:
    marked["keypoints"] = marked.pop("points")


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (without_points, "points: expected array, got object"),
        (without_labels_of_bp, "labels: .*missing required field bp"),
        (with_a_line, r"labels\.a\[1\]\[1\]: expected array of length >= 3"),
        (with_text_for_a_number, r"labels\.a\[1\]\[1\]\[2\]\[0\]: expected float, got str"),
        (with_nothing_in_common, "no label but other is in both"),
        (with_a_keypoint_outside, r"points\[1\] \(corner\).*outside bp, which is 120x80"),
        (with_a_misspelt_field, "unknown field keypoints"),
    ],
)
def test_refuses_malformed_annotations(
    folder: Path, spoil: Callable[[dict[str, Any]], None], complaint: str
) -> None:
    marked = annotation()
    spoil(marked)
    path = folder / f"{NAME}.json"
    path.write_text(json.dumps(marked))
    with pytest.raises(InputError, match=complaint) as refusal:
        read_pairs(folder)
    assert str(path) in str(refusal.value)


def test_refuses_an_annotation_that_is_not_json(folder: Path) -> None:
    (folder / f"{NAME}.json").write_text("{labels")
    with pytest.raises(InputError, match=r"square\.json cannot be read"):
        read_pairs(folder)


def row(name: str, region: float | None, seconds: float) -> Row:
    marked = None if region is None else msgspec.convert(annotation(), Annotation)
    pair = RealPair(name, "photo-to-style", Path("a"), Path("bp"), marked, None)
    found = PairScores(region, None if region is None else 0.5, None, 2.0, {}, {})
    nothing = np.zeros((1, 1, 3), dtype=np.uint8)
    matched = Matched(nothing, nothing, flow(0), flow(0), seconds, 2 * seconds, 7)
    return Row(pair, found, matched, encoding_processor_seconds=4.0)


def test_means_of_scores_leave_out_pairs_that_are_not_annotated() -> None:
    found = summary([row("x", 0.9, 1.0), row("y", 0.6, 3.0), row("z", None, 5.0)])
    assert found["means"] == found["means_by_preset"]["photo-to-style"]
    assert found["means"] == {
        "pairs": 3, "annotated": 2, "region": 0.75, "pck10": 0.5, "pck05": None, "seam": 2.0,
        "wall_seconds": 3.0, "processor_seconds": 6.0, "encoding_processor_seconds": 4.0,
        "times_encoding": 1.5,
    }  # fmt: skip
    assert found["worst_region"] == {"pair": "y", "region": 0.6}
    assert found["pairs"]["y"]["times_encoding"] == 1.5
    assert summary([row("z", None, 5.0)])["worst_region"] is None


def test_runs_on_a_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheets, out = folder / "sheets", folder / "results" / "real_pairs.json"
    words = [str(folder), "--qualities", "draft", "--ratio", "0.4", "--sheets", str(sheets)]
    real_pairs.main([*words, "--out", str(out)])
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads(out.read_text())
    found = printed["results"]["qualities"]["draft"]
    assert printed["results"]["overrides"] == {"ratio": 0.4}
    assert found["pairs"][NAME]["region"] > 0.5
    assert found["means"]["processor_seconds"] > 0
    assert found["means"]["times_encoding"] > 0
    assert found["peak_memory_bytes"] > 50e6
    sheet = read_still(sheets / f"{NAME}.png")
    assert sheet.shape[0] > HEIGHT
    assert sheet.shape[1] > 4 * WIDTH  # A, B', A' and B


def test_says_plainly_what_is_wrong(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match=r"error: .* is not a folder"):
        real_pairs.main([str(tmp_path / "none")])
    with pytest.raises(SystemExit, match="error: ratio is 3"):
        real_pairs.main([str(folder), "--ratio", "3"])
    with pytest.raises(SystemExit):
        real_pairs.main([str(folder), "--runs", "0"])
    assert "0 is not 1 or more" in capsys.readouterr().err
