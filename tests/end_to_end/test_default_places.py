"""Commands that name no output, given twice: nothing is refused, and nothing is lost."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import pytest

from batch_analogy.media.encoding import EncodingOptions
from batch_analogy.media.film import encode_film
from tests.support.command_line import HERE, QUICK, Call, write_picture
from tests.support.semantic import write_disc

TRAINING = ["--size", "32", "--width", "4", "--iterations", "3"]


def test_clips_with_pattern_characters_in_one_folder(
    call: Call, reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for index, name in enumerate(("One [abc].mp4", "Two [def].mp4")):
        shown = write_picture(tmp_path / "shown.png", index)
        clip = tmp_path / "Downloads" / name
        encode_film([shown] * 2, clip, fps=Fraction(24), encoding=EncodingOptions())
        ended = call("stylize", reference, clip, *HERE)
        ended.assert_ended(0, f"{clip.stem}-stylized.mp4")
    films = sorted(path.name for path in tmp_path.glob("*.mp4"))
    assert films == ["One [abc]-stylized.mp4", "Two [def]-stylized.mp4"]


def test_trainings_of_pictures_of_one_name(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first, second = write_disc(tmp_path / "a", "img"), write_disc(tmp_path / "b", "img")
    shutil.copy(write_picture(tmp_path / "grey.png", 3, 40, 48), second[0])
    call("semantic", *first, first[1], *TRAINING).assert_ended(0, "img-img-label.png")
    made = (tmp_path / "img-img-label.png").read_bytes()
    call("semantic", *second, first[1], *TRAINING).assert_ended(0, "img-2-img-label.png")
    assert (tmp_path / "img-img-label.png").read_bytes() == made
    assert (tmp_path / "img-2.semantic").is_dir()
    again = call("semantic", *first, first[1], *TRAINING)
    again.assert_failed(2, "img-img-label.png exists", "--overwrite")  # it is the same picture
    other = shutil.copy(first[1], tmp_path / "b" / "img-label.png")
    call("semantic", *first, other, *TRAINING).assert_ended(0, "img-img-label-2.png")
    call("semantic", "apply", "img-2.semantic", other).assert_ended(0, "img-2-img-label-2.png")


def test_pairs_of_one_name(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ours = [write_picture(tmp_path / "a" / name, n) for n, name in enumerate(("x.png", "y.png"))]
    theirs = [write_picture(tmp_path / "b" / name, 5) for name in ("x.png", "y.png")]
    call("pair", *ours, *QUICK).assert_ended(0, "x-y/a_prime.png")
    call("pair", *theirs, *QUICK).assert_ended(0, "x-y-2/a_prime.png")
    call("pair", *ours, *QUICK).assert_failed(2, "x-y/a_prime.png exists")
    call("pair", *theirs, "--overwrite", *QUICK).assert_ended(0, "x-y-2/a_prime.png")


def test_pictures_to_train_on_may_have_brackets_in_their_names(call: Call, tmp_path: Path) -> None:
    write_disc(tmp_path / "in", "img [1]")
    ended = call("semantic", "train", tmp_path / "in", "--address", "none", *TRAINING)
    ended.assert_ended(0, "1 of 1 pictures trained")
