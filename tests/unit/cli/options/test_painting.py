from __future__ import annotations

from pathlib import Path

import pytest

from batch_analogy.cli.options.painting import (
    PaintOptions,
    join_guides,
    keys_in,
    parse_guide,
    parse_key,
)
from batch_analogy.errors import InputError, UsageError


def test_a_key_names_a_frame_and_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    key = parse_key("12=painted.png")
    assert (key.frame, key.painted) == ("12", str(tmp_path / "painted.png"))


def test_an_equals_sign_may_belong_to_either_name(tmp_path: Path) -> None:
    (tmp_path / "p=2.png").touch()
    key = parse_key(f"a=b.png={tmp_path / 'p=2.png'}")
    assert (key.frame, key.painted) == ("a=b.png", str(tmp_path / "p=2.png"))


@pytest.mark.parametrize("text", ["12", "=painted.png", "12="])
def test_rejects_a_key_without_frame_or_picture(text: str) -> None:
    with pytest.raises(UsageError, match="not of the form FRAME=PAINTED"):
        parse_key(text)


def test_a_folder_of_keyframes_must_be_a_folder_with_pictures(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a folder"):
        keys_in(tmp_path / "nowhere")
    with pytest.raises(InputError, match="empty"):
        keys_in(tmp_path)


def test_the_three_words_of_a_guide_survive_parsing() -> None:
    (joined,) = join_guides(["--guide", "/src.png", "/tgt", "2"])[1:]
    guide = parse_guide(joined)
    assert (guide.source, guide.target, guide.weight) == ("/src.png", "/tgt", 2.0)
    with pytest.raises(UsageError, match="must be a number from 0 to 1000"):
        parse_guide(joined.replace("2", "much"))


def test_a_guide_of_two_words_ends_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        join_guides(["--guide", "a.png", "b.png"])
    assert "give --guide SRC TGT WEIGHT" in capsys.readouterr().err


def test_a_pair_and_keyframes_exclude_each_other() -> None:
    pair = ("/a.png", "/ap.png")
    config = PaintOptions(edges=3.0).paint_config("emboss", pair)
    assert [(key.example, key.painted) for key in config.keys] == [pair]
    assert (config.edges, config.slopes) == (3.0, 30.0)
    with pytest.raises(UsageError, match="and keyframes too"):
        PaintOptions(key=["0=p.png"]).paint_config("artistic", pair)
    with pytest.raises(UsageError, match="nothing is painted"):
        PaintOptions().paint_config("artistic", ())
