"""Colour spaces of OpenColorIO: known values, and what is wrong about names and files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batch_analogy.errors import InputError, UsageError
from batch_analogy.media.colour_transforms import check_colour_space, from_space, to_space

ocio = pytest.importorskip("PyOpenColorIO")

BUILT_IN = "ocio://default"
ACESCG_TO_BT709 = np.array(  # of ACES, with white adapted to D65
    [[1.70505, -0.62179, -0.08326], [-0.13026, 1.14080, -0.01055], [-0.02400, -0.12897, 1.15297]]
)


def linear(srgb: np.ndarray) -> np.ndarray:
    toe, bent = srgb / 12.92, ((np.maximum(srgb, 0) + 0.055) / 1.055) ** 2.4
    return np.where(srgb <= 0.04045, toe, bent)


def test_acescg_has_its_published_matrix() -> None:
    colours = np.random.default_rng(1).random((4, 5, 3)).astype(np.float32) * 4
    found = linear(from_space(BUILT_IN, "ACEScg")(colours))
    np.testing.assert_allclose(found, colours @ ACESCG_TO_BT709.T, atol=2e-3)


@pytest.mark.parametrize("name", ["ACEScct", "acescg", "scene_linear", "Linear Rec.2020"])
def test_both_ways_change_nothing(name: str) -> None:
    stored = np.random.default_rng(2).uniform(0.1, 0.9, (6, 7, 3)).astype(np.float32)
    before = stored.copy()
    back = to_space(BUILT_IN, name)(from_space(BUILT_IN, name)(stored))
    np.testing.assert_allclose(back, stored, atol=2e-4)
    np.testing.assert_array_equal(stored, before)


def test_wrong_names_list_those_near(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no colour space ACESgc; near it are .*ACEScg"):
        check_colour_space(BUILT_IN, "ACESgc")
    with pytest.raises(UsageError, match=r"no colour space zzz; it has sRGB - Display, "):
        check_colour_space(BUILT_IN, "zzz")
    with pytest.raises(UsageError, match=r"Raw .* is data"):
        check_colour_space(BUILT_IN, "Raw")
    with pytest.raises(UsageError, match=r"no OpenColorIO .*gone\.ocio'; give --ocio"):
        check_colour_space(str(tmp_path / "gone.ocio"), "ACEScg")
    (tmp_path / "text.ocio").write_text("no configuration")
    with pytest.raises(InputError, match=r"text\.ocio is no OpenColorIO configuration"):
        check_colour_space(str(tmp_path / "text.ocio"), "ACEScg")
    with pytest.raises(InputError, match="is no OpenColorIO configuration"):
        check_colour_space("ocio://nothing", "ACEScg")


def test_a_configuration_that_says_nothing_about_colours_is_refused(tmp_path: Path) -> None:
    config = ocio.Config()
    for name in ("here", "there"):
        config.addColorSpace(ocio.ColorSpace(name=name))
    config.setRole("default", "here")
    (tmp_path / "own.ocio").write_text(config.serialize())
    with pytest.raises(InputError, match="does not tell how there is converted"):
        check_colour_space(str(tmp_path / "own.ocio"), "there")


def test_the_digest_follows_the_conversion(tmp_path: Path) -> None:
    text = ocio.Config.CreateFromBuiltinConfig(BUILT_IN).serialize()
    other = text.replace("style: ACEScg_to_ACES2065-1", "style: ACEScct_to_ACES2065-1")
    assert other != text
    digests = []
    for name, content in (("a", text), ("b", text), ("c", other)):
        path = tmp_path / f"{name}.ocio"
        path.write_text(content)
        digests.append(check_colour_space(str(path), "ACEScg"))
    assert digests[0] == digests[1] != digests[2]


def with_space(path: Path, transform: Any) -> str:
    """Write a configuration that converts the space "mine" like this; return its path."""
    config, space = ocio.Config.CreateFromBuiltinConfig(BUILT_IN), ocio.ColorSpace(name="mine")
    space.setTransform(transform, ocio.COLORSPACE_DIR_TO_REFERENCE)
    config.addColorSpace(space)
    path.write_text(config.serialize())
    return str(path)


def test_a_missing_table_and_a_damaged_one_are_named(tmp_path: Path) -> None:
    config = with_space(tmp_path / "studio.ocio", ocio.FileTransform(src="film.cube"))
    for convert in (check_colour_space, from_space, to_space):
        with pytest.raises(InputError, match=r"lacks a file to convert mine .*film\.cube"):
            convert(config, "mine")
    (tmp_path / "damaged.cube").write_text("no table")
    other = with_space(tmp_path / "other.ocio", ocio.FileTransform(src="damaged.cube"))
    with pytest.raises(InputError, match=r"how mine is converted .*damaged\.cube"):
        check_colour_space(other, "mine")


def test_a_configuration_that_is_edited_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "studio.ocio"
    before = check_colour_space(with_space(path, ocio.ExponentTransform([2, 2, 2, 1])), "mine")
    after = check_colour_space(with_space(path, ocio.ExponentTransform([2.5, 2, 2, 1])), "mine")
    assert after != before
