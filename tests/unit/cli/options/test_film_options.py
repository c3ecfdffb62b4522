"""--shots and --deflicker as they are typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from batch_analogy.cli.options.motion import default_deflicker, parse_deflicker, parse_shots_option
from batch_analogy.errors import UsageError


def test_shots_are_a_word_or_a_file(tmp_path: Path) -> None:
    assert [parse_shots_option(word) for word in ("detect", "off")] == ["detect", "off"]
    (tmp_path / "cuts.txt").write_text("\ufeff0-9\n10-19\n", encoding="utf-8")
    assert parse_shots_option(str(tmp_path / "cuts.txt")) == (0, 10)


def test_a_shot_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--shots cuts: No such file.*give detect, off, or"):
        parse_shots_option("cuts")
    (tmp_path / "cuts").write_text("soon\n")
    with pytest.raises(UsageError, match=r"--shots .*cuts: 'soon' is not a frame number"):
        parse_shots_option(str(tmp_path / "cuts"))
    (tmp_path / "cuts").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(UsageError, match=r"--shots .*it is no text"):
        parse_shots_option(str(tmp_path / "cuts"))


def test_deflicker_is_a_word_or_a_strength() -> None:
    assert [parse_deflicker(text) for text in ("off", "auto", "1", ".25")] == [
        "off",
        "auto",
        1.0,
        0.25,
    ]
    with pytest.raises(UsageError, match="--deflicker is 'some'; it must be off, auto or a number"):
        parse_deflicker("some")


@pytest.mark.parametrize(
    ("command", "source", "target", "usual"),
    [
        ("timelapse", "frames/", "frames", "auto"),
        ("timelapse", "clip.mp4", "frames", "off"),
        ("timelapse", "seasons/", "reference", "off"),
        ("stylize", "frames/", "frames", "off"),
    ],
)
def test_a_timelapse_of_pictures_is_evened_out(
    command: str, source: str, target: str, usual: str
) -> None:
    assert default_deflicker(command, source, target) == usual
