"""Stability of films with known motion, with and without temporal coherence.

    python -m benchmarks.steady [--cases pan zoom] [--photos astronaut] [--frames 24]
                                [--presets photo-to-style] [--quality draft] [--keep FOLDER]

Real runs over photographs with synthetic motion (``benchmarks.clips``), in this process. Metrics
use the exact flow and masks, so they contain no error of a flow estimate. E_warp and the other
metrics are those of ``batch_analogy.report.evaluation.frame_metrics``. ``ratio`` is the value with
coherence divided by the value without. The reference is another photograph, painted for
photo-to-style and re-graded for photo-to-photo.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from scipy import ndimage

from batch_analogy.analogy.features import FeatureExtractor
from batch_analogy.analogy.features.vgg import load_network
from batch_analogy.analogy.features.weights import resolve_weights
from batch_analogy.config.matching import AnalogyConfig, PresetName
from batch_analogy.config.run import ANCHOR_FRAMES, ExecutionConfig, RunConfig, Temporal
from batch_analogy.jobs.drive.open_run import open_run
from batch_analogy.jobs.folder.journal import read_history
from batch_analogy.jobs.plan.plan_file import read_plan
from batch_analogy.jobs.store import RunStore
from batch_analogy.media.stills import read_still, write_png
from batch_analogy.report.evaluation import frame_metrics
from batch_analogy.report.evaluation.frame_metrics import Picture
from batch_analogy.report.evaluation.masked_flow import MaskedFlow, texture_displacement_px
from batch_analogy.report.evaluation.style_distance import StyleDistance
from benchmarks import clips, restyle
from benchmarks.clips import CASES, Clip
from benchmarks.common import report

MODES: tuple[Temporal, ...] = ("off", "on")
GRAM_SAMPLES = 6  # frames of a film whose style distance is measured
DRIFT_FRAME = 11  # E(1, 12), counted from 0
DRIFT_CYCLE = 10  # frames after which a pan of (0.3, 0.1) px a frame reaches whole pixels
REFERENCES = {"photo-to-style": restyle.painted, "photo-to-photo": restyle.sunset}


@dataclass(frozen=True)
class Film:
    """Frames of a finished run, and their data in the plan and the journal."""

    folder: Path
    frames: Sequence[Picture]
    files: Sequence[bytes]
    seconds: Sequence[float]
    starts: frozenset[int]  # the first frame of each segment


def write_input(folder: Path, clip: Clip, photo: str, preset: PresetName) -> None:
    """Write the frames and a reference."""
    for t, frame in enumerate(clip.frames):
        write_png(folder / "in" / f"{t:04d}.png", frame)
    other = np.rint(clips.photo(clips.OTHERS[photo])).clip(0, 255).astype(np.uint8)
    write_png(folder / "reference.png", REFERENCES[preset](other))


def run(folder: Path, config: AnalogyConfig, mode: Temporal, segment_frames: int | None) -> Film:
    """Run in this process; frames of an earlier run in the folder are reused."""
    run_dir = folder / f"{mode}.run"
    opened = open_run(
        RunConfig(
            command="stylize",
            reference=folder / "reference.png",
            source=str(folder / "in"),
            output=folder / f"{mode}.mp4",
            run_dir=run_dir,
            analogy=config,
            shots="off",  # each clip is one shot, and cuts are not tested here
            temporal=mode,
            segment_frames=segment_frames,
            execution=ExecutionConfig(address="none", gpus_per_worker=0),
        )
    )
    result = opened.execute()
    if result.failed or result.done != result.total:
        raise RuntimeError(f"{run_dir}: {result.done} of {result.total} frames: {result.failed}")
    store = RunStore(run_dir)
    plan, history = read_plan(store.plan), read_history(store.journal)
    assert plan is not None
    paths = [store.frame("a_prime", index) for index in range(result.total)]
    return Film(
        run_dir,
        [read_still(path) for path in paths],
        [path.read_bytes() for path in paths],
        [history.done[index].seconds for index in range(result.total)],
        frozenset(segment.start for segment in plan.segments),
    )


def warp_error(frames: Sequence[Picture], clip: Clip, s: int, t: int) -> float:
    return frame_metrics.warp_error(frames[s], frames[t], *clip.truth(s, t))


def displacement(frames: Sequence[Picture], clip: Clip, s: int, t: int) -> float:
    return texture_displacement_px(frames[s], frames[t], MaskedFlow(*clip.truth(s, t)))


def measure(film: Film, clip: Clip, style: StyleDistance) -> dict[str, Any]:
    """Measure one film."""
    count = len(film.frames)
    pairs = list(itertools.pairwise(range(count)))
    errors = [warp_error(film.frames, clip, s, t) for s, t in pairs]
    samples = sorted({round(k) for k in np.linspace(0, count - 1, GRAM_SAMPLES)})
    gram = [style(film.frames[k]) for k in samples]
    inputs = [frame.astype(np.float32) / np.float32(255) for frame in clip.frames]
    return {
        "warp_error": mean(errors),
        "warp_error_highest": max(errors),
        "warp_error_at_segment_starts": at_starts(errors, film.starts, count),
        "drift": drift(film.frames, clip),
        "texture_displacement_px": mean(displacement(film.frames, clip, *p) for p in pairs),
        "texture_displacement_to_last_px": displacement(film.frames, clip, 0, count - 1),
        "texture_displacement_to_anchors_px": {
            t: displacement(film.frames, clip, 0, t)
            for t in range(ANCHOR_FRAMES, count, ANCHOR_FRAMES)
        },
        "sharpness": mean(frame_metrics.sharpness(frame) for frame in film.frames),
        "sharpness_last": frame_metrics.sharpness(film.frames[-1]),
        "vgg19_gram": mean(gram),
        "vgg19_gram_first": gram[0],
        "vgg19_gram_last": gram[-1],
        "edge_f1": mean(frame_metrics.edge_f1(film.frames[k], inputs[k]) for k in samples),
        "contrast_structure": mean(
            frame_metrics.contrast_structure(film.frames[k], inputs[k]) for k in samples
        ),
        **still_measures(film, clip),
        "seconds": {
            "mean": mean(film.seconds),
            "segment_starts": median(film.seconds[k] for k in film.starts),
            "others": median(s for k, s in enumerate(film.seconds) if k not in film.starts),
        },
    }


def still_measures(film: Film, clip: Clip) -> dict[str, Any]:
    """Measure a scene that does not move."""
    if not clip.still:
        return {}
    same = [
        (s, t) for s, t in itertools.pairwise(range(len(film.files)))
        if np.array_equal(clip.frames[s], clip.frames[t])
    ]  # fmt: skip
    frames = itertools.pairwise(film.frames)
    return {
        "mean_change_of_255": 255 * mean(frame_metrics.mean_change(*pair) for pair in frames),
        "equal_inputs": len(same),
        "equal_files": sum(film.files[s] == film.files[t] for s, t in same),
    }


def drift(frames: Sequence[Picture], clip: Clip) -> dict[str, Any] | None:
    """Return E of the first frame to the twelfth and to the last, and their ratio.

    E also varies with the subpixel part of the motion, as interpolated pixels are softer. So the
    means over the ten frames around each are given too, which for the pan of 0.3 px contain all
    subpixel positions; and the error that the first frame itself would have if it were warped by
    the known flow with cubic splines. None if the clip is too short.
    """
    last = len(frames) - 1
    if last <= DRIFT_FRAME:
        return None
    near, far = (warp_error(frames, clip, 0, t) for t in (DRIFT_FRAME, last))
    found: dict[str, Any] = {"to_12th": near, "to_last": far, "ratio": over(far, near)}
    middles = DRIFT_FRAME, last - DRIFT_CYCLE // 2 + 1
    if middles[1] > middles[0] + DRIFT_CYCLE:
        around = [[m - DRIFT_CYCLE // 2 + k for k in range(DRIFT_CYCLE)] for m in middles]
        means = [mean(warp_error(frames, clip, 0, t) for t in some) for some in around]
        moved = [mean(ideal_error(frames[0], clip, t) for t in some) for some in around]
        found["around_12th"], found["around_last"] = means
        found["ratio_of_means"] = over(means[1], means[0])
        found["moved_around_12th"], found["moved_around_last"] = moved
    return found


def ideal_error(first: Picture, clip: Clip, t: int) -> float:
    """Return E between the first frame and itself warped by the known flow to frame t."""
    flow = clip.truth(t, 0)[0]
    at = np.stack(np.meshgrid(*map(np.arange, flow.shape[1::-1])), axis=-1) + flow
    where = [at[..., 1], at[..., 0]]
    bands = [ndimage.map_coordinates(first[..., c], where, mode="nearest") for c in range(3)]
    return frame_metrics.warp_error(first, np.stack(bands, axis=-1), *clip.truth(0, t))


def at_starts(
    errors: Sequence[float], starts: Iterable[int], count: int
) -> dict[str, float] | None:
    """Return E at segment starts, and its ratio to the median; None if all or none are starts."""
    found = [errors[start - 1] for start in sorted(starts) if start > 0]
    if not found or len(found) == count - 1:
        return None
    return {"mean": mean(found), "to_median": over(mean(found), statistics.median(errors))}


def floor(clip: Clip) -> dict[str, Any]:
    """Measure the input itself, and the share of pixels occluded in the next frame."""
    frames = [frame.astype(np.float32) / np.float32(255) for frame in clip.frames]
    pairs = list(itertools.pairwise(range(len(frames))))
    return {
        "warp_error": mean(warp_error(frames, clip, s, t) for s, t in pairs),
        "masked_share": mean(1 - clip.truth(s, t)[1].mean() for s, t in pairs),
        "drift": drift(frames, clip),
        "sharpness": mean(frame_metrics.sharpness(frame) for frame in frames),
    }


def compared(on: dict[str, Any], off: dict[str, Any]) -> dict[str, float | None]:
    """Return the ratio of each figure with coherence to that without."""
    ratios = {
        name: over(on[name], off[name])
        for name in ("warp_error", "sharpness", "sharpness_last", "vgg19_gram", "vgg19_gram_last")
    }
    if "mean_change_of_255" in on:
        ratios["mean_change"] = over(on["mean_change_of_255"], off["mean_change_of_255"])
    warm, cold = on["seconds"]["others"], off["seconds"]["segment_starts"]
    ratios["seconds"] = over(on["seconds"]["mean"], off["seconds"]["mean"])
    ratios["seconds_warm_to_cold"] = None if warm is None else over(warm, cold)
    return ratios


def over(x: float, y: float) -> float | None:
    return None if y == 0 else x / y


def mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def median(values: Iterable[float]) -> float | None:
    found = list(values)
    return statistics.median(found) if found else None


def rounded(value: Any) -> Any:
    """Round to four significant digits; more would be noise."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value


@dataclass(frozen=True)
class Bench:
    """Settings that all clips share."""

    network: FeatureExtractor
    folder: Path
    options: argparse.Namespace

    def clip(self, case: str, photo: str, preset: PresetName) -> dict[str, Any]:
        """Run one clip in one preset, with coherence off and on."""
        clip = CASES[case](photo, self.options.frames)
        folder = self.folder / preset / f"{case} {photo}".replace(" ", "-")
        write_input(folder, clip, photo, preset)
        reference = read_still(folder / "reference.png")
        style = StyleDistance(self.network, reference, AnalogyConfig())
        results: dict[str, Any] = {"input": floor(clip)}
        for mode in self.options.modes:
            print(f"{preset}: {case}, {photo}, {mode} …", file=sys.stderr, flush=True)
            config = AnalogyConfig.for_preset(preset, quality=self.options.quality)
            film = run(folder, config, mode, self.options.segment_frames)
            results[mode] = measure(film, clip, style)
        if {"on", "off"} <= results.keys():
            results["ratio"] = compared(results["on"], results["off"])
        return dict(rounded(results))

    def warm_up(self) -> None:
        """Compile the kernels and load the weights before any film is timed."""
        clip = CASES["identical"](self.options.photos[0], 2)
        for preset, mode in itertools.product(self.options.presets, self.options.modes):
            with tempfile.TemporaryDirectory() as name:
                write_input(Path(name), clip, self.options.photos[0], preset)
                config = AnalogyConfig.for_preset(preset, quality=self.options.quality)
                run(Path(name), config, mode, None)


def summary(by_preset: dict[str, Any], modes: Sequence[str]) -> dict[str, Any]:
    """Return means over photographs, by preset, case and mode."""
    names = (
        "warp_error", "texture_displacement_px", "sharpness", "vgg19_gram", "edge_f1",
        "contrast_structure", "mean_change_of_255",
    )  # fmt: skip

    def of(photos: dict[str, Any], mode: str) -> dict[str, float]:
        films = [film[mode] for film in photos.values()]
        return {n: mean(film[n] for film in films) for n in names if n in films[0]}

    return dict(rounded({
        preset: {
            case: {
                "input": {"warp_error": mean(f["input"]["warp_error"] for f in photos.values())},
                **{mode: of(photos, mode) for mode in modes},
            }
            for case, photos in cases.items()
        }
        for preset, cases in by_preset.items()
    }))  # fmt: skip


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    one_of: Callable[..., Any] = parser.add_argument
    one_of("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    one_of("--photos", nargs="+", choices=list(clips.OTHERS), default=["astronaut", "coffee"])
    one_of("--presets", nargs="+", choices=list(REFERENCES), default=list(REFERENCES))
    one_of("--modes", nargs="+", choices=MODES, default=MODES)
    one_of("--frames", type=int, default=24, help="of each clip; 96 for drift")
    one_of("--segment-frames", type=int, help="frames that one worker makes in order")
    one_of("--quality", default="draft")
    one_of("--keep", type=Path, metavar="FOLDER", help="store input, runs and frames there")
    return parser.parse_args(arguments)


def main() -> None:
    options = parse()
    assert set(REFERENCES) <= set(get_args(PresetName))
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(load_network(resolve_weights()), options.keep or Path(name), options)
        bench.warm_up()
        for preset in options.presets:
            results[preset] = {
                case: {photo: bench.clip(case, photo, preset) for photo in options.photos}
                for case in options.cases
            }
    report(
        "steady",
        {
            "frames": options.frames,
            "size": [clips.WIDTH, clips.HEIGHT],
            "quality": options.quality,
            "means": summary(results, options.modes),
            "clips": results,
        },
    )


if __name__ == "__main__":
    main()
