"""Limits of control groups: files as kernels show them, and real groups where they can be made."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch_analogy.jobs.cgroups import group_folders
from batch_analogy.jobs.resources import available_memory_bytes, usable_cores

V2_MOUNT = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
V1_MOUNT = "32 31 0:29 {root} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
FULL, HALF = "max 100000\n", "50000 100000\n"
SHOW = "from batch_analogy.jobs.resources import usable_cores as c; print(c())"


@pytest.fixture(autouse=True)
def many_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(16), raising=False)


def machine(root: Path, groups: str, mounts: str, **files: str) -> Path:
    """Write the files of a machine; names of files have __ for a slash."""
    for name, text in {"proc/self/cgroup": groups, "proc/self/mountinfo": mounts}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for name, text in files.items():
        path = root / "sys/fs/cgroup" / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu_dot_max": FULL, "a__cpu_dot_max": FULL, "a__b__cpu_dot_max": FULL}, 16),
        ({"a__b__cpu_dot_max": "200000 100000\n"}, 2),
        ({"a__cpu_dot_max": "300000 100000\n", "a__b__cpu_dot_max": "800000 100000\n"}, 3),
        ({"cpu_dot_max": "150000 100000\n"}, 2),
        ({"a__cpu_dot_max": HALF}, 1),
        ({"a__cpu_dot_max": "nonsense"}, 16),
        ({"other__cpu_dot_max": HALF}, 16),
    ],
)
def test_a_quota_of_v2_holds_below_the_group_that_has_it(
    tmp_path: Path, files: dict[str, str], cores: int
) -> None:
    assert usable_cores(machine(tmp_path, "0::/a/b\n", V2_MOUNT, **files)) == cores
    (tmp_path / "proc/self/mountinfo").unlink()
    assert usable_cores(tmp_path) == cores


@pytest.mark.parametrize(
    ("path", "mounted"),
    [("/docker/abc", "/"), ("/docker/abc", "/docker/abc"), ("/", "/"), ("/../other", "/")],
)
def test_a_quota_of_v1_is_found_however_the_group_is_mounted(
    tmp_path: Path, path: str, mounted: str
) -> None:
    groups = f"5:memory:/\n4:cpu,cpuacct:{path}\n0::/\n"
    below = "docker__abc__" if mounted == "/" and path == "/docker/abc" else ""
    quota = f"cpu,cpuacct__{below}cpu_dot_cfs_quota_us"
    period = quota.replace("quota", "period")
    mounts = V1_MOUNT.format(root=mounted)
    root = machine(tmp_path, groups, mounts, **{quota: "250000\n", period: "100000\n"})
    assert usable_cores(root) == 3
    machine(tmp_path, groups, mounts, **{quota: "-1\n"})
    assert usable_cores(root) == 16


def test_memory_of_nested_groups_counts_and_what_is_cached_is_free(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemAvailable:    8000000 kB\n")
    files = {"a__memory_dot_max": "5000000", "a__memory_dot_current": "4000000"}
    root = machine(tmp_path, "0::/a/b\n", V2_MOUNT, **files)
    assert available_memory_bytes(root) == 1_000_000
    machine(root, "0::/a/b\n", V2_MOUNT, a__memory_dot_stat="anon 7\ninactive_file 3000000\n")
    assert available_memory_bytes(root) == 4_000_000


def test_the_groups_of_this_process_exist_if_it_is_in_any() -> None:
    if Path("/proc/self/cgroup").exists() and Path("/sys/fs/cgroup").is_dir():
        assert any(folder.is_dir() for folder in group_folders("cpu"))


@pytest.fixture
def real_group() -> Iterator[Path]:
    """A real group, nested in another one that is allowed one core's time."""
    top = Path("/sys/fs/cgroup/cpu") if Path("/sys/fs/cgroup/cpu").is_dir() else None
    outer = (top or Path("/sys/fs/cgroup")) / f"batch-analogy-test-{os.getpid()}"
    inner = outer / "inner"
    try:
        outer.mkdir()
        inner.mkdir()
        if top is None:
            (outer / "cpu.max").write_text("100000 100000")
        else:
            (outer / "cpu.cfs_quota_us").write_text("100000")
    except OSError as error:
        pytest.skip(f"this user may make no groups here: {error}")
    yield inner
    inner.rmdir()
    outer.rmdir()


def test_a_real_quota_is_seen_from_a_nested_group(real_group: Path) -> None:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("this machine has one core")
    enter = f"echo $$ > {real_group}/cgroup.procs && exec {sys.executable} -c '{SHOW}'"
    ended = subprocess.run(["sh", "-c", enter], capture_output=True, text=True, check=True)
    assert ended.stdout == "1\n"


@pytest.fixture
def few_processes() -> Iterator[Path]:
    """A real group in which twenty processes and threads may run."""
    top = Path("/sys/fs/cgroup/pids") if Path("/sys/fs/cgroup/pids").is_dir() else None
    group = (top or Path("/sys/fs/cgroup")) / f"batch-analogy-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / "pids.max").write_text("20")
    except OSError as error:
        if group.is_dir():
            group.rmdir()
        pytest.skip(f"this user may make no groups here: {error}")
    yield group
    group.rmdir()


def test_a_command_says_that_it_may_start_too_few_processes(few_processes: Path) -> None:
    command = f"{sys.executable} -m batch_analogy doctor"
    enter = f"echo $$ > {few_processes}/cgroup.procs && exec {command}"
    ended = subprocess.run(["sh", "-c", enter], capture_output=True, text=True, check=False)
    assert ended.returncode == 4
    assert "more processes and threads may be started here, which is too few" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
