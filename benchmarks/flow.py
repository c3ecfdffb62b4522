"""Time and accuracy of optical flow as coherent films use it.

    python -m benchmarks.flow [--runs 9] [--photos astronaut coffee]

A step is the flow from one frame to the next and back, with confidences (``estimate_motion``).
Films also join consecutive steps (``Motion.then``). Times are measured at 448 lines, and at the
size at which runs estimate the motion of such frames. Errors are measured on the clips of
``benchmarks.clips`` and on pans over enlarged photographs at 448 lines, whose motion is known: for
pixels that are visible in both frames, and for those of high confidence ("believed").
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from batch_analogy.analogy.features.pictures import matching_size
from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.motion.flow.optical_flow import Motion, dense_flow, estimate_motion
from batch_analogy.motion.flow.photometry import brightness
from batch_analogy.motion.flow.sampling import Luma
from batch_analogy.motion.temporal.walk import MOTION_AREA_PX
from benchmarks import clips
from benchmarks.clips import CASES
from benchmarks.common import report, timed

HEIGHT, WIDTH = 448, 796
PANS_PX = {"pan of 8 px": (8.0, -3.0), "sub-pixel pan": (0.3, 0.1), "pan of 24 px": (24.0, 5.0)}
GAIN, LIFT = 1.1, 6 / 255  # of the later frame, if the exposure changes
BELIEVED = 0.5
FRAMES = 4  # of a clip


def view(photo: npt.NDArray[np.float32], right: float, down: float) -> Luma:
    """Cut a window of 796 × 448 out of an enlarged photograph, at an offset."""
    scale = 1.3 * max(WIDTH / photo.shape[1], HEIGHT / photo.shape[0])
    matrix = np.array([[scale, 0, -40 - right], [0, scale, -40 - down]], np.float64)
    seen = cv2.warpAffine(photo, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC)
    return brightness((np.rint(seen.clip(0, 255)) / 255).astype(np.float32))


def speed(size: tuple[int, int], runs: int) -> dict[str, Any]:
    """Time a step and its parts at a size, (height, width)."""
    photo = clips.photo("astronaut")
    frames = [view(photo, 8.0 * k, -3.0 * k) for k in range(3)]
    greys = [cv2.resize(f, size[::-1], interpolation=cv2.INTER_AREA) for f in frames]
    first, second = ((grey * 255).astype(np.uint8) for grey in greys[:2])
    motions = [estimate_motion(before, now) for before, now in itertools.pairwise(greys)]

    def both_ways() -> None:
        dense_flow(first, second)
        dense_flow(second, first)

    return {
        "size": list(size),
        "step": timed(lambda: estimate_motion(greys[0], greys[1]), runs),
        "step_processor_seconds": processor_seconds(greys[0], greys[1], runs),
        "of it the flow both ways": timed(both_ways, runs),
        "joining two steps": timed(lambda: motions[0].then(motions[1]), runs),
    }


def processor_seconds(before: Luma, now: Luma, runs: int) -> float:
    """Return the processor time of a step on all cores, which varies less on a busy machine."""
    spent = []
    for _ in range(runs):
        start = time.process_time()
        estimate_motion(before, now)
        spent.append(time.process_time() - start)
    return round(statistics.median(spent), 4)


def errors(motion: Motion, truth: npt.NDArray[np.float32], seen: npt.NDArray[np.bool_]) -> Any:
    """Return endpoint errors of the earlier frame's flow in pixels, and shares of pixels."""
    away = np.linalg.norm(motion.forward - truth, axis=-1)
    believed = motion.confidence_before > BELIEVED
    return {
        "endpoint_error_px": float(away[seen].mean()),
        "endpoint_error_median_px": float(np.median(away[seen])),
        "endpoint_error_believed_px": float(away[seen & believed].mean()),
        "believed_share": float(believed[seen].mean()),
        "wrong_by_1_px_of_believed": float((away[believed] > 1).mean()),
        "hidden_but_believed": float((believed & ~seen).sum() / max(1, (~seen).sum())),
    }


def accuracy(photos: list[str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name, make in CASES.items():
        cases = []
        for photo in photos:
            clip = make(photo, FRAMES)
            greys = [brightness(f.astype(np.float32) / np.float32(255)) for f in clip.frames]
            cases += [
                errors(estimate_motion(greys[t], greys[t + 1]), *clip.truth(t, t + 1))
                for t in range(FRAMES - 1)
            ]
        found[f"{name}, {clips.HEIGHT} lines"] = mean(cases)
    for name, (right, down) in PANS_PX.items():
        truth = np.broadcast_to(np.array([-right, -down], np.float32), (HEIGHT, WIDTH, 2))
        at = np.stack(np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), axis=-1) + truth
        inside = (at >= 0).all(-1) & (at[..., 0] <= WIDTH - 1) & (at[..., 1] <= HEIGHT - 1)
        for exposed in (False, True):
            cases = []
            for photo in photos:
                before, now = (view(clips.photo(photo), k * right, k * down) for k in (1, 2))
                now = (now * GAIN + LIFT).clip(0, 1).astype(np.float32) if exposed else now
                cases.append(errors(estimate_motion(before, now), truth, inside))
            found[f"{name}, {HEIGHT} lines{', other exposure' * exposed}"] = mean(cases)
    return found


def mean(cases: list[dict[str, float]]) -> dict[str, float]:
    return {key: round(float(np.mean([case[key] for case in cases])), 4) for key in cases[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--photos", nargs="+", choices=list(clips.OTHERS), default=["astronaut"])
    options = parser.parse_args()
    usual = matching_size(HEIGHT, WIDTH, AnalogyConfig(max_area_px=MOTION_AREA_PX))
    speed(usual, 2)  # warms up
    results = {
        "opencv_threads": cv2.getNumThreads(),
        "448 lines": speed((HEIGHT, WIDTH), options.runs),
        "as runs find it": speed(usual, options.runs),
        "accuracy": accuracy(options.photos),
    }
    report("flow", results)


if __name__ == "__main__":
    main()
