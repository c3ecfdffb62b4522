"""Quality and speed of training on one picture and rendering it from other maps.

    python -m benchmarks.semantic [--quality draft] [--folder FOLDER … --size 128] [--keep FOLDER]

``synthetic``: a striped disc on noise, 96 pixels. ``start`` and ``end`` are the mean L1 error of
the picture rendered from its own map, before and after training. Then the disc is rendered at
positions and sizes that training did not contain. ``accuracy`` is the share of pixels whose colour
is nearer to the mean colour of their label than to that of the other, a test that does not use the
trained network. ``untouched`` is the same share for the unchanged picture, which is what doing
nothing would give. ``segmenter`` is the accuracy according to the trained segmenter.
``colour_error`` is the largest difference in a channel between the mean colours of the moved disc
and the original one. ``repeats`` and ``resumes`` are true if a second training, and an interrupted
one, give the same bits after some iterations.

``film``: the disc moves by a pixel a frame.

``apply``: maps a second at 256 pixels, for each precision. Models are applied in bfloat16 on
machines that are fast in it.

``folders``: real pictures, each in a folder with img, label and further maps in cond/, as the
method's authors publish theirs. This project contains none.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from batch_analogy.analogy.features import FeatureExtractor
from batch_analogy.analogy.features.vgg import load_network
from batch_analogy.analogy.features.weights import resolve_weights
from batch_analogy.analogy.semantic.detail import Detail
from batch_analogy.analogy.semantic.label_maps import Classes, Palette
from batch_analogy.analogy.semantic.model import SemanticModel
from batch_analogy.analogy.semantic.trainer import Trainer
from batch_analogy.config.semantic import SemanticConfig
from batch_analogy.jobs.folder.preview_pictures import tile
from batch_analogy.jobs.semantic.apply import Flicker
from batch_analogy.jobs.semantic.events import TrainingEnded
from batch_analogy.jobs.semantic.model_files import load_model, read_labels, read_pair, read_state
from batch_analogy.jobs.semantic.train_many import find_pairs
from batch_analogy.jobs.semantic.training import TrainJob, train
from batch_analogy.jobs.semantic.training_folder import TrainingFolder
from batch_analogy.json_files import read_json
from batch_analogy.media.sequence import find_stills
from batch_analogy.media.stills import to_uint8, write_png
from benchmarks.common import peak_memory_bytes, report, timed

SIDE = 96
FRAMES = 8
COLOURS = Palette(((4, 51, 255), (255, 147, 0)))
PLACES = ((66, 30, 18), (30, 70, 18), (60, 60, 26), (48, 22, 12))
"""Row, column and radius of discs in maps that are not used in training."""

Pixels = NDArray[np.float32]


def disc(row: int = 40, column: int = 38, radius: int = 20) -> Classes:
    """Return a map (96, 96) with label 1 inside a disc, by default that of the picture."""
    y, x = np.mgrid[:SIDE, :SIDE]
    return ((y - row) ** 2 + (x - column) ** 2 < radius**2).astype(np.int64)


def picture() -> Pixels:
    """Draw slanting orange stripes in the disc and smooth blue noise around it, (96, 96, 3)."""
    y, x = np.mgrid[:SIDE, :SIDE]
    stripe = 0.5 + 0.5 * np.sin((x + 0.5 * y) * 2 * np.pi / 8)
    noise = cv2.GaussianBlur(np.random.default_rng(8).random((SIDE, SIDE)), (0, 0), 1.5)
    noise = (noise - noise.min()) / np.ptp(noise)
    inside = np.stack([0.75 + 0.2 * stripe, 0.3 + 0.35 * stripe, 0.1 + 0.1 * stripe], axis=2)
    outside = np.stack([0.1 + 0.1 * noise, 0.2 + 0.3 * noise, 0.35 + 0.5 * noise], axis=2)
    return np.where(disc()[..., None] == 1, inside, outside).astype(np.float32)


def seen_as(made: Pixels, means: Pixels) -> Classes:
    """Label each pixel by the nearer mean colour, smoothed over its neighbours."""
    smooth = cv2.blur(made, (5, 5), borderType=cv2.BORDER_REFLECT)
    away = [np.square(smooth - mean).sum(axis=2) for mean in means]
    return np.argmin(away, axis=0)


def moved(model: SemanticModel) -> dict[str, Any]:
    """Measure the disc rendered at other positions and sizes."""
    known, own = picture(), disc()
    means = np.stack([known[own == label].mean(axis=0) for label in (0, 1)])
    found: list[dict[str, float]] = []
    for place in PLACES:
        wanted = disc(*place)
        image = model.apply(wanted)
        made = pixels(image)
        found.append({
            "accuracy": float((seen_as(made, means) == wanted).mean()),
            "untouched": float((seen_as(known, means) == wanted).mean()),
            "segmenter": float((model.segment(image)[0].numpy() == wanted).mean()),
            "colour_error": float(np.abs(made[wanted == 1].mean(axis=0) - means[1]).max()),
        })  # fmt: skip
    return {
        "lowest": {name: min(f[name] for f in found) for name in ("accuracy", "segmenter")},
        "highest_colour_error": max(f["colour_error"] for f in found),
        "places": found,
    }


def film(model: SemanticModel) -> dict[str, float | None]:
    """Return the mean change, of 255, of pixels whose label stays the same while the disc moves.

    ``network``: the network's output; ``detail``: with detail of the picture added to each frame.
    """
    detail, found = Detail(model), {"network": Flicker(), "detail": Flicker()}
    for step in range(FRAMES):
        wanted = disc(column=38 + step)
        made = model.apply(wanted)
        found["network"].add(wanted, pixels(made))
        found["detail"].add(wanted, pixels(detail.add(made, torch.from_numpy(wanted)[None])))
    return {name: flicker.mean and 255 * flicker.mean for name, flicker in found.items()}


def synthetic(config: SemanticConfig, network: FeatureExtractor, options: Any) -> dict[str, Any]:
    """Train on the synthetic picture and measure the model."""
    with tempfile.TemporaryDirectory() as folder:
        job = synthetic_job(Path(folder), config)
        image, classes, palette = read_pair(job.picture, job.label)
        torch.set_num_threads(config.threads)
        start, _ = Trainer(image, classes, palette, config, network).measure()
        ended, times = timed_training(job)
        model, points = load_model(job.folder), curves(job)
        if options.keep:
            keep(options.keep / "synthetic.png", [picture(), pixels(model.apply(disc()))],
                 [pixels(model.apply(disc(*place))) for place in PLACES])  # fmt: skip
    last = points[-1]
    return {
        "config": config.fields(),
        "iterations": ended.iteration,
        "ending": ended.ending,
        **times,
        "reconstruction": {
            "start": start.reconstruction,
            "end": last["reconstruction"],
            "ratio": last["reconstruction"] / start.reconstruction,
        },
        "gamma_off_1": last["gamma"],
        "beta_off_0": last["beta"],
        "moved": moved(model),
        "film": film(model),
        "peak_memory_bytes": peak_memory_bytes(),
        "curves": points,
        **repeated(config, options.repeat_iterations),
    }


def synthetic_job(folder: Path, config: SemanticConfig) -> TrainJob:
    """Write the synthetic picture as files for training."""
    folder.mkdir(parents=True, exist_ok=True)
    write_png(folder / "disc.png", picture())
    write_png(folder / "label.png", COLOURS.paint(disc()))
    return TrainJob(
        picture=folder / "disc.png",
        label=folder / "label.png",
        folder=folder / "disc.semantic",
        config=config,
    )


def timed_training(job: TrainJob) -> tuple[TrainingEnded, dict[str, float]]:
    """Train; return how training ended, and its wall-clock and processor time."""
    clock, processor = time.perf_counter(), time.process_time()
    ended = train(job)
    return ended, {
        "seconds": round(time.perf_counter() - clock, 1),
        "cpu_seconds": round(time.process_time() - processor, 1),
    }


def repeated(config: SemanticConfig, iterations: int) -> dict[str, Any]:
    """Check that a second and an interrupted training give the same bits."""
    short = SemanticConfig(**{**config.fields(), "iterations": iterations, "measure_every": 1000})
    with tempfile.TemporaryDirectory() as folder:
        jobs = [synthetic_job(Path(folder) / str(n), short) for n in range(3)]
        train(jobs[0])
        train(jobs[1])
        asked = iter(range(iterations))
        train(jobs[2], stopped=lambda: next(asked) >= iterations // 2)
        train(jobs[2])
        states = [read_state(TrainingFolder(job.folder).checkpoint)[0] for job in jobs]
    same = [
        all(torch.equal(states[0][name], other[name]) for name in states[0]) for other in states[1:]
    ]
    return {"repeats": same[0], "resumes": same[1], "repeated_iterations": iterations}


def speed(side: int, runs: int, width: int) -> dict[str, Any]:
    """Measure maps a second with an untrained network."""
    y, x = np.mgrid[:side, :side]
    classes = torch.from_numpy(((y + x) // 32 % 3).astype(np.int64))[None]
    config = SemanticConfig(size=side, width=width)
    palette = Palette((*COLOURS.colours, (0, 249, 0)))
    found: dict[str, Any] = {"side": side, "width": width}
    for name, half in (("float32", False), ("bfloat16", True)):
        model = SemanticModel(torch.rand(1, 3, side, side), classes, palette, config)
        model.to("cpu", half=half)
        if half and not model.half:
            found["bfloat16"] = "not quick on this CPU, so never used"
            continue
        targets = [torch.roll(classes, 8 * shift, dims=2) for shift in range(8)]

        def work(model: SemanticModel = model, targets: Any = targets) -> None:
            for target in targets:
                model.apply(target)

        work()
        times = timed(work, runs)
        found[name] = {
            "maps_per_second": round(len(targets) / times["median_seconds"], 2),
            "seconds_of_8": times,
        }
    return found


def real(folder: Path, options: Any) -> list[dict[str, Any]]:
    """Train on a folder's pictures and render their maps."""
    found = []
    for name, image, label in find_pairs(folder):
        print(f"{name} …", file=sys.stderr, flush=True)
        config = SemanticConfig.for_quality(options.quality, size=options.size)
        with tempfile.TemporaryDirectory() as place:
            job = TrainJob(
                picture=image, label=label, folder=Path(place) / f"{name}.semantic", config=config
            )
            ended, times = timed_training(job)
            model, points = load_model(job.folder), curves(job)
        maps = [Path(p) for p in find_stills(str(image.parent / "cond"))]
        made = [model.apply(read_labels(path), name=str(path)) for path in maps]
        wanted = [model.read(read_labels(path), name=str(path)) for path in maps]
        if options.keep:
            keep(
                options.keep / f"{name}.png",
                [pixels(model.image), *map(pixels, made)],
                [model.palette.paint(c) for c in (model.classes[0].numpy(), *wanted)],
            )
        found.append({
            "name": name,
            "classes": len(model.palette),
            "iterations": ended.iteration,
            **times,
            "peak_memory_bytes": peak_memory_bytes(),
            "accuracy": {
                path.name: float((model.segment(m)[0].numpy() == w).mean())
                for path, m, w in zip(maps, made, wanted, strict=True)
            },
            "curves": points,
        })  # fmt: skip
    return found


def curves(job: TrainJob) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (read_json(TrainingFolder(job.folder).curves) or {})["points"]
    return found


def pixels(image: torch.Tensor) -> Pixels:
    return np.ascontiguousarray(image[0].permute(1, 2, 0).numpy())


def keep(path: Path, *rows: Sequence[Any]) -> None:
    """Write rows of pictures as one file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [to_uint8(cell) for row in rows for cell in row]
    write_png(path, tile(cells, columns=max(len(row) for row in rows)))


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quality", choices=["draft", "standard", "paper"], default="draft")
    parser.add_argument("--iterations", type=int, help="fewer, for tests")
    parser.add_argument("--repeat-iterations", type=int, default=40)
    parser.add_argument("--folder", type=Path, nargs="*", default=[])
    parser.add_argument("--size", type=int, default=128, help="of the folders' pictures")
    parser.add_argument("--side", type=int, default=256, help="of the maps of the speed test")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="write the pictures there")
    parser.add_argument("--only", choices=["synthetic", "apply", "folders"])
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    given = {} if options.iterations is None else {"iterations": options.iterations}
    config = SemanticConfig.for_quality(options.quality, **given)
    results: dict[str, Any] = {}
    if options.only in (None, "synthetic"):
        network = load_network(resolve_weights())
        results["synthetic"] = synthetic(config, network, options)
    if options.only in (None, "apply"):
        results["apply"] = speed(options.side, options.runs, config.width)
    if options.folder:
        results["folders"] = [one for folder in options.folder for one in real(folder, options)]
    report("semantic", results)


if __name__ == "__main__":
    main()
