"""Guided synthesis: its error where the correct result is known, and its time.

    python -m benchmarks.guided [--cases identity filters …] [--height 240] [--runs 3]
                                [--pictures FOLDER] [--set uniformity=3500 coherence=0.5 …]

- ``identity``: A' = A and B = A; PSNR of B' against A.
- ``filters``: A' is A filtered. B is the other half of the photograph, the other view of a stereo
  pair, or another photograph. B' is compared with B filtered. ``attainable_psnr`` compares the same
  synthesis without a filter (A' = A) with B, so it shows the difference of the photographs alone.
- ``texture``: a stationary texture is synthesised twice as wide and high, with uniformity and
  without. ``most_used_pixel`` is the largest number of matches of a pixel of A', and
  ``most_used_patch`` that of a patch, both relative to a uniform distribution.
- ``numbers``: texture by numbers; share of the pixels whose match has their own label.
- ``enlarged``: super-resolution. A and B are shrunk to a third and enlarged again; A' is the
  original A. B' and the bicubic enlargement are compared with the original B.
- ``speed``: 480×360, three guides; ``warm`` starts from the field of a frame shifted by 2 pixels.
  Processor seconds of all threads are given beside elapsed seconds.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
import torch
import torch.nn.functional as F
from skimage.metrics import structural_similarity
from torch import Tensor

from batch_analogy.analogy.guided import Guide, GuidedConfig, Synthesis, synthesise
from batch_analogy.analogy.guided.guides import luma, slopes
from batch_analogy.config.painting import PAINT_PRESETS
from batch_analogy.media.stills import write_png
from benchmarks.common import as_tensor, peak_memory_bytes, report

PHOTOS = ("astronaut", "chelsea", "coffee", "rocket")
TEXTURES = ("brick", "grass", "gravel")
SPEED_SIZE = (360, 480)
LABEL_COLOURS = ((0.9, 0.1, 0.1), (0.1, 0.8, 0.2), (0.1, 0.2, 0.9))
GUIDE_WEIGHT = PAINT_PRESETS["filter"].settings["colour"]  # relative to the style's weight of 1
SLOPES_WEIGHT = PAINT_PRESETS["emboss"].settings["slopes"]


def photo(name: str, height: int) -> Tensor:
    """Return one of scikit-image's photographs, scaled to a height, (1, 3, H, W)."""
    pixels = getattr(skimage.data, name)()
    return scaled(as_tensor(pixels), height)


def scaled(picture: Tensor, height: int) -> Tensor:
    width = round(picture.shape[3] * height / picture.shape[2])
    return F.interpolate(picture, size=(height, width), mode="area")


def texture(name: str, height: int) -> Tensor:
    grey = getattr(skimage.data, name)()
    return scaled(as_tensor(np.repeat(grey[..., None], 3, axis=2)), height)


def blur(picture: Tensor) -> Tensor:
    return F.avg_pool2d(picture, 7, 1, 3, count_include_pad=False)


def emboss(picture: Tensor) -> Tensor:
    """Draw a grey relief that is lit from the upper left."""
    grey = F.pad(luma(picture), (1, 1, 1, 1), mode="replicate")
    relief = grey[..., 2:, 2:] - grey[..., :-2, :-2]
    return (0.5 + relief).clamp(0.0, 1.0).expand(-1, 3, -1, -1).contiguous()


def duotone(picture: Tensor) -> Tensor:
    """Map brightness to colours from dark blue to cream."""
    dark, light = (
        picture.new_tensor(c).view(1, 3, 1, 1) for c in ((0.1, 0.1, 0.4), (1.0, 0.9, 0.7))
    )
    return dark + (light - dark) * luma(picture)


FILTERS: dict[str, Callable[[Tensor], Tensor]] = {
    "blur": blur,
    "emboss": emboss,
    "duotone": duotone,
}


SEEN: dict[str, tuple[Callable[[Tensor], Tensor], float]] = {
    "colours": (lambda picture: picture, GUIDE_WEIGHT),
    "slopes": (slopes, SLOPES_WEIGHT),
}
"""Guides for filters: name → (guide of a picture, weight). Emboss keeps slopes, not brightness."""


def psnr(x: Tensor, y: Tensor) -> float:
    return round(float(-10 * torch.log10((x - y).square().mean().clamp_min(1e-10))), 2)


def ssim(x: Tensor, y: Tensor) -> float:
    pair = (luma(p)[0, 0].numpy() for p in (x, y))
    return round(float(structural_similarity(*pair, data_range=1.0)), 3)


def coarse(picture: Tensor) -> Tensor:
    """Shrink a picture to a third of its sides and enlarge it again."""
    size = int(picture.shape[2]), int(picture.shape[3])
    small = F.interpolate(picture, size=(size[0] // 3, size[1] // 3), mode="area")
    return F.interpolate(small, size=size, mode="bicubic").clamp(0.0, 1.0)


def steepness(picture: Tensor) -> float:
    """Return the root mean square of the brightness gradient."""
    grey = luma(picture)
    return round(float((grey[..., 1:] - grey[..., :-1]).square().mean().sqrt()), 4)


class Bench:
    """The benchmark's cases, run with one set of options."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.height: int = options.height
        self.runs: int = options.runs
        self.pictures: Path | None = options.pictures
        self.config = configured(options.set)

    def keep(self, name: str, *pictures: Tensor) -> None:
        """Write pictures side by side, if a folder was given."""
        if self.pictures is None:
            return
        height = max(int(p.shape[2]) for p in pictures)
        padded = [F.pad(p, (0, 4, 0, height - int(p.shape[2])), value=1.0) for p in pictures]
        pixels = (torch.cat(padded, dim=3)[0].permute(1, 2, 0) * 255 + 0.5).to(torch.uint8)
        self.pictures.mkdir(parents=True, exist_ok=True)
        write_png(self.pictures / f"{name}.png", pixels.numpy())

    def identity(self) -> dict[str, Any]:
        results = {}
        for name in PHOTOS:
            a = photo(name, self.height)
            made = synthesise(a, [Guide(a, a, GUIDE_WEIGHT)], self.config)
            results[name] = psnr(made.picture, a)
            self.keep(f"identity-{name}", a, made.picture)
        return {"psnr": results, "lowest_psnr": min(results.values())}

    def filters(self) -> dict[str, Any]:
        return {pair: self._filtered(pair, a, b) for pair, (a, b) in views(self.height).items()}

    def _filtered(self, pair: str, a: Tensor, b: Tensor) -> dict[str, Any]:
        own = synthesise(a, [Guide(a, b, GUIDE_WEIGHT)], self.config).picture
        results: dict[str, Any] = {"attainable_psnr": psnr(own, b), "attainable_ssim": ssim(own, b)}
        for name, work in FILTERS.items():
            made = {
                by: synthesise(work(a), [Guide(of(a), of(b), weight)], self.config).picture
                for by, (of, weight) in SEEN.items()
            }
            results[name] = {
                by: {"psnr": psnr(p, work(b)), "ssim": ssim(p, work(b))} for by, p in made.items()
            }
            self.keep(f"filter-{name}-{pair}", work(a), *made.values(), work(b))
        return results

    def texture(self) -> dict[str, Any]:
        return {
            name: {
                "with": self._texture(name, self.config),
                "without": self._texture(name, replace(self.config, uniformity=0.0)),
            }
            for name in TEXTURES
        }

    def _texture(self, name: str, config: GuidedConfig) -> dict[str, Any]:
        ap = texture(name, self.height // 2)
        height, width = 2 * int(ap.shape[2]), 2 * int(ap.shape[3])
        anywhere = Guide(ap[:, :1], ap.new_zeros((1, 1, height, width)), 0.0)
        made = synthesise(ap, [anywhere], config)
        self.keep(f"texture-{name}-{int(config.uniformity)}", ap, made.picture)
        contrast = float(made.picture.std() / ap.std())
        return {**crowds(made, ap, config.patch), "contrast": round(contrast, 3)}

    def numbers(self) -> dict[str, Any]:
        ap, labels, wanted = numbered(self.height)
        made = synthesise(ap, [Guide(labels, wanted, GUIDE_WEIGHT)], self.config)
        self.keep("numbers", labels, ap, wanted, made.picture)
        y, x = made.field[0].long()
        own = ((labels[0][:, y, x] - wanted[0]).abs().amax(dim=0) < 0.05).float().mean()
        return {"own_label": round(float(own), 4)}

    def enlarged(self) -> dict[str, Any]:
        weight = PAINT_PRESETS["super-resolution"].settings["colour"]
        results = {}
        for pair, (ap, wanted) in views(self.height).items():
            a, b = coarse(ap), coarse(wanted)
            made = synthesise(ap, [Guide(a, b, weight)], self.config).picture
            self.keep(f"enlarged-{pair}", b, made, wanted)
            results[pair] = {
                name: {"psnr": psnr(p, wanted), "ssim": ssim(p, wanted), "steepness": steepness(p)}
                for name, p in (("made", made), ("bicubic", b), ("right", wanted))
            }
        return results

    def speed(self) -> dict[str, Any]:
        ap, guides, warm_guides = filmed()
        cold, made = self._timed(lambda: synthesise(ap, guides, self.config))
        start = made.field.float().roll((-1, -2), (2, 3))
        warm, _ = self._timed(lambda: synthesise(ap, warm_guides, self.config, start=start))
        return {"cold": cold, "warm": warm, "peak_memory_bytes": peak_memory_bytes()}

    def _timed(self, work: Callable[[], Synthesis]) -> tuple[dict[str, Any], Synthesis]:
        made = work()
        clock, processor = [], []
        for _ in range(self.runs):
            start = time.perf_counter(), time.process_time()
            made = work()
            clock.append(round(time.perf_counter() - start[0], 3))
            processor.append(round(time.process_time() - start[1], 3))
        return {
            "median_seconds": statistics.median(clock),
            "runs": clock,
            "median_processor_seconds": statistics.median(processor),
            "processor_runs": processor,
        }, made


def views(height: int) -> dict[str, tuple[Tensor, Tensor]]:
    """Return pairs of real pictures, A and B, by name."""
    left, right, _ = skimage.data.stereo_motorcycle()
    coffee = photo("coffee", height)
    half = int(coffee.shape[3]) // 2
    return {
        "two-views": (scaled(as_tensor(left), height), scaled(as_tensor(right), height)),
        "two-halves": (coffee[..., :half].contiguous(), coffee[..., half:].contiguous()),
        "two-photographs": (photo("astronaut", height), photo("chelsea", height)),
    }


def crowds(made: Synthesis, ap: Tensor, patch: int) -> dict[str, float]:
    """Return how often the most used pixel and patch of A' are used, relative to uniform use."""
    height, width = int(ap.shape[2]), int(ap.shape[3])
    places = made.field[0, 0].long() * width + made.field[0, 1].long()
    count = torch.bincount(places.flatten(), minlength=height * width).float()
    count = count.view(1, 1, height, width) * (height * width / places.numel())
    patches = F.avg_pool2d(count, patch, 1, patch // 2, count_include_pad=False)
    return {
        "most_used_pixel": round(float(count.max()), 2),
        "most_used_patch": round(float(patches.max()), 2),
        "used_pixels": round(float((count > 0).float().mean()), 3),
    }


def numbered(height: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return A' of three textures in stripes, its labels, and labels of another layout."""
    parts = [texture(name, height) for name in TEXTURES]
    colours = torch.tensor(LABEL_COLOURS)
    ys, xs = torch.meshgrid(torch.arange(height), torch.arange(height), indexing="ij")
    wave = (xs + 0.08 * height * torch.sin(ys * 9.0 / height)) / height
    here = (wave * 3).long().clamp(0, 2)
    ap = torch.stack(parts)[:, 0].permute(2, 3, 0, 1)[ys, xs, here].permute(2, 0, 1)[None]
    away = ((ys - 0.35 * height) ** 2 + (xs - 0.6 * height) ** 2).sqrt()
    there = torch.where(away < 0.25 * height, 2, (ys + 0.3 * xs > 0.6 * height).long())
    labels, wanted = (colours[m].permute(2, 0, 1)[None].contiguous() for m in (here, there))
    return ap.contiguous(), labels, wanted


def filmed() -> tuple[Tensor, list[Guide], list[Guide]]:
    """Return A', guides (colours, edges, positions) to a frame, and guides to the next frame."""
    height, width = SPEED_SIZE
    scene = F.interpolate(as_tensor(skimage.data.coffee()), size=(400, 600), mode="area")
    a, b, c = (scene[..., y : y + height, x : x + width] for y, x in ((8, 40), (14, 60), (15, 62)))
    axes = (torch.linspace(0, 1, side) for side in SPEED_SIZE)
    place = torch.stack(torch.meshgrid(*axes, indexing="ij"))[None]

    def edges(picture: Tensor) -> Tensor:
        grey = luma(picture)
        return (grey - F.avg_pool2d(grey, 5, 1, 2, count_include_pad=False) + 0.5).clamp(0, 1)

    def to(frame: Tensor) -> list[Guide]:
        return [
            Guide(a, frame, 2.0),
            Guide(edges(a), edges(frame), 0.5),
            Guide(place, place, 0.5),
        ]

    ap = (emboss(a) * 0.5 + duotone(a.flip(1)) * 0.5).contiguous()
    return ap, to(b), to(c)


def configured(changes: list[str]) -> GuidedConfig:
    """Return the default configuration, changed by ``name=value``."""
    values: dict[str, Any] = {}
    for change in changes:
        name, value = change.split("=")
        values[name] = float(value) if "." in value else int(value)
    return GuidedConfig(**values)


CASES = ("identity", "filters", "texture", "numbers", "enlarged", "speed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=CASES)
    parser.add_argument("--height", type=int, default=240)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    options = parser.parse_args()
    bench = Bench(options)
    report("guided", {case: getattr(bench, case)() for case in options.cases})


if __name__ == "__main__":
    main()
