"""Run every benchmark and save its JSON: ``python -m benchmarks [folder]``.

``real_pairs`` is left out, as it needs a folder of pictures that the project does not have.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.common import ROOT

NAMES = (
    "start", "pair_speed", "kernel", "known", "solve_study", "photo", "stereo", "properties",
    "runs", "film_rate", "highres", "video", "planning", "scanning", "scheduler",
    "shots", "deflicker", "flow",
    "steady", "fade", "keyframes", "guided", "semantic",
    "measures", "cluster", "serve",
)  # fmt: skip


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "benchmarks" / "results"
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        print(f"{name} …", file=sys.stderr, flush=True)
        done = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{name}"],
            cwd=ROOT,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        (folder / f"{name}.json").write_text(done.stdout)
        print(folder / f"{name}.json")


if __name__ == "__main__":
    main()
