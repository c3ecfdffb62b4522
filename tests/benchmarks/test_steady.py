"""Clips whose motion is known: their flow, masks and noise must be as stated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batch_analogy.report.evaluation import frame_metrics

pytest.importorskip("skimage", reason="scikit-image is not installed")

from benchmarks import clips, steady
from benchmarks.clips import CASES, Clip

FRAMES = 13


@pytest.fixture(scope="module")
def made() -> dict[str, Clip]:
    return {case: clip("chelsea", FRAMES) for case, clip in CASES.items()}


def floats(clip: Clip) -> list[Any]:
    return [frame.astype(np.float32) / np.float32(255) for frame in clip.frames]


def error(clip: Clip, s: int, t: int) -> float:
    return steady.warp_error(floats(clip), clip, s, t)


@pytest.mark.parametrize("case", ["pan", "object", "identical"])
@pytest.mark.parametrize(("s", "t"), [(0, 1), (3, 9), (9, 3)])
def test_motion_by_whole_pixels_has_no_error(
    made: dict[str, Clip], case: str, s: int, t: int
) -> None:
    assert error(made[case], s, t) == 0


@pytest.mark.parametrize("case", ["sub-pixel pan", "zoom"])
@pytest.mark.parametrize(("s", "t"), [(0, 1), (0, 12), (12, 0)])
def test_motion_by_parts_of_pixels_has_a_small_error(
    made: dict[str, Clip], case: str, s: int, t: int
) -> None:
    frames = floats(made[case])
    unmoved = np.square(frames[s] - frames[t]).mean()
    assert error(made[case], s, t) < min(3e-5, unmoved / 5)


def test_masks_only_hidden_pixels(made: dict[str, Clip]) -> None:
    _, visible = made["pan"].truth(0, 1)  # 4 px to the right, 2 px up
    assert not visible[:, -4:].any()
    assert not visible[:2].any()
    assert visible[2:, :-4].all()
    for case in ("identical", "static with noise"):
        assert made[case].truth(0, FRAMES - 1)[1].all()


def test_the_disc_hides_what_it_moves_over(made: dict[str, Clip]) -> None:
    clip = made["object"]
    assert clip.disc is not None
    before, later = (clips.disc_mask(*clip.disc(t)) for t in (0, 5))
    flow, visible = clip.truth(0, 5)
    assert (flow[before] == (15, 5)).all()
    assert not flow[~before].any()
    np.testing.assert_array_equal(~visible, later & ~before)
    unmasked = frame_metrics.warp_error(
        *(floats(clip)[t] for t in (0, 5)), flow, np.ones_like(visible)
    )
    assert unmasked > 1e-3  # the mask is needed


def test_noise_has_the_stated_deviation(made: dict[str, Clip]) -> None:
    x, y = (made["static with noise"].frames[t].astype(float) for t in (0, 1))
    assert (x - y).std() / np.sqrt(2) == pytest.approx(clips.NOISE, rel=0.05)


@pytest.mark.parametrize("photo", list(clips.OTHERS))
def test_long_clips_stay_on_the_photograph(photo: str) -> None:
    scene = clips.Scene(clips.photo(photo))
    for case in ("pan", "sub-pixel pan", "zoom"):
        camera = CASES[case](photo, 1).camera
        for t in (0, 24, 95):
            assert camera.render(scene, t).shape == (clips.HEIGHT, clips.WIDTH, 3)


class Style:
    def __call__(self, picture: Any) -> float:
        return float(picture.mean())


def film(clip: Clip, starts: frozenset[int]) -> steady.Film:
    frames = floats(clip)
    return steady.Film(Path(), frames, [f.tobytes() for f in frames], [2.0, *[1.0] * 12], starts)


def test_a_film_equal_to_its_input_has_no_error(made: dict[str, Clip]) -> None:
    found = steady.measure(film(made["pan"], frozenset({0, 6})), made["pan"], Style())  # type: ignore[arg-type]
    assert found["warp_error"] == 0
    assert found["edge_f1"] == 1
    assert found["contrast_structure"] == pytest.approx(1)
    assert found["texture_displacement_px"] < 0.01
    assert found["drift"] == {"to_12th": 0, "to_last": 0, "ratio": None}
    assert found["seconds"] == {
        "mean": pytest.approx(14 / 13),
        "segment_starts": 1.5,
        "others": 1.0,
    }
    assert "mean_change_of_255" not in found


def test_counts_equal_frames(made: dict[str, Clip]) -> None:
    clip = made["identical"]
    found = steady.measure(film(clip, frozenset({0})), clip, Style())  # type: ignore[arg-type]
    assert (found["equal_inputs"], found["equal_files"]) == (12, 12)
    assert found["mean_change_of_255"] == 0
    noisy = made["static with noise"]
    found = steady.still_measures(film(noisy, frozenset({0})), noisy)
    assert found["equal_inputs"] == 0
    assert found["mean_change_of_255"] == pytest.approx(2 * clips.NOISE / np.sqrt(np.pi), rel=0.1)


def test_errors_at_segment_starts() -> None:
    found = steady.at_starts([1.0, 1.0, 3.0, 1.0], {0, 3}, 5)
    assert found == {"mean": 3.0, "to_median": 3.0}
    assert steady.at_starts([1.0, 1.0], {0}, 3) is None
    assert steady.at_starts([1.0, 1.0], {0, 1, 2}, 3) is None


def test_ratios_of_coherence_on_to_off() -> None:
    off: Any = {"warp_error": 4.0, "sharpness": 2.0, "sharpness_last": 2.0, "vgg19_gram": 0.0}
    off |= {"vgg19_gram_last": 1.0, "seconds": {"mean": 8.0, "segment_starts": 8.0, "others": None}}
    on = {**off, "warp_error": 1.0, "seconds": {"mean": 4.0, "segment_starts": 8.0, "others": 2.0}}
    ratio = steady.compared(on, off)
    assert ratio["warp_error"] == 0.25
    assert ratio["vgg19_gram"] is None
    assert ratio["seconds"] == 0.5
    assert ratio["seconds_warm_to_cold"] == 0.25
