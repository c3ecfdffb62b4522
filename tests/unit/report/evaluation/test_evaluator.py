"""Summaries of metrics, computed by hand, and the frames that are compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from batch_analogy.report.evaluation.evaluator import (
    AGAINST,
    INPUT,
    RUN,
    EvaluatedFrame,
    FrameEvaluator,
    FrameMetrics,
    FramePosition,
    drift,
    reduced,
    segment_starts,
    summary,
    worst,
)
from tests.support.textures import texture


def frame(index: int, error: float | None, *, shot: int = 0, **figures: Any) -> EvaluatedFrame:
    films = {
        RUN: FrameMetrics(sharpness=2.0, warp_error=error, **figures),
        INPUT: FrameMetrics(sharpness=4.0, warp_error=None if error is None else 0.1),
    }
    masked = None if error is None else 0.25
    return EvaluatedFrame(FramePosition(index, shot, index % 3 == 0), masked, films)


def test_summary_of_one_film() -> None:
    found: Any = summary([frame(0, None), frame(1, 0.2), frame(2, 0.4)])
    assert found["frames"] == 3
    assert found["pairs"] == 2
    assert found["masked_share"] == 0.25
    assert found["films"][RUN]["warp_error"] == pytest.approx(0.3)
    assert found["films"][RUN]["edge_f1"] is None
    assert found["excess_warp_error"] == pytest.approx(0.2)
    assert found["sharpness_to_input"] == 0.5
    assert "ratio" not in found


def test_ratios_use_frames_that_both_runs_have() -> None:
    frames = [frame(0, None), frame(1, 0.2), frame(2, 0.4), frame(3, 5.0)]
    for at, error in ((0, None), (1, 1.0), (2, 0.5)):
        frames[at].films[AGAINST] = FrameMetrics(sharpness=8.0, warp_error=error)
    found: Any = summary(frames)
    assert found["ratio"]["warp_error"] == pytest.approx(0.3 / 0.75)
    assert found["ratio"]["sharpness"] == 0.25
    assert found["ratio"]["vgg19_gram"] is None


def test_errors_at_starts_of_segments() -> None:
    errors = [None, 0.1, 0.1, 0.4, 0.1, 0.3, 0.2]  # segments begin at 0, 3 and 6
    found = segment_starts([frame(i, error) for i, error in enumerate(errors)])
    assert found is not None
    assert found["warp_error"] == pytest.approx(0.3)
    assert found["to_median"] == pytest.approx(0.3 / 0.15)
    assert segment_starts([frame(0, None), frame(1, 0.1), frame(2, 0.1)]) is None
    assert segment_starts([frame(0, None), frame(3, 0.1), frame(6, 0.1)]) is None


def test_drift_of_the_longest_shot() -> None:
    short = [frame(i, 0.1, drift=9.0) for i in range(5)]
    long = [frame(i, 0.1, shot=1, drift=i / 10) for i in range(5, 30)]
    found = drift([*short, *long], RUN)
    assert found is not None
    assert found["to_12th"] == pytest.approx(1.6)  # frame 5 is its first, 16 its twelfth
    assert found["to_last"] == pytest.approx(2.9)
    assert found["ratio"] == pytest.approx(2.9 / 1.6)
    assert drift(short, RUN) is None


def test_worst_frames_are_not_adjacent() -> None:
    errors = [None, 0.1, 0.8, 0.9, 0.2, 0.1, 0.5, 0.3]
    found = worst([frame(i, error) for i, error in enumerate(errors)], 2)
    assert [one.position.index for one in found] == [3, 6]
    assert len(worst([frame(0, None), frame(1, 0.1)], 5)) == 1


def evaluate(
    evaluator: FrameEvaluator, index: int, shift: float, *, shot: int = 0
) -> EvaluatedFrame:
    content = texture(1, (shift, 0))
    films = {RUN: (1 - content).astype(np.float32)}
    return evaluator.evaluate(FramePosition(index, shot, False), content, films, None)


def test_errors_from_the_previous_frame_and_the_shots_first() -> None:
    evaluator = FrameEvaluator(1_000_000)
    first, second, third = (evaluate(evaluator, i, 2.0 * i) for i in range(3))
    assert (first.masked_share, first.films[RUN].warp_error) == (None, None)
    assert first.films[RUN].drift is None
    for found in (second, third):
        assert found.masked_share is not None
        # The film is the input's negative, so it changes by as much as the input.
        own, run = found.films[INPUT].warp_error, found.films[RUN].warp_error
        assert own is not None
        assert run == pytest.approx(own, rel=1e-3)
        assert run < 1e-4
        assert (found.films[RUN].texture_displacement_px or 1) < 0.2
        assert found.films[INPUT].texture_displacement_px is None
        assert found.films[RUN].drift is not None
        assert found.films[RUN].edge_f1 == pytest.approx(1, abs=0.02)
        assert (found.films[RUN].contrast_structure or 0) < -0.5


def test_no_errors_across_gaps_and_cuts() -> None:
    evaluator = FrameEvaluator(1_000_000)
    evaluate(evaluator, 0, 0)
    after_gap = evaluate(evaluator, 2, 2.0)
    assert after_gap.masked_share is None
    assert after_gap.films[RUN].warp_error is None
    assert after_gap.films[RUN].drift is not None  # still the same shot
    after_cut = evaluate(evaluator, 3, 4.0, shot=1)
    assert after_cut.films[RUN].warp_error is None
    assert after_cut.films[RUN].drift is None
    assert evaluate(evaluator, 4, 6.0, shot=1).films[RUN].warp_error is not None


def test_measures_the_style_of_all_films_on_request() -> None:
    content = texture(1)
    position = FramePosition(0, 0, True)
    found = FrameEvaluator(1_000_000).evaluate(
        position, content, {RUN: content}, lambda p: float(p.shape[0])
    )
    assert [found.films[name].vgg19_gram for name in (RUN, INPUT)] == [120.0, 120.0]


def test_reduces_large_frames() -> None:
    assert reduced(texture(1), 120 * 160).shape == (120, 160, 3)
    assert reduced(texture(1), 120 * 160 // 4).shape == (60, 80, 3)
