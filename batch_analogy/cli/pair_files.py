"""Files that ``pair`` reads and writes."""

from __future__ import annotations

import io
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from batch_analogy.config.amounts import LookShare
from batch_analogy.config.matching import Refine
from batch_analogy.errors import BatchAnalogyError, OutputExistsError, UsageError
from batch_analogy.files import names_beside
from batch_analogy.garbage import importing

if TYPE_CHECKING:
    from torch import Tensor

    from batch_analogy.analogy.deep import AnalogyResult
    from batch_analogy.media.pixel_spaces import PixelSpace
    from batch_analogy.media.stills import Depth, FloatPixels
    from batch_analogy.report.sheets import Pixels

DepthChoice = Literal["auto", "8", "16"]
Format = Literal["png", "tiff", "exr"]


@dataclass(frozen=True)
class Outputs:
    """Paths of the files that ``pair`` writes; None for a file that is not wanted."""

    a_prime: Path
    b: Path
    flow_ab: Path | None = None
    flow_ba: Path | None = None
    confidence_a: Path | None = None
    confidence_b: Path | None = None
    sheet: Path | None = None

    @classmethod
    def inside(
        cls, folder: Path, *, format: Format, flow: bool, confidence: bool, sheet: bool
    ) -> Outputs:
        """Return the paths of the files in a folder."""
        from batch_analogy.media.picture_formats import PICTURE_FORMATS

        suffix = PICTURE_FORMATS[format].suffix
        return cls(
            a_prime=folder / f"a_prime{suffix}",
            b=folder / f"b{suffix}",
            flow_ab=folder / "flow_ab.npy" if flow else None,
            flow_ba=folder / "flow_ba.npy" if flow else None,
            confidence_a=folder / "confidence_a.png" if confidence else None,
            confidence_b=folder / "confidence_b.png" if confidence else None,
            sheet=folder / "sheet.png" if sheet else None,
        )

    def named(self) -> dict[str, Path]:
        """Return the path of each file that is written, by its name."""
        return {name: path for name, path in vars(self).items() if path is not None}

    def check(self, folder: Path, *, inputs: tuple[Path, ...], overwrite: bool) -> None:
        """Check that no existing file would be lost.

        Raises:
            UsageError: the folder is a file, or an input would be replaced.
            OutputExistsError: an output exists and may not be replaced.
            OutputDiskError: the folder cannot be made or written to.
        """
        from batch_analogy.files import check_writable

        if folder.exists() and not folder.is_dir():
            raise UsageError(
                f"output {folder} is a file; pair writes into a folder, so choose another"
            )
        check_writable(self.a_prime.absolute())
        for path in self.named().values():
            if not path.exists():
                continue
            if any(i.exists() and path.samefile(i) for i in inputs):
                raise UsageError(
                    f"output {path} would replace an input; choose another folder with -o"
                )
            if not overwrite:
                raise OutputExistsError(
                    f"output {path} exists; choose another folder with -o, or replace it with "
                    "--overwrite"
                )


INPUTS = "pair.json"
"""In a folder that was not named: the pictures that it was made of."""


def default_folder(a: Path, bp: Path) -> Path:
    """Return the folder of a pair for which none was named: its own, or a new one."""
    names = names_beside(Path(f"{a.stem}-{bp.stem}"))
    return next(one for one in names if not os.path.lexists(one) or _holds_pair(one, a, bp))


def record_inputs(folder: Path, a: Path, bp: Path) -> None:
    """Write down what a default folder was made of, so that other pairs keep out of it.

    Raises:
        OutputDiskError: the disk is full or not writable.
    """
    from batch_analogy.json_files import write_json

    write_json(folder / INPUTS, _inputs(a, bp))


def _inputs(a: Path, bp: Path) -> dict[str, str]:
    return {"a": str(a.absolute()), "b_prime": str(bp.absolute())}


def _holds_pair(folder: Path, a: Path, bp: Path) -> bool:
    from batch_analogy.json_files import read_json

    try:
        return read_json(folder / INPUTS) == _inputs(a, bp)
    except (BatchAnalogyError, OSError):
        return False  # a file, or something else's folder


def make_folder(folder: Path) -> None:
    """Make the output folder.

    Raises:
        OutputDiskError: the disk is full or not writable.
    """
    from batch_analogy.files import disk_errors

    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)


@dataclass(frozen=True)
class InputPicture:
    """A picture that was read."""

    tensor: Tensor  # (1, 3, H, W) float32
    opacity: FloatPixels | None  # (H, W) float32; None: opaque
    space: PixelSpace | None = None  # in which it is stored
    notes: tuple[str, ...] = ()  # what the user should know about how it was read


def has_scene_light(*pictures: Path) -> bool:
    """Return whether a picture may be brighter than white."""
    from batch_analogy.media.openexr import is_exr

    return any(map(is_exr, pictures))


def choose_format(chosen: Format | None, scene_light: bool) -> Format:
    """Return the format of A' and B: EXR by default for light beyond white, else PNG.

    Raises:
        MachineError: EXR cannot be written here.
    """
    from batch_analogy.media.openexr import check_exr_support

    format = chosen or ("exr" if scene_light else "png")
    if format == "exr":
        check_exr_support()
    return format


def read_pictures(
    pictures: tuple[Path, ...], masks: tuple[Path, ...], space: PixelSpace, *, scene_light: bool
) -> list[InputPicture]:
    """Read pictures, then their masks, in parallel because large ones take long to decode.

    Args:
        pictures: paths. masks: paths.
        space: of the pixels.
        scene_light: compress what is brighter than white, as only EXR has it.

    Raises:
        FrameError: one cannot be read.
        InputError: a mask has another shape than its picture.
    """
    from batch_analogy.media.label_pictures import read_masks

    with ThreadPoolExecutor(max_workers=len(pictures) + 1) as pool:
        reading = [pool.submit(_read_picture, path, space, scene_light) for path in pictures]
        maps = pool.submit(read_masks, masks, pictures).result() if masks else []
        found = [one.result() for one in reading]
    return found + [InputPicture(_tensor(one.pixels), None, notes=one.notes) for one in maps]


def working_space(
    pictures: tuple[Path, ...], refine: Refine, *, scene_light: bool
) -> tuple[PixelSpace, tuple[str, ...]]:
    """Return the space in which pictures are matched, and what the user should know about it.

    It is Display P3 if one of them is, and a photograph is made of it; else sRGB.
    """
    from batch_analogy.media.pixel_spaces import DISPLAY_P3, SRGB
    from batch_analogy.media.stills import read_space

    if scene_light or not any(read_space(path) == DISPLAY_P3 for path in pictures):
        return SRGB, ()
    if refine == "none":
        return SRGB, ("Display P3 is converted to sRGB; only photo-to-photo keeps its gamut",)
    return DISPLAY_P3, ()


def output_depths(
    choice: DepthChoice, pictures: tuple[Path, Path], refine: Refine, share: LookShare
) -> tuple[Depth, Depth]:
    """Return the bits per channel of A' and B.

    "auto" takes those of A and B' if a refinement, or a part of the picture itself, carries their
    detail over. Otherwise a vote averages 8-bit patches, so 8 bits are enough.
    """
    from batch_analogy.media.stills import read_depth

    if choice != "auto":
        depth: Depth = 16 if choice == "16" else 8
        return depth, depth
    if refine == "none" and share.is_whole:
        return 8, 8
    return read_depth(pictures[0]), read_depth(pictures[1])


def write_results(
    outputs: Outputs,
    result: AnalogyResult,
    pictures: tuple[InputPicture, InputPicture],
    depths: tuple[Depth, Depth],
    space: PixelSpace,
    *,
    scene_light: bool,
    share: LookShare,
) -> None:
    """Write all wanted files.

    Args:
        outputs: their paths. result: what is written.
        pictures: A and B', whose transparency and gamut A' and B get.
        depths: of A' and B.
        space: in which they were matched.
        scene_light: highlights were compressed.
        share: of the other picture's look that each gets.
    """
    from batch_analogy.media.stills import write_png

    a, bp = (one.tensor for one in pictures)
    paths = outputs.a_prime, outputs.b
    results = [
        _mixed(own, styled, share, space, scene_light=scene_light)
        for own, styled in ((a, result.a_prime), (bp, result.b))
    ]
    with ThreadPoolExecutor(max_workers=2) as pool:  # compressing large ones takes a while
        writes = [
            pool.submit(_write_picture, *one, space)
            for one in zip(paths, results, depths, pictures, strict=True)
        ]
        for write in writes:
            write.result()
    if outputs.flow_ab and outputs.flow_ba:
        _write_array(outputs.flow_ab, result.flow_ab())
        _write_array(outputs.flow_ba, result.flow_ba())
    if outputs.confidence_a and outputs.confidence_b:
        write_png(outputs.confidence_a, _confidence_map(result.confidence_a, a))
        write_png(outputs.confidence_b, _confidence_map(result.confidence_b, bp))
    if outputs.sheet:
        from batch_analogy.media.stills import to_uint8
        from batch_analogy.report.sheets import side_by_side  # it needs fonts

        own = [_display_values(one, scene_light=False) for one in (a, bp)]
        rows = [own[0], results[0], own[1], results[1]]
        shown = [to_uint8(space.to_srgb(one)) for one in rows]
        write_png(outputs.sheet, side_by_side(shown, ["A", "A'", "B'", "B"]))


def _read_picture(path: Path, space: PixelSpace, scene_light: bool) -> InputPicture:
    from batch_analogy.media.animation import animation_notes
    from batch_analogy.media.highlights import compress_highlights
    from batch_analogy.media.stills import read_layers, read_space

    pixels, opacity = read_layers(path, beyond_white=scene_light, space=space)
    if scene_light:
        pixels = compress_highlights(pixels)
    return InputPicture(_tensor(pixels), opacity, read_space(path), animation_notes(path))


def _tensor(pixels: FloatPixels) -> Tensor:
    with importing():
        import torch  # while it loads, the other pictures are decoded

    return torch.from_numpy(pixels).permute(2, 0, 1)[None].contiguous()


def _mixed(
    own: Tensor, styled: Tensor, share: LookShare, space: PixelSpace, *, scene_light: bool
) -> FloatPixels:
    """Return the pixels of a picture in part of its look."""
    from batch_analogy.media.partial_look import mix_look

    pixels = _display_values(styled, scene_light)
    if share.is_whole:
        return pixels
    before = _display_values(own, scene_light)
    return mix_look(before, pixels, share, space=space, beyond_white=scene_light)


def _display_values(picture: Tensor, scene_light: bool) -> FloatPixels:
    from batch_analogy.media.highlights import expand_highlights

    pixels: FloatPixels = picture[0].permute(1, 2, 0).cpu().numpy()
    return expand_highlights(pixels) if scene_light else pixels


def _write_picture(
    path: Path, pixels: FloatPixels, depth: Depth, like: InputPicture, space: PixelSpace
) -> None:
    from batch_analogy.media.opacity import with_opacity
    from batch_analogy.media.picture_formats import format_of
    from batch_analogy.media.pixel_spaces import SRGB

    picture_format = format_of(path)
    assert picture_format is not None
    kept = picture_format.space_of(space) if like.space == space else SRGB
    made = pixels if kept == space else space.to_srgb(pixels)
    picture_format.write_in(kept, path, with_opacity(made, like.opacity), depth)


def _pixels(picture: Tensor) -> Pixels:
    from batch_analogy.media.stills import to_uint8

    return to_uint8(picture[0].permute(1, 2, 0).cpu().numpy())


def _confidence_map(confidence: Tensor, like: Tensor) -> Pixels:
    """Return the confidence as a grey picture of the size of ``like``."""
    import torch.nn.functional as F

    size = (int(like.shape[2]), int(like.shape[3]))
    full = F.interpolate(confidence, size=size, mode="bilinear", align_corners=False)
    return _pixels(full.clamp(0.0, 1.0).expand(1, 3, *size))


def _write_array(path: Path, array: object) -> None:
    import numpy as np

    from batch_analogy.files import atomic_write_bytes

    buffer = io.BytesIO()
    np.save(buffer, np.asarray(array, dtype=np.float32), allow_pickle=False)
    atomic_write_bytes(path, buffer.getvalue())
