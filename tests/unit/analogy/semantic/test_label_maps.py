"""Label maps become classes, in spite of antialiased edges and JPEG."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

from batch_analogy.analogy.semantic.label_maps import (
    MAX_CLASSES,
    Classes,
    Labels,
    Palette,
    encode,
    find_palette,
    read_classes,
)
from batch_analogy.errors import InputError

SKY, GRASS, LAKE = (0, 253, 255), (0, 249, 0), (4, 51, 255)
THREE = Palette((SKY, GRASS, LAKE))


def plan() -> Classes:
    """Return sky over grass with a round lake, 96 × 120."""
    y, x = np.mgrid[:96, :120]
    classes = np.where(y < 40, 0, 1)
    classes[(y - 65) ** 2 + (x - 60) ** 2 < 400] = 2
    return classes


def antialiased() -> Labels:
    """Draw the plan with antialiased edges."""
    large = np.kron(THREE.paint(plan()), np.ones((4, 4, 1), np.uint8))
    turned = cv2.warpAffine(
        large,
        np.float32([[1, 0, 1.7], [0, 1, 1.3]]),
        large.shape[1::-1],
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(cv2.resize(turned, (120, 96), interpolation=cv2.INTER_AREA), np.uint8)


def jpeg(labels: Labels, quality: int = 75) -> Labels:
    stream = io.BytesIO()
    Image.fromarray(labels).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def assert_same_colours(palette: Palette, wanted: Palette, within: int) -> None:
    assert len(palette) == len(wanted), palette.names
    for colour in wanted.colours:
        assert min(np.abs(palette.array() - colour).max(axis=1)) <= within


def test_takes_flat_colours_as_they_are() -> None:
    labels = THREE.paint(plan())
    palette = find_palette(labels, name="label")
    assert set(palette.colours) == set(THREE.colours)
    assert (palette.paint(read_classes(labels, palette, name="label")) == labels).all()


@pytest.mark.parametrize("quality", [95, 75, 50])
def test_antialiasing_and_jpeg_add_no_classes(quality: int) -> None:
    labels = jpeg(antialiased(), quality)
    assert len(np.unique(labels.reshape(-1, 3), axis=0)) > 200
    palette = find_palette(labels, name="label")
    assert_same_colours(palette, THREE, within=8)
    classes = read_classes(labels, THREE, name="label")
    assert (classes == plan()).mean() > 0.97


def test_edge_pixels_go_to_one_side_not_to_a_colour_like_their_mixture() -> None:
    red, green, brown = (255, 0, 0), (0, 255, 0), (128, 128, 0)
    labels = np.zeros((64, 64, 3), np.uint8)
    labels[:, :32], labels[:, 32:], labels[:12] = red, green, brown
    labels[16:, 31] = (170, 85, 0)
    palette = Palette((red, green, brown))
    classes = read_classes(labels, palette, name="map")
    assert set(np.unique(classes[16:])) == {0, 1}


def test_thin_lines_are_a_class() -> None:
    drawing = np.full((80, 80, 3), 255, np.uint8)
    cv2.circle(drawing, (40, 40), 25, (0, 0, 0), 1, cv2.LINE_AA)
    cv2.line(drawing, (3, 70), (75, 9), (0, 0, 0), 1)
    assert find_palette(drawing, name="sketch").names == ("#ffffff", "#000000")


def test_a_similar_green_counts_as_the_known_one() -> None:
    other = Palette((SKY, (49, 255, 8), LAKE)).paint(plan())
    assert (read_classes(other, THREE, name="map") == plan()).all()


def test_rejects_unknown_colours_and_lists_them() -> None:
    labels = THREE.paint(plan())
    labels[50:60, 5:20] = (255, 147, 0)
    with pytest.raises(InputError, match=r"map.png has colours .*#ff9300.*#00fdff, #00f900, #0433"):
        read_classes(labels, THREE, name="map.png")


def test_rejects_a_colour_between_two_known_ones() -> None:
    near = Palette(((255, 0, 0), (255, 60, 0)))
    with pytest.raises(InputError, match="#ff1e00"):
        read_classes(np.full((20, 20, 3), (255, 30, 0), np.uint8), near, name="map")


def test_a_target_map_may_lack_classes() -> None:
    grass = np.full((40, 30, 3), GRASS, np.uint8)
    assert (read_classes(grass, THREE, name="map") == 1).all()


def test_rejects_a_map_of_one_colour() -> None:
    with pytest.raises(InputError, match=r"only one colour, #00f900"):
        find_palette(np.full((40, 30, 3), GRASS, np.uint8), name="label")


def test_rejects_too_many_colours() -> None:
    many = np.random.default_rng(1).integers(0, 256, (7, 7, 3), dtype=np.uint8)
    labels = np.kron(many, np.ones((12, 12, 1), np.uint8))
    with pytest.raises(InputError, match=f"flat colours; a label map has at most {MAX_CLASSES}"):
        find_palette(labels, name="label")


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "rocket", "retina"])
def test_rejects_photographs(name: str) -> None:
    photo = cv2.resize(getattr(skimage.data, name)(), (160, 160), interpolation=cv2.INTER_AREA)
    with pytest.raises(InputError, match="photograph"):
        find_palette(photo, name="label")
    with pytest.raises(InputError, match="photograph"):
        read_classes(photo, THREE, name="map")


def test_encodes_classes_as_planes_or_colours() -> None:
    classes = torch.from_numpy(plan())[None]
    planes = encode(classes, THREE, "one-hot")
    assert planes.shape == (1, 3, 96, 120)
    assert (planes.argmax(dim=1) == classes).all()
    assert (planes.sum(dim=1) == 1).all()
    colours = encode(classes, THREE, "rgb")
    assert colours[0, :, 0, 0].tolist() == pytest.approx([-1.0, 253 / 127.5 - 1, 1.0])
