"""Words that begin with a dash: options, names of files, and a dash alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from batch_analogy.cli.app import main
from batch_analogy.cli.dashes import with_dashed_names
from batch_analogy.errors import UsageError


def options() -> set[str]:
    return {"--frames", "-o"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that holds files of these names."""
    monkeypatch.chdir(tmp_path)
    for name in ("-old.png", "--frames", "--holiday", "-1.png"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("word", "read"),
    [
        ("-old.png", "./-old.png"),  # not the option -o with the value ld.png
        ("-ofilm.mp4", "-ofilm.mp4"),
        ("-img*.jpg", "./-img*.jpg"),
        ("-1.png", "./-1.png"),
        ("-5", "-5"),  # a number, for an option
        ("-.5", "-.5"),
        ("-h", "-h"),
        ("--frames", "--frames"),
        ("--holiday", "./--holiday"),
        ("--nothing", "--nothing"),
    ],
)
def test_names_of_files_become_paths_and_options_stay(word: str, read: str) -> None:
    assert with_dashed_names(["plan", word], options) == ["plan", read]
    assert with_dashed_names(["plan", "--", word], options) == ["plan", "--", word]


def test_a_dash_alone_is_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="standard input"):
        with_dashed_names(["pair", "a.jpg", "-"], options)
    with pytest.raises(SystemExit) as ended:
        main(["status", "-"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("error: - stands for standard input or output")


def test_a_missing_file_with_a_dash_is_called_missing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["status", "-night.run"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert f"there is no run in {folder}/-night.run, which does not exist" in said
