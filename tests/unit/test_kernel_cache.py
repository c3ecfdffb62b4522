"""Compiled kernels where the usual places may not be written to."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import batch_analogy
from batch_analogy import kernel_cache

MATCH = """
import sys
from pathlib import Path
import batch_analogy, torch
from batch_analogy import kernel_cache
from batch_analogy.analogy.correspondence.patchmatch import patchmatch
assert batch_analogy.__file__.startswith(sys.argv[1])
features = torch.rand(1, 4, 6, 6, generator=torch.Generator().manual_seed(0))
assert float(patchmatch(features, features, iterations=1).cost.max()) < 1e-3
print(kernel_cache.settle_kernel_cache())
"""


@pytest.fixture
def bare_machine(tmp_path: Path) -> dict[str, str]:
    """A machine whose package can keep no kernels and whose user has no home; its environment."""
    package = tmp_path / "site" / "batch_analogy"
    shutil.copytree(
        Path(batch_analogy.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__")
    )
    for folder in (package, *package.rglob("*/")):
        (folder / "__pycache__").write_text("")  # which stops even root
    (tmp_path / "temporary").mkdir()
    unset = ("XDG_CACHE_HOME", "NUMBA_CACHE_DIR", "TRITON_CACHE_DIR")
    return {
        **{name: value for name, value in os.environ.items() if name not in unset},
        "PYTHONPATH": str(package.parent),
        "HOME": "/proc/nobody",
        "TMPDIR": str(tmp_path / "temporary"),
        "NUMBA_NUM_THREADS": "1",
    }


def run(environment: dict[str, str], *command: str) -> str:
    ended = subprocess.run(
        [sys.executable, *command],
        env=environment,
        capture_output=True,
        text=True,
        cwd=environment["PYTHONPATH"],
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout + ended.stderr


def test_kernels_are_kept_among_temporary_files(
    bare_machine: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "temporary" / f"batch-analogy-{os.getuid()}"
    said = run(bare_machine, "-c", MATCH, bare_machine["PYTHONPATH"])
    assert f"compiled kernels are kept in {folder / 'numba'}" in said
    assert list(folder.rglob("*.nbc"))
    assert folder.stat().st_mode & 0o077 == 0
    said = run(bare_machine, "-m", "batch_analogy", "doctor")
    assert said.count("compiled kernels are kept in") == 1
    assert "ok      kernel" in said
    assert "kept in" not in run(bare_machine, "-m", "batch_analogy", "weights", "--help")


def test_kernels_are_compiled_without_a_place_to_keep_them(
    bare_machine: dict[str, str], tmp_path: Path
) -> None:
    nowhere = "import tempfile; tempfile.gettempdir = lambda: '/proc/nowhere'" + MATCH
    said = run(bare_machine, "-c", nowhere, bare_machine["PYTHONPATH"])
    assert "kernels are compiled at each start" in said
    assert list(tmp_path.rglob("*.nbc")) == []


@pytest.mark.parametrize("kind", ["*.nbi", "*.nbc"])
def test_kernels_that_were_cut_off_are_compiled_again(tmp_path: Path, kind: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(batch_analogy.__file__).parents[1])}
    environment |= {"NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_NUM_THREADS": "1"}
    for _ in range(2):
        run(environment, "-c", MATCH, environment["PYTHONPATH"])
        files = list(tmp_path.rglob(kind))
        sizes = [file.stat().st_size for file in files]
        assert sizes
        assert min(sizes) > 20
        for file in files:
            file.write_bytes(file.read_bytes()[:20])


def test_a_folder_that_others_may_write_to_is_not_trusted(tmp_path: Path) -> None:
    folder = tmp_path / f"batch-analogy-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    assert kernel_cache._private_folder(tmp_path) != folder
    folder.chmod(0o700)
    assert kernel_cache._private_folder(tmp_path) == folder
    folder.rmdir()
    folder.symlink_to(tmp_path)
    assert kernel_cache._private_folder(tmp_path) != folder


def test_a_full_disk_has_no_room(tiny_disk: Path, tmp_path: Path) -> None:
    assert kernel_cache._has_room(tmp_path / "new" / "folder")
    assert not kernel_cache._has_room(tiny_disk)


@pytest.mark.parametrize("home", ["/", "", None])
def test_users_without_a_home_may_start(home: str | None, tmp_path: Path) -> None:
    """Containers that are started as another user have HOME=/, or none and no name for the user."""
    code = "import os, batch_analogy, batch_analogy.analogy.features.weights as w"
    code += "; batch_analogy.kernel_cache._keeps_triton(); print(w.cache_home())"
    environment = {**os.environ, "PYTHONPATH": str(Path(batch_analogy.__file__).parents[1])}
    environment["TMPDIR"] = str(tmp_path)
    for name in ("HOME", "XDG_CACHE_HOME", "BATCH_ANALOGY_CACHE", "TRITON_CACHE_DIR"):
        environment.pop(name, None)
    if home is None:
        code = "import pwd; pwd.getpwuid = lambda user: {}[user]; " + code
    else:
        environment["HOME"] = home
    said = run(environment, "-c", code).strip().splitlines()[-1]
    private = str(tmp_path / f"batch-analogy-{os.getuid()}" / "weights")
    assert said == (private if home is None else "/.cache/batch-analogy")
