"""What the README promises of itself: short, with pictures, its links and commands alive."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from batch_analogy.cli.app import build_app

ROOT = Path(__file__).resolve().parents[3]
README = (ROOT / "README.md").read_text("utf-8")


def test_the_readme_is_short() -> None:
    assert len(README.split()) <= 900


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([^)#]+)", README))))
def test_a_link_leads_to_a_file(path: str) -> None:
    assert (ROOT / path).is_file()


def test_one_picture_moves_and_three_do_not() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert sorted(Path(picture).suffix for picture in pictures) == [".jpg"] * 3 + [".webp"]
    assert all((ROOT / picture).stat().st_size < 1.5e6 for picture in pictures)


def test_every_command_has_one_line() -> None:
    program = typer.main.get_command(build_app())
    context = program.make_context("batch-analogy", [], resilient_parsing=True)
    listed = re.findall(r"^\| `([\w-]+)` \|", README, re.MULTILINE)
    assert sorted(listed) == sorted(program.list_commands(context))  # type: ignore[attr-defined]
