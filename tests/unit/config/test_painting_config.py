"""Configuration of painting: presets, limits, and every setting decides pixels."""

from __future__ import annotations

import dataclasses
from typing import Any, get_args

import pytest

from batch_analogy.analogy.guided import GuidedConfig
from batch_analogy.config.painting import (
    GUIDE_WEIGHTS,
    PAINT_PRESETS,
    GuideFiles,
    PaintConfig,
    PaintedKeyframe,
    PaintPreset,
)
from batch_analogy.errors import ConfigError

KEYS = (PaintedKeyframe(painted="p.png", frame="0"),)
OTHERS: dict[str, Any] = {
    **dict.fromkeys(GUIDE_WEIGHTS, 1.5),
    "luminance": True,
    "kappa": 0.25,
    "uniformity": 100.0,
    "patch": 7,
}


def test_every_preset_differs_from_every_other() -> None:
    assert set(PAINT_PRESETS) == set(get_args(PaintPreset))
    fields = [PaintConfig.for_preset(p, keys=KEYS).pixel_fields() for p in PAINT_PRESETS]
    assert all(fields.count(one) == 1 for one in fields)


def test_the_default_is_artistic() -> None:
    assert PaintConfig.for_preset("artistic", keys=KEYS) == PaintConfig(keys=KEYS)


def test_given_values_override_the_preset() -> None:
    config = PaintConfig.for_preset("emboss", keys=KEYS, colour=1.0, patch=7)
    assert (config.colour, config.slopes, config.patch) == (1.0, 30.0, 7)


def test_every_setting_decides_pixels() -> None:
    fields = {field.name for field in dataclasses.fields(PaintConfig)}
    assert fields == {"keys", "guides", "mask", *OTHERS}
    plain = PaintConfig(keys=KEYS)
    for name, value in OTHERS.items():
        assert dataclasses.replace(plain, **{name: value}).pixel_fields() != plain.pixel_fields()


def test_synthesis_and_painting_have_the_same_defaults() -> None:
    paint, synthesis = PaintConfig(keys=KEYS), GuidedConfig()
    assert (paint.patch, paint.uniformity) == (synthesis.patch, synthesis.uniformity)
    assert paint.kappa == synthesis.coherence


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kappa": -0.1}, "kappa is -0.1; it must lie between 0 and 100"),
        ({"kappa": float("nan")}, "kappa is nan"),
        ({"uniformity": 1e9}, r"uniformity is 1e\+09"),
        ({"patch": 4}, "patch is 4; it must be odd, from 3 to 15"),
        ({"patch": 17}, "patch is 17"),
        ({"slopes": 2000}, "weight of slopes is 2000; it must lie between 0 and 1000"),
        (dict.fromkeys(("colour", "edges", "meaning"), 0.0), "all guide weights are 0"),
    ],
)
def test_rejects_invalid_settings(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PaintConfig(keys=KEYS, **settings)


def test_rejects_an_unknown_preset() -> None:
    with pytest.raises(ConfigError, match="'oil'; it must be one of artistic, filter, emboss"):
        PaintConfig.for_preset("oil", keys=KEYS)  # type: ignore[arg-type]


def test_total_weight_is_the_sum_of_all_weights() -> None:
    hand = GuideFiles(source="a.png", target="b.png", weight=4.0)
    assert PaintConfig(keys=KEYS, guides=(hand,)).total_weight == 1 + 6 + 0.5 + 2 + 0.5 + 4


def test_the_mask_counts_only_if_there_is_one() -> None:
    masked = PaintConfig(keys=KEYS, mask="m.png")
    assert masked.total_weight == PaintConfig(keys=KEYS).total_weight + masked.mask_weight


@pytest.mark.parametrize("name", ["position", "previous", "mask_weight"])
def test_rejects_guides_that_do_not_suffice_alone(name: str) -> None:
    nothing = dict.fromkeys(GUIDE_WEIGHTS, 0.0)
    with pytest.raises(ConfigError, match="all guide weights are 0"):
        PaintConfig(keys=KEYS, **{**nothing, name: 1.0})
