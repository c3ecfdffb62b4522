"""Paths of the cluster files, and the versions that they should name."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer
import yaml

from batch_analogy.cli.app import build_app

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

OnMachines = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(__file__).resolve().parents[3]
CLUSTER = ROOT / "cluster"
LAUNCHER_FILES = [CLUSTER / name for name in ("aws.yaml", "gcp.yaml", "local.yaml")]
SHELL_FILES = [
    *sorted((CLUSTER / "slurm").glob("*.sbatch")),
    *sorted((Path(__file__).parent / "fake_slurm").iterdir()),
    ROOT / "tests" / "support/processes/machines.sh",
]


def read_yaml(path: Path) -> Any:
    """Read the only document of a YAML file."""
    return yaml.safe_load(path.read_text())


def pinned(package: str) -> str:
    """Return the version of a package in constraints.txt.

    Raises:
        LookupError: it has none, or different ones for different machines.
    """
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    found = [m[1] for line in lines if (m := re.match(rf"{re.escape(package)}==(\S+)", line))]
    if len(found) != 1:
        raise LookupError(f"constraints.txt has {found or 'no version'} for {package}")
    return found[0]


def project() -> dict[str, Any]:
    """Read the [project] table of pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return table


def understood_options(line: str) -> dict[str, Any]:
    """Parse a `batch-analogy …` line with the command line's own parser, and return its options.

    Raises:
        click.ClickException: the command does not exist, or does not take such arguments.
    """
    program, name, *arguments = shlex.split(line)
    if program != "batch-analogy":
        raise ValueError(f"{line!r} is no batch-analogy command")
    group: Any = typer.main.get_command(build_app())
    parsed: dict[str, Any] = group.commands[name].make_context(name, arguments).params
    return parsed
