"""Amounts that may fade: what is written, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from batch_analogy.config.amounts import Amount, parse_amounts
from batch_analogy.config.run import RunConfig
from batch_analogy.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("0.7", [(0.7, None)]),
        (1, [(1.0, None)]),
        ("0, .5 ,1.", [(0, None), (0.5, None), (1, None)]),
        ("0@img 1, no 2,1@a@b,0.5@83.5s", [(0, "img 1, no 2"), (1, "a@b"), (0.5, "83.5s")]),
    ],
)
def test_amounts_are_read(text: str | float, amounts: list[tuple[float, str | None]]) -> None:
    assert parse_amounts("strength", text) == tuple(Amount(*one) for one in amounts)


@pytest.mark.parametrize("text", ["", "half", "1.2", "-0.5", "nan", "0@", "@3", "0;1", "1e3", 7])
def test_anything_else_is_refused_by_name(text: str | float) -> None:
    with pytest.raises(ConfigError, match="strength is"):
        parse_amounts("strength", text)


def config(**fields: object) -> RunConfig:
    places = {"output": Path("o.mp4"), "run_dir": Path("o.run"), "reference": Path("r.png")}
    return RunConfig(command="timelapse", source="in", **places, **fields)  # type: ignore[arg-type]


def test_the_same_amount_is_the_same_setting_however_it_is_written() -> None:
    assert config(strength=0.5) == config(strength="0.50")
    assert config(strength="0, 1.0") == config(strength="0,1")


def test_the_whole_look_is_not_among_the_settings_so_that_earlier_runs_go_on() -> None:
    assert "look" not in config(strength=1.0, keep_colours=0).pixel_fields()
    look = config(strength=0.5, keep_colours=True).pixel_fields()["look"]
    assert look == {"strength": "0.5", "keep_colours": "1"}
