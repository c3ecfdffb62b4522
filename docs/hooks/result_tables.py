"""Read benchmarks/results/*.json and write tables in Markdown, with the machine below each."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"


@functools.cache
def read_result(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return content


def results_of(name: str) -> Any:
    return read_result(name)["results"]


def table(head: Sequence[str], rows: Iterable[Sequence[object]], *sources: str) -> str:
    lines = [f"| {' | '.join(head)} |", "|" + " --- |" * len(head)]
    lines += [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join([*lines, "", _origin(sources)])


def _origin(sources: Sequence[str]) -> str:
    """Name the files that a table was made from, and the machines that they were measured on."""
    files = ", ".join(f"`{name}.json`" for name in sources)
    machines = dict.fromkeys(_machine(read_result(name)["machine"]) for name in sources)
    return f"*From {files}; {'; '.join(machines)}.*"


def _machine(machine: Mapping[str, Any]) -> str:
    kind = "AMX" if machine["amx"] else machine["capability"]
    gpu = machine["gpu"] or "no GPU"
    return f"{machine['cpu']} ({kind}), {machine['cores']} cores, {gpu}"


def digits(value: float, count: int = 2) -> str:
    """Write a number with so many significant digits, never with an exponent.

    >>> digits(0.000178), digits(1.02), digits(0)
    ('0.00018', '1.0', '0')
    """
    if value == 0:
        return "0"
    decimals = max(0, count - 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{decimals}f}"


def gigabytes(count: float) -> str:
    return f"{count / 1e9:.1f} GB"
