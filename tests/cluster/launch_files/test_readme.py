"""The README's commands are valid, and the files that it names exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import pytest

from tests.cluster.launch_files.cluster_files import (
    CLUSTER,
    ROOT,
    pinned,
    project,
    understood_options,
)
from tests.cluster.launch_files.test_versions import PYTHON

README = (CLUSTER / "README.md").read_text()
BLOCKS = re.findall(r"(?:^    .*\n|^\n(?=    ))+", README, re.MULTILINE)
LINES = "\n".join(block.replace("\\\n", " ") for block in BLOCKS).splitlines()


def commands(program: str) -> list[str]:
    """Return the commands of a program in the code blocks."""
    found = [re.match(rf"^ *(?:.* -- +)?({program} .*)", line) for line in LINES]
    return [re.sub(r"\s+", " ", match[1].partition("#")[0]).strip() for match in found if match]


@pytest.mark.parametrize("line", commands("batch-analogy"))
def test_batch_analogy_accepts_the_command(line: str) -> None:
    understood = understood_options(line)
    assert any(value not in (None, False, ()) for value in understood.values()), understood


def test_the_readme_has_commands() -> None:
    shown = {line.split()[1] for line in commands("batch-analogy")}
    assert shown == {"timelapse", "status", "resume", "retry", "assemble"}


def test_the_scripts_accept_the_arguments_of_sbatch() -> None:
    (line,) = [line for line in commands("sbatch") if "submit.sbatch" in line]
    words = shlex.split(line)
    run, *rest = words[words.index("cluster/slurm/submit.sbatch") + 1 :]
    assert run.endswith(".run")
    understood_options(shlex.join(["batch-analogy", *rest]))


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\bcluster/[\w./-]+\w", README))))
def test_named_files_exist(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize(
    "command", ["job submit", "job logs", "up", "down", "dashboard", "rsync-up"]
)
def test_ray_has_the_command(command: str) -> None:
    assert f"ray {command}" in README
    ray = [sys.executable, "-m", "ray.scripts.scripts"]
    helped = subprocess.run(
        [*ray, *command.split(), "--help"], capture_output=True, text=True, check=False
    )
    assert helped.returncode == 0
    for line in commands(f"ray {command}"):
        for option in re.findall(r"(--[a-z-]+)", line.partition(" -- ")[0]):
            assert option in helped.stdout, option


def test_bash_can_parse_the_code_blocks() -> None:
    for block in BLOCKS:
        text = re.sub(r"^    ", "", block, flags=re.MULTILINE)
        ended = subprocess.run(
            ["bash", "-n", "-c", text], capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr


def test_named_versions_are_the_pinned_ones() -> None:
    said = f"Ray {pinned('ray')}, Python {PYTHON}, torch {pinned('torch')}, batch-analogy "
    assert said + project()["version"] in re.sub(r"\s+", " ", README)
