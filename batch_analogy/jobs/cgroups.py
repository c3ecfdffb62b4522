"""Read the limits of the control groups that this process is in: cgroup v1, v2 and both at once.

A limit holds for everything below it, so each group up to the root of the mount counts. Inside a
container the process may see its own group as the root, or the path of the host with only its own
part mounted.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

UNLIMITED = 2**60  # v1 writes a huge number for "no limit"


def read_text(path: Path) -> str:
    """Return the content of a file of the kernel; "" if it cannot be read."""
    try:
        return path.read_text()
    except (OSError, ValueError):
        return ""


def read_number(path: Path) -> int | None:
    """Return a number; None if there is none, or it means "no limit"."""
    words = read_text(path).split()
    if not words or not words[0].lstrip("-").isdigit():
        return None
    return int(words[0]) if 0 <= int(words[0]) < UNLIMITED else None


def group_folders(controller: str, root: Path = Path("/")) -> Iterator[Path]:
    """Yield the folders of this process's groups for a controller, from its own to the top.

    Args:
        controller: its name in v1; folders of v2 are yielded too.
        root: where /proc and /sys lie.
    """
    for controllers, path in _memberships(root):
        for mount, mounted in _mounts(root, controllers):
            if controllers and controller not in controllers.split(","):
                continue
            yield from _upwards(mount, _below(PurePosixPath(path), PurePosixPath(mounted)))


def _memberships(root: Path) -> list[tuple[str, str]]:
    """Return (controllers, path) of each hierarchy; v2 has no controllers in its name."""
    lines = read_text(root / "proc/self/cgroup").splitlines()
    found = [line.split(":", 2) for line in lines if line.count(":") >= 2]
    return [(controllers, path) for _, controllers, path in found] or [("", "/")]


def _mounts(root: Path, controllers: str) -> list[tuple[Path, str]]:
    """Return where a hierarchy is mounted, and which of its groups is the root there."""
    found = []
    for line in read_text(root / "proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        kind, *_, options = after.split(" ") if after else ("", "")
        fields = before.split(" ")
        same = kind == ("cgroup" if controllers else "cgroup2")
        has_all = set(controllers.split(",")) - {""} <= set(options.split(","))
        if same and has_all and len(fields) > 4:
            found.append((root / fields[4].lstrip("/"), fields[3]))
    if found:
        return found
    top = root / "sys/fs/cgroup"
    names = [controllers, *controllers.split(",")] if controllers else [".", "unified"]
    return [(top / name, "/") for name in dict.fromkeys(names)]


def _below(path: PurePosixPath, mounted: PurePosixPath) -> PurePosixPath:
    """Return a group's path below the group that is mounted."""
    if ".." in path.parts:  # of a process outside this one's namespace
        return PurePosixPath(".")
    if path.is_relative_to(mounted):
        return path.relative_to(mounted)
    return path.relative_to("/") if path.is_absolute() else path


def _upwards(mount: Path, path: PurePosixPath) -> Iterator[Path]:
    for part in (path, *path.parents):
        yield mount / part
