"""The command ``doctor``: checks whether this machine is ready."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import DONE, ENVIRONMENT, reports_failures
from batch_analogy.cli.options import general, look
from batch_analogy.config.run import RunConfig
from batch_analogy.errors import BatchAnalogyError, WeightsError

EPILOG = """Examples:

batch-analogy doctor

batch-analogy doctor --ray --json"""

MIN_FREE_BYTES = 2 * 1024**3
MIN_SHM_BYTES = 512 * 1024**2  # a container's default is 64 MB, too little for Ray
PYTHON_RANGE = ((3, 10), (3, 14))
_TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Check:
    """The result of one check."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""  # what to do if it is not ok
    essential: bool = True  # no film can be made if this check fails


@reports_failures
def doctor(
    weights: look.WeightsOption = RunConfig.weights,
    folder: Annotated[
        Path,
        typer.Option("--folder", help="The folder for films, whose disk is checked."),
    ] = Path("."),
    ray: Annotated[
        bool, typer.Option("--ray", help="Also start Ray here, which takes a few seconds.")
    ] = False,
    json_lines: general.JsonOption = False,
) -> int:
    """Check whether this machine is ready: packages, kernels, weights, ffmpeg, disk, Ray, GPUs.

    The exit code is 4 if something is missing that every film needs.
    """
    console = Console(json_lines)
    ready = True
    for check in _checks(weights, folder, start_ray=ray):
        word = "ok" if check.ok else ("MISSING" if check.essential else "note")
        console.result(f"{word:8}{check.name:12}{check.detail}")
        if not check.ok and check.remedy:
            console.result(f"{'':20}{check.remedy}")
        console.event("check", **vars(check))
        ready = ready and (check.ok or not check.essential)
    code = DONE if ready else ENVIRONMENT
    console.result("ready" if ready else "not ready: see MISSING above")
    console.event("result", command="doctor", ready=ready, exit_code=code)
    return code


def _checks(weights: str, folder: Path, *, start_ray: bool) -> Iterator[Check]:
    yield check_python()
    torch = check_torch()
    yield torch
    if torch.ok:
        yield check_kernel()
        yield check_weights(weights)
        yield check_gpus()
    yield check_ffmpeg()
    yield check_disk(folder)
    yield check_shared_memory()
    yield check_ray(start=start_ray)


def check_python() -> Check:
    """Check that this Python version is tested."""
    low, high = PYTHON_RANGE
    return Check(
        "python",
        low <= sys.version_info[:2] < high,
        f"{platform.python_version()}, {sys.executable}",
        f"use Python {low[0]}.{low[1]} to {high[0]}.{high[1] - 1}",
    )


def check_torch() -> Check:
    """Check that PyTorch can be imported."""
    try:
        import torch
    except (ImportError, OSError) as error:  # OSError: one of its libraries does not load
        return Check("torch", False, str(error), "pip install torch, or create the .venv again")
    return Check("torch", True, f"{torch.__version__}, {torch.get_num_threads()} threads")


def check_kernel() -> Check:
    """Check that the matching kernel compiles, and matches a map with itself at no cost."""
    import torch

    from batch_analogy.analogy.correspondence.patchmatch import patchmatch

    features = torch.rand(1, 8, 12, 12, generator=torch.Generator().manual_seed(0))
    try:
        cost = float(patchmatch(features, features, iterations=1).cost.max())
    except (ImportError, OSError, RuntimeError) as error:
        missing = isinstance(error, ImportError)
        remedy = "pip install numba" if missing else "please report this"
        return Check("kernel", False, " ".join(str(error).split()), remedy)
    detail = f"compiled; identical maps match at a cost of {cost:.1e}"
    return Check("kernel", cost < 1e-3, detail, "please report this")


def check_weights(choice: str) -> Check:
    """Check that the chosen VGG-19 weights exist and are intact."""
    from batch_analogy.analogy.features.weights import load_tensors, resolve_weights

    try:
        found = resolve_weights(look.weights_choice(choice))
        load_tensors(found)
    except WeightsError as error:
        return Check("weights", False, str(error))
    return Check("weights", True, f"{found.name}, {found.path}")


def check_gpus() -> Check:
    """List the GPUs that PyTorch can use; without one, the CPU does the work."""
    import torch

    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    detail = ", ".join(names) if names else "none: the CPU does the work"
    return Check("gpus", bool(names), detail, essential=False)


def check_ffmpeg() -> Check:
    """Check that the ffmpeg of the imageio-ffmpeg wheel runs and can encode H.264."""
    remedy = "pip install --force-reinstall imageio-ffmpeg, or set IMAGEIO_FFMPEG_EXE"
    try:
        import imageio_ffmpeg

        program = imageio_ffmpeg.get_ffmpeg_exe()
        listing = subprocess.run(
            [program, "-hide_banner", "-encoders"],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=True,
        ).stdout
    except (ImportError, OSError, RuntimeError, subprocess.SubprocessError) as error:
        return Check("ffmpeg", False, " ".join(str(error).split()), remedy)
    if "libx264" not in listing:
        return Check("ffmpeg", False, f"{program} has no libx264 encoder", remedy)
    return Check("ffmpeg", True, program)


def check_disk(folder: Path) -> Check:
    """Check that films and frames can be written, and report the free space."""
    folder = general.absolute(folder)
    there = next(p for p in (folder, *folder.parents) if p.exists())
    free = shutil.disk_usage(there).free
    if not os.access(there, os.W_OK):
        return Check("disk", False, f"{there} is not writable", "choose another folder")
    return Check(
        "disk",
        free >= MIN_FREE_BYTES,
        f"{_gigabytes(free)} free at {there}",
        f"frames need space: make at least {_gigabytes(MIN_FREE_BYTES)} free",
        essential=False,
    )


def check_shared_memory() -> Check:
    """Check that /dev/shm is large enough for Ray."""
    shm = Path("/dev/shm")
    if not shm.is_dir():
        return Check("/dev/shm", True, "this system has none and does not need it")
    size = shutil.disk_usage(shm).total
    return Check(
        "/dev/shm",
        size >= MIN_SHM_BYTES,
        _gigabytes(size),
        "give the container more: docker run --shm-size=2g, a memory emptyDir on Kubernetes",
        essential=False,
    )


def check_ray(*, start: bool) -> Check:
    """Check that Ray is installed and, with ``start``, that it starts here."""
    remedy = "pip install 'ray[default]', or work without Ray: --address none"
    try:
        version = metadata.version("ray")
    except metadata.PackageNotFoundError:
        return Check("ray", False, "not installed", remedy)
    if not start:
        return Check("ray", True, f"{version} (--ray also checks that it starts)")
    return _start_ray(version, remedy)


def _start_ray(version: str, remedy: str) -> Check:
    from batch_analogy.jobs.ray.cluster import try_ray

    try:
        started = try_ray()
    except BatchAnalogyError as error:
        return Check("ray", False, str(error), remedy)
    return Check("ray", True, f"{version}, {started}")


def _gigabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1024**3:.1f} GB"
