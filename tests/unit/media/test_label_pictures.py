"""Masks and label maps: transparency, class numbers and orientation."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from batch_analogy.errors import InputError
from batch_analogy.media.class_colours import BLACK, TRANSPARENT, WHITE, Colour, class_colour
from batch_analogy.media.coverage import coverage_notes, mask_size, read_coverage
from batch_analogy.media.label_pictures import read_map, read_masks
from batch_analogy.media.openexr import write_exr
from tests.support.stills import deep_tiff

ORIENTATION = 0x0112
TALL, WIDE = (48, 32), (32, 48)
RED = (200, 30, 30)


def blocks(*values: object, size: tuple[int, int] = WIDE) -> np.ndarray:
    """Return columns of equal width, one for each value."""
    places = np.arange(size[1]) * len(values) // size[1]
    return np.asarray(values)[np.broadcast_to(places, size)]


def save(path: Path, pixels: np.ndarray, mode: str | None = None, tag: int = 1) -> Path:
    image = Image.fromarray(pixels.astype(np.uint8 if pixels.dtype != np.uint16 else np.uint16))
    image = image if mode is None else image.convert(mode)
    exif = Image.Exif()
    exif[ORIENTATION] = tag
    image.save(path, exif=exif)
    return path


def colours_of(path: Path, **options: object) -> list[Colour]:
    """Return the colour in the middle of each of the map's runs along its middle row."""
    pixels = np.rint(read_map(path, **options).pixels * 255).astype(int)  # type: ignore[arg-type]
    row = [tuple(int(v) for v in pixel) for pixel in pixels[len(pixels) // 2]]
    return [colour for colour, _ in itertools.groupby(row)]  # type: ignore[misc]


CLEAR = (255, 255, 255, 0)


@pytest.mark.parametrize(
    ("drawn", "wanted"),
    [
        ([(255, 255, 255, 255), CLEAR], [WHITE, BLACK]),
        ([(0, 0, 0, 255), CLEAR], [BLACK, WHITE]),
        ([(*RED, 255), CLEAR], [RED, WHITE]),
        ([(*RED, 255), (255, 255, 255, 255), CLEAR], [RED, WHITE, BLACK]),
        ([(*RED, 255), (0, 0, 0, 255), CLEAR], [RED, BLACK, TRANSPARENT]),
        ([(255, 255, 255, 200), (9, 9, 9, 90)], [WHITE, BLACK]),
    ],
)
def test_transparent_parts_are_told_from_the_others(
    tmp_path: Path, drawn: list[tuple[int, ...]], wanted: list[Colour]
) -> None:
    path = save(tmp_path / "map.png", blocks(*drawn))
    assert colours_of(path) == wanted
    assert any("transparent parts count as" in note for note in read_map(path).notes)


def test_a_palette_with_a_transparent_colour(tmp_path: Path) -> None:
    image = Image.fromarray(blocks(0, 1).astype(np.uint8), "P")
    image.putpalette([255, 255, 255, 255, 255, 255])
    image.save(tmp_path / "map.png", transparency=1)
    assert colours_of(tmp_path / "map.png") == [WHITE, BLACK]


def test_targets_treat_transparency_like_the_label_map(tmp_path: Path) -> None:
    ends = (255, 255, 255, 255), (0, 0, 0, 255)
    for label, target in (
        ([(*RED, 255), CLEAR], [(*RED, 255), CLEAR]),
        ([(*RED, 255), ends[0], CLEAR], [(*RED, 255), CLEAR]),
        ([(*RED, 255), ends[1], CLEAR], [(*RED, 255), CLEAR]),
        ([ends[1], CLEAR], [CLEAR, ends[1]]),
        ([*ends, CLEAR], [ends[0], CLEAR]),
    ):
        palette = colours_of(save(tmp_path / "label.png", blocks(*label)))
        own = colours_of(save(tmp_path / "target.png", blocks(*target)), palette=palette)
        assert (
            dict(zip(target, own, strict=True)).items()
            <= dict(zip(label, palette, strict=True)).items()
        )


def test_both_masks_of_a_pair_agree(tmp_path: Path) -> None:
    picture = save(tmp_path / "picture.png", blocks(1, 2))
    cut_out = save(tmp_path / "cut.png", blocks((*RED, 255), CLEAR))
    flat = save(tmp_path / "flat.png", blocks(RED, BLACK))
    one, other = read_masks([cut_out, flat], [picture] * 2)
    assert np.array_equal(one.pixels, other.pixels)
    zero_one, binary = (
        save(tmp_path / "01.png", blocks(0, 1)),
        save(tmp_path / "0-255.png", blocks(0, 255)),
    )
    one, other = read_masks([zero_one, binary], [picture] * 2)
    assert np.array_equal(one.pixels, other.pixels)
    few = save(tmp_path / "few.png", blocks(2))
    many = save(tmp_path / "many.png", blocks(0, 1, 2, 255))
    one, other = read_masks([few, many], [picture] * 2)
    assert (one.pixels[0, 0] * 255).round().tolist() == list(class_colour(2))


def test_class_numbers_get_colours_far_apart() -> None:
    colours = [class_colour(number) for number in range(341)]
    assert len(set(colours)) == 341
    for one, other in itertools.combinations(colours[:40] + colours[255:256], 2):
        assert max(abs(a - b) for a, b in zip(one, other, strict=True)) > 40
    assert TRANSPARENT not in colours


@pytest.mark.parametrize("numbers", [(0, 1, 2, 255), (1, 2, 3), (10, 20, 30, 40), (0, 1), (7, 11)])
@pytest.mark.parametrize("kind", ["L", "RGB", "P", "red", "16 bits", "TIFF"])
def test_class_numbers_stay_apart(tmp_path: Path, numbers: tuple[int, ...], kind: str) -> None:
    grey = blocks(*numbers).astype(np.uint8)
    path = tmp_path / ("map.tif" if kind == "TIFF" else "map.png")
    if kind == "P":
        image = Image.fromarray(grey, "P")
        image.putpalette([n // 3 for n in range(768)])
        image.save(path)
    elif kind == "red":
        save(path, np.stack([grey, 0 * grey, 0 * grey], axis=2))
    elif kind == "16 bits":
        save(path, grey.astype(np.uint16))
    else:
        save(path, grey, "RGB" if kind == "RGB" else None)
    wanted = [WHITE if numbers == (0, 1) and n else class_colour(n) for n in numbers]
    assert colours_of(path) == wanted
    read = read_map(path)
    assert read.exact
    assert f"map{path.suffix} holds class numbers ({', '.join(map(str, numbers))})" in read.notes[0]


def test_a_target_of_one_class_has_the_number_of_its_label_map(tmp_path: Path) -> None:
    palette = colours_of(save(tmp_path / "label.png", blocks(0, 1, 2, 3)))
    target = save(tmp_path / "target.png", blocks(2))
    assert colours_of(target, palette=palette) == [class_colour(2)]


def test_a_target_of_one_colour_does_not_become_a_number(tmp_path: Path) -> None:
    target = save(tmp_path / "target.png", np.full((*WIDE, 3), (0, 200, 0)))
    for palette in ([BLACK, WHITE], [(0, 0, 255), (255, 0, 0)], [BLACK, (128, 128, 128)]):
        assert colours_of(target, palette=palette) == [(0, 200, 0)]


def test_shades_of_edges_are_not_numbers(tmp_path: Path) -> None:
    y, x = np.mgrid[:64, :96]
    disc = np.clip(20 - np.hypot(y - 32, x - 48) + 0.5, 0, 1)
    path = save(tmp_path / "map.png", (disc * 255 // 16 * 16))
    read = read_map(path)
    assert not read.exact
    assert read.notes == ()
    assert float(np.abs(read.pixels[..., 0] * 255 - disc * 255 // 16 * 16).max()) < 0.5
    Image.open(path).save(tmp_path / "map.jpg", quality=30)
    assert not read_map(tmp_path / "map.jpg").exact


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
@pytest.mark.parametrize(
    ("own", "picture_tag", "note"),
    [
        ((TALL, 1), (WIDE, 6), ""),  # drawn over the upright picture
        ((WIDE, 6), (WIDE, 6), ""),  # a copy of the picture's file
        ((WIDE, 1), (WIDE, 6), "is turned like its picture"),  # drawn over the stored pixels
        ((TALL, 6), (WIDE, 6), "is not turned by its orientation tag"),  # upright, tag copied
        ((TALL, 8), (TALL, 1), "is not turned by its orientation tag"),
        ((WIDE, 6), (TALL, 1), "is turned as its orientation tag says"),
        ((WIDE, 3), (WIDE, 1), "is turned as its orientation tag says"),
        ((WIDE, 1), (WIDE, 3), "has no orientation tag, but its picture has one"),
    ],
)
def test_a_map_is_turned_to_the_shape_of_its_picture(
    tmp_path: Path,
    suffix: str,
    own: tuple[tuple[int, int], int],
    picture_tag: tuple[tuple[int, int], int],
    note: str,
) -> None:
    def picture(path: Path, size: tuple[int, int], tag: int) -> Path:
        corner = np.zeros((*size, 3), np.uint8)
        corner[: size[0] // 2, : size[1] // 4] = 255
        return save(path, corner, tag=tag)

    over = picture(tmp_path / "picture.png", *picture_tag)
    read = read_map(picture(tmp_path / f"map{suffix}", *own), picture=over)
    upright = np.asarray(Image.open(over).convert("RGB"))
    upright = np.rot90(upright, -1) if picture_tag[1] == 6 else upright
    assert read.pixels.shape[:2] == upright.shape[:2]
    assert any(note in one for one in read.notes) if note else read.notes == ()
    if own == picture_tag or "like its picture" in note:
        assert float(np.abs(read.pixels - upright / 255).mean()) < 0.03


def test_a_map_of_another_shape_is_refused(tmp_path: Path) -> None:
    picture = save(tmp_path / "picture.png", blocks(1, 2))
    path = save(tmp_path / "map.png", blocks(1, 200, size=(40, 40)))
    with pytest.raises(InputError, match=r"map\.png is 40×40 px, but .*picture\.png is 48×32 px"):
        read_map(path, picture=picture)


def test_the_coverage_of_a_mask(tmp_path: Path) -> None:
    def covers(pixels: np.ndarray, **options: object) -> list[float]:
        found = read_coverage(save(tmp_path / "mask.png", pixels), **options)  # type: ignore[arg-type]
        return [round(float(v), 2) for v, _ in itertools.groupby(found[16, :, 0])]

    assert covers(blocks(0, 128, 255)) == [0, 0.5, 1]
    assert covers(blocks((255, 255, 255, 255), CLEAR)) == [1, 0]
    assert covers(blocks((0, 0, 0, 255), (0, 0, 0, 102), CLEAR)) == [1, 0.4, 0]
    assert covers(blocks((0, 0, 0, 255), (255, 255, 255, 255), CLEAR)) == [0, 1, 0]
    assert covers(blocks(0, 1)) == [0, 1]
    assert covers(blocks(0, 1, 2)) == [0, 1]
    turned = save(tmp_path / "turned.png", blocks(0, 255, size=TALL), tag=6)
    assert mask_size(turned, TALL) == TALL
    assert read_coverage(turned, TALL).shape[:2] == TALL
    assert mask_size(turned, WIDE) == WIDE


@pytest.mark.parametrize("kind", ["exr", "floats", "grey with alpha"])
def test_maps_in_formats_that_pillow_does_not_read(tmp_path: Path, kind: str) -> None:
    half = np.zeros((24, 40, 3), np.float32)
    half[:, 20:] = 1
    path = tmp_path / ("a.exr" if kind == "exr" else "a.tif")
    if kind == "exr":
        pytest.importorskip("OpenImageIO")
        write_exr(path, half, 16)
    elif kind == "floats":
        deep_tiff(path, half)
    else:
        deep_tiff(path, (half[..., :2] * 65535).astype(np.uint16), extra=2)
    assert read_map(path).pixels.shape == (24, 40, 3)
    coverage = read_coverage(path)
    assert coverage[:, :20].max() == 0
    assert coverage[:, 20:].min() > 0.9999


@pytest.mark.parametrize("kind", ["red", "palette", "jpeg", "two colours"])
def test_all_colours_of_a_mask_but_black_are_inside(tmp_path: Path, kind: str) -> None:
    colour = (128, 0, 0) if kind == "palette" else (255, 0, 0)
    drawn = np.zeros((40, 64, 3), np.uint8)
    drawn[:20] = colour
    if kind == "two colours":
        drawn[:20, 32:] = (0, 0, 64)
    path = tmp_path / f"mask.{'jpg' if kind == 'jpeg' else 'png'}"
    picture = Image.fromarray(drawn)
    (picture.quantize(4) if kind == "palette" else picture).save(path)
    coverage = read_coverage(path)[..., 0]
    assert coverage[:16].min() > 0.95
    assert coverage[24:].max() < 0.05
    assert f"{path.name} is coloured; all but black counts as white" in coverage_notes(
        path, (40, 64)
    )


@pytest.mark.parametrize(
    ("value", "note"), [(0, "black everywhere"), (255, "white everywhere"), (128, "than 50%")]
)
def test_masks_that_may_be_mistakes_are_told(tmp_path: Path, value: int, note: str) -> None:
    drawn = np.full((40, 64), value, np.uint8)
    if value == 128:
        drawn[20:] = 0
    Image.fromarray(drawn).save(tmp_path / "mask.png")
    (told,) = coverage_notes(tmp_path / "mask.png", (40, 64))
    assert note in told
    assert read_coverage(tmp_path / "mask.png")[:18].max() == pytest.approx(value / 255)
