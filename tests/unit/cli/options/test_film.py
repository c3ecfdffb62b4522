from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
import typer

from batch_analogy.cli.options.film import (
    FilmOptions,
    parse_deflicker,
    parse_fps,
    parse_output,
    parse_shots_option,
)
from batch_analogy.errors import UsageError


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
    assert parse_fps(text) == rate


@pytest.mark.parametrize("text", ["fast", "", "24/0", "24 fps"])
def test_rejects_a_frame_rate_that_is_not_a_number(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="not a frame rate"):
        parse_fps(text)


def test_a_folder_as_output_means_numbered_pictures(tmp_path: Path) -> None:
    assert parse_output(str(tmp_path)) == tmp_path / "%06d.png"
    assert parse_output(str(tmp_path / "film.mp4")) == tmp_path / "film.mp4"


def test_shots_are_a_word_or_a_file(tmp_path: Path) -> None:
    assert [parse_shots_option(word) for word in ("detect", "off")] == ["detect", "off"]
    (tmp_path / "cuts.txt").write_text("\ufeff0-9\n10-19\n", encoding="utf-8")
    assert parse_shots_option(str(tmp_path / "cuts.txt")) == (0, 10)


def test_an_error_names_the_file_of_shots(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--shots cuts: No such file.*give detect, off, or"):
        parse_shots_option("cuts")
    (tmp_path / "cuts").write_text("soon\n")
    with pytest.raises(UsageError, match=r"--shots .*cuts: 'soon'"):
        parse_shots_option(str(tmp_path / "cuts"))
    (tmp_path / "cuts").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(UsageError, match=r"--shots .*it is not a text file"):
        parse_shots_option(str(tmp_path / "cuts"))


def test_deflicker_is_a_word_or_a_strength() -> None:
    words = ("off", "auto", "1", ".25")
    assert [parse_deflicker(text) for text in words] == ["off", "auto", 1.0, 0.25]
    with pytest.raises(UsageError, match="--deflicker is 'some'; it must be off, auto or a number"):
        parse_deflicker("some")


def test_deflicker_is_left_to_the_command_unless_given() -> None:
    assert "deflicker" not in FilmOptions().config_fields()
    assert FilmOptions(deflicker="0.5").config_fields()["deflicker"] == 0.5
