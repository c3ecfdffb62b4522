"""Part of a look: exact at its ends, even in between, with the picture's own colours if wanted."""

from __future__ import annotations

import numpy as np
import pytest

from batch_analogy.config.amounts import LookShare
from batch_analogy.media.colour_tags import to_wide_gamut
from batch_analogy.media.oklab import Oklab
from batch_analogy.media.partial_look import mix_look
from batch_analogy.media.pixel_spaces import SRGB, WIDE, PixelSpace

rng = np.random.default_rng(5)


def noise(height: int = 300, width: int = 7) -> np.ndarray:
    return rng.random((height, width, 3), np.float32)


def flat(*colour: float) -> np.ndarray:
    return np.full((2, 2, 3), colour, np.float32)


def lab(pixels: np.ndarray) -> np.ndarray:
    return Oklab().from_pixels(np.asarray(pixels, np.float32))


@pytest.mark.parametrize(
    ("colour", "expected"),  # by https://bottosson.github.io/posts/oklab/, rounded
    [
        ((1, 1, 1), (1.0, 0.0, 0.0)),
        ((1, 0, 0), (0.628, 0.225, 0.126)),
        ((0, 1, 0), (0.866, -0.234, 0.179)),
        ((0, 0, 1), (0.452, -0.032, -0.312)),
    ],
)
def test_oklab_has_the_published_values(
    colour: tuple[float, ...], expected: tuple[float, ...]
) -> None:
    np.testing.assert_allclose(lab(flat(*colour))[0, 0], expected, atol=1e-3)


@pytest.mark.parametrize(("kind", "step"), [(SRGB, 2 / 65535), (WIDE, 0.5 / 255)])
def test_oklab_and_back_changes_nothing_that_is_seen(kind: PixelSpace, step: float) -> None:
    space, pixels = Oklab(kind), noise()
    back = space.to_pixels(space.to_light(space.from_pixels(pixels)))
    np.testing.assert_allclose(back, pixels, atol=step)  # BT.1886 is steep near black
    assert np.abs(back - pixels)[pixels > 0.05].max() < 2 / 65535


def test_wide_gamut_colours_are_the_same_colours() -> None:
    pixels = noise()
    light = np.power(pixels, np.float32(2.4))  # a display's, where BT.2020 is concerned
    srgb = Oklab().to_pixels(light)
    wide = Oklab(WIDE).from_pixels(to_wide_gamut(pixels))
    np.testing.assert_allclose(wide, Oklab().from_pixels(srgb), atol=1e-3)


def test_the_ends_are_the_pictures_themselves() -> None:
    own, styled = noise(), noise()
    assert mix_look(own, styled, LookShare()) is styled
    assert mix_look(own, styled, LookShare(0.0, 0.7)) is own


def test_half_of_a_look_is_halfway_in_lightness_and_colour() -> None:
    own, styled = noise() * 0.4 + 0.3, noise() * 0.4 + 0.3
    half = mix_look(own, styled, LookShare(0.5))
    np.testing.assert_allclose(lab(half), (lab(own) + lab(styled)) / 2, atol=1e-4)


def test_nothing_jumps_at_the_ends_of_a_fade() -> None:
    own, styled = noise(), noise()
    for strength, end in ((1e-4, own), (1 - 1e-4, styled)):
        np.testing.assert_allclose(mix_look(own, styled, LookShare(strength)), end, atol=4e-3)


def test_kept_colours_are_the_pictures_under_the_looks_lightness() -> None:
    own, styled = flat(0.6, 0.5, 0.4), flat(0.3, 0.5, 0.7)
    kept = lab(mix_look(own, styled, LookShare(1.0, 1.0)))
    np.testing.assert_allclose(kept[..., 0], lab(styled)[..., 0], atol=1e-4)
    np.testing.assert_allclose(kept[..., 1:], lab(own)[..., 1:], atol=1e-4)


def test_grey_stays_grey_and_impossible_colours_lose_chroma_alone() -> None:
    grey = mix_look(flat(0.2, 0.2, 0.2), flat(0.9, 0.1, 0.1), LookShare(1.0, 1.0))
    assert np.ptp(grey[0, 0]) < 1e-4
    red, white = flat(0.9, 0.1, 0.1), flat(0.97, 0.97, 0.97)
    kept = lab(mix_look(red, white, LookShare(1.0, 1.0)))[0, 0]
    assert kept[0] == pytest.approx(lab(white)[0, 0, 0], abs=2e-3)
    hue = np.arctan2(kept[2], kept[1]), np.arctan2(*lab(red)[0, 0, :0:-1])
    assert hue[0] == pytest.approx(hue[1], abs=0.05)
    assert 0 < np.hypot(*kept[1:]) < np.hypot(*lab(red)[0, 0, 1:])


def test_every_mix_can_be_shown_and_does_not_depend_on_the_rows_around() -> None:
    own, styled = noise(), noise()
    for share in (LookShare(0.3), LookShare(0.8, 0.5), LookShare(1.0, 1.0)):
        mixed = mix_look(own, styled, share)
        assert mixed.dtype == np.float32
        assert mixed.min() >= 0
        assert mixed.max() <= 1
        np.testing.assert_array_equal(mix_look(own[70:91], styled[70:91], share), mixed[70:91])


def test_light_beyond_white_is_mixed_and_not_cut() -> None:
    own, styled = flat(4, 4, 4), flat(1, 1, 1)
    mixed = mix_look(own, styled, LookShare(0.5), beyond_white=True)
    assert 1.5 < mixed.min() <= mixed.max() < 3.5
