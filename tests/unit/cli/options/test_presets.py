from __future__ import annotations

from batch_analogy.cli.options.presets import describe_default, describe_presets
from batch_analogy.config.matching import PRESETS
from batch_analogy.config.presets import Preset

TWO = {
    "fast": Preset(help="time is short", settings={"steps": 3}),
    "best": Preset(help="time is no matter", settings={}),
}


def test_every_preset_is_described_by_its_own_sentence() -> None:
    assert describe_presets(TWO) == "fast: time is short. best: time is no matter."
    for name, preset in PRESETS.items():
        assert f"{name}: {preset.help}." in describe_presets(PRESETS)


def test_presets_with_the_same_value_are_named_together() -> None:
    three = {**TWO, "good": Preset(help="", settings={"steps": 3})}
    assert describe_default(three, "steps", 10.0) == "Default: 10; 3 for fast, good."


def test_a_preset_that_repeats_the_default_is_not_named() -> None:
    assert describe_default(TWO, "steps", 3) == "Default: 3."
