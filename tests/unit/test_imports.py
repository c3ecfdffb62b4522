"""The rooms' one-way rule: cli → report → jobs → motion, media → analogy → config, errors."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import batch_analogy

PACKAGE = Path(batch_analogy.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

FLOORS = [
    ["cli"],
    ["report"],
    ["jobs"],
    ["motion", "media"],
    ["analogy"],
    ["config"],
    ["files", "colour", "json_files"],
    ["errors"],
]
"""From the top down; a room imports lower floors and itself, never its own floor's neighbour."""
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}

ONLY_IN = {
    "ray": {"jobs/ray/*"},
    "typer": {"cli/*", "cli/options/*"},
    "rich": {"cli/*"},
    "click": set(),
    "numba": {
        "analogy/correspondence/channel_pca/cpu.py",
        "analogy/rendering/warp/cpu.py",
        "analogy/rendering/upscale/cpu.py",
        "analogy/guided/search/cpu.py",
        "analogy/correspondence/patchmatch/cpu.py",
        "analogy/correspondence/patchmatch/rng_cpu.py",
        "analogy/refine/bilateral_grid/cpu.py",
        "analogy/reconstruction/vote/cpu.py",
        "motion/flow/motion_boundaries/cpu.py",
    },
    "triton": {
        "analogy/guided/search/cuda.py",
        "analogy/correspondence/patchmatch/cuda.py",
        "analogy/reconstruction/vote/cuda.py",
    },
}
"""Foreign package → the modules that may import it."""


LATE = {"scipy", *(f"batch_analogy.{name[:-3].replace('/', '.')}" for name in ONLY_IN["numba"])}
"""What takes long to import, SciPy and Numba's kernels: functions import it where they need it."""

AT_ONCE = {*ONLY_IN["numba"], "analogy/refine/wls.py", "analogy/semantic/label_maps.py"}
"""Modules that may import it at their beginning: others import them where they need them."""


def imported(tree: ast.AST, package: str) -> Iterator[str]:
    """Dotted names of all that is imported anywhere in a module, functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, *([base] if base else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def names_in(path: Path) -> list[str]:
    relative = path.relative_to(PACKAGE.parent).with_suffix("")
    return list(imported(ast.parse(path.read_text()), ".".join(relative.parts[:-1])))


def breaches(own_room: str, names: list[str]) -> list[str]:
    """Imports by a module of ``own_room`` that the rule forbids."""
    found = []
    for name in names:
        parts = name.split(".")
        if parts[0] != "batch_analogy" or len(parts) < 2 or parts[1] not in FLOOR_OF:
            continue
        room = parts[1]
        if room != own_room and FLOOR_OF[room] <= FLOOR_OF[own_room]:
            found.append(name)
    return found


def test_every_room_has_a_floor() -> None:
    rooms = {p.name for p in PACKAGE.iterdir() if p.is_dir() and (p / "__init__.py").exists()}
    assert rooms <= FLOOR_OF.keys()


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room in FLOOR_OF:  # the package's own __init__ and __main__ stand outside
        assert breaches(room, names_in(path)) == []


@pytest.mark.parametrize("package", ONLY_IN)
def test_a_foreign_package_stays_where_it_belongs(package: str) -> None:
    for path in MODULES:
        relative = path.relative_to(PACKAGE)
        if any(relative.match(pattern) for pattern in ONLY_IN[package]):
            continue
        assert package not in {name.split(".")[0] for name in names_in(path)}, relative


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_what_is_slow_is_imported_late(path: Path) -> None:
    """Every worker and command would have to wait for it."""
    if str(path.relative_to(PACKAGE)) in AT_ONCE:
        return
    tree = ast.parse(path.read_text())
    tree.body = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = list(imported(tree, ".".join(path.relative_to(PACKAGE.parent).parts[:-1])))
    modules = {name.rpartition(".")[0] for name in names} | set(names)
    assert not LATE & (modules | {name.partition(".")[0] for name in names})


def test_the_rule_notices_breaches() -> None:
    up = ast.parse("def f():\n    from batch_analogy.jobs.drive.open_run import open_run")
    assert breaches("media", list(imported(up, "batch_analogy.media")))
    neighbour = ast.parse("from ..motion import flow")
    assert breaches("media", list(imported(neighbour, "batch_analogy.media")))
    down = ast.parse("from batch_analogy import errors\nimport batch_analogy.analogy.deep")
    assert breaches("media", list(imported(down, "batch_analogy.media"))) == []


def test_modules_stay_short() -> None:
    long = {str(p.relative_to(PACKAGE)): n for p in MODULES if (n := lines_of(p)) > 400}
    assert long == {}


def lines_of(path: Path) -> int:
    return len(path.read_text().splitlines())
