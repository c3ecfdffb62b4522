"""Imports point one way: through the package, and inside every package that has packages."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

import batch_analogy

PACKAGE = Path(batch_analogy.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
PACKAGES = sorted(path.parent for path in PACKAGE.rglob("__init__.py"))

LOOSE = "*"
"""All modules of a package that its order does not name. They may import each other."""

ORDER: dict[str, list[list[str]]] = {
    "": [
        ["cli"],
        ["serve"],
        ["api"],
        ["report"],
        ["jobs"],
        ["motion", "media"],
        ["analogy"],
        ["config"],
        ["json_files", "output_claims"],
        ["files", "colour", "garbage"],
        ["patience", "kernel_cache"],
        ["errors"],
    ],
    "analogy": [
        ["deep"],
        ["semantic"],
        ["guided"],
        ["rendering", "refine"],
        ["correspondence"],
        ["reconstruction"],
        ["features"],
        [LOOSE],
    ],
    "analogy/correspondence": [[LOOSE], ["channel_pca", "global_match"], ["patchmatch"]],
    "analogy/reconstruction": [[LOOSE], ["vote"]],
    "analogy/rendering": [["warp", "seams"], ["upscale"], [LOOSE]],
    "analogy/guided": [[LOOSE], ["search", "vote"], ["checks"], ["spec"]],
    "analogy/refine": [[LOOSE], ["bilateral_grid"], ["matrix_fields"]],
    "motion": [["temporal", "shots"], ["flow"]],
    "motion/flow": [
        [LOOSE],
        ["motion_boundaries"],
        ["optical_flow"],
        ["photometry"],
        ["sampling"],
    ],
    "jobs": [["ray"], ["semantic"], ["drive"], ["work"], ["folder"], ["plan"], [LOOSE]],
    "report": [["study"], ["comparison"], ["evaluation"], [LOOSE]],
    "cli": [[LOOSE], ["options"], ["failures"], ["console"]],
}
"""Package with packages of its own → what lies in it, from the top down.

A module imports what lies below its own line, and what lies in its own package, but never what
stands beside it in the same line.
"""

LAZY_UPWARDS = {
    ("jobs/drive/pool_choice.py", "jobs.ray"),
    ("jobs/semantic/train_many.py", "jobs.ray"),
}
"""Functions that choose Ray import it themselves, so that nothing else needs it."""

ONLY_IN = {
    "ray": {"jobs/ray/*"},
    "typer": {"cli/*", "cli/options/*"},
    "rich": {"cli/*"},
    "click": set(),
    "aiohttp": {"serve/*"},
    "numba": {
        "analogy/correspondence/channel_pca/cpu.py",
        "analogy/correspondence/global_match/cpu.py",
        "analogy/numba_start.py",
        "kernel_cache.py",
        "analogy/numba_threads.py",
        "analogy/rendering/seams/cpu.py",
        "analogy/rendering/warp/cpu.py",
        "analogy/rendering/upscale/cpu.py",
        "analogy/guided/search/cpu.py",
        "analogy/guided/vote/cpu.py",
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


KERNELS = ONLY_IN["numba"] - {"kernel_cache.py"}
LATE = {"scipy", *(f"batch_analogy.{name[:-3].replace('/', '.')}" for name in KERNELS)}
"""What takes long to import, SciPy and Numba's kernels: functions import it where they need it."""

AT_ONCE = {*KERNELS, "analogy/refine/wls.py", "analogy/semantic/label_maps.py"}
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


@functools.cache
def names_in(path: Path) -> list[str]:
    relative = path.relative_to(PACKAGE.parent).with_suffix("")
    return list(imported(ast.parse(path.read_text()), ".".join(relative.parts[:-1])))


def ranks(package: str) -> dict[str, int]:
    """Return the line of each thing that the order of ``package`` names."""
    return {name: rank for rank, names in enumerate(ORDER[package]) for name in names}


def breaches(module: str, names: list[str]) -> list[str]:
    """Return the imports by a module (``jobs/drive/driver.py``) that the order forbids."""
    own = module.removesuffix(".py").removesuffix("/__init__").split("/")
    found = []
    for name in names:
        parts = name.split(".")
        if parts[0] != "batch_analogy" or len(parts) < 2 or parts[1] == "__version__":
            continue
        shared = 0
        while shared < min(len(own), len(parts) - 1) and own[shared] == parts[1 + shared]:
            shared += 1
        package = "/".join(own[:shared])
        if shared == len(own) or shared == len(parts) - 1 or package not in ORDER:
            continue  # the same package
        rank = ranks(package)
        mine, theirs = (
            rank.get(part, rank.get(LOOSE)) for part in (own[shared], parts[1 + shared])
        )
        loose = own[shared] not in rank and parts[1 + shared] not in rank
        if mine is None or theirs is None or (theirs <= mine and not loose):
            found.append(name)
    return found


def test_the_order_knows_every_package_and_no_other() -> None:
    inside: dict[str, set[str]] = {}
    for package in PACKAGES:
        if package != PACKAGE:
            parent = package.relative_to(PACKAGE).parent.as_posix().removeprefix(".")
            inside.setdefault(parent, set()).add(package.name)
    assert inside.keys() == ORDER.keys()
    for parent, packages in inside.items():
        named = set(ranks(parent)) - {LOOSE}
        assert packages <= named, f"{parent or 'batch_analogy'} has packages without a place"
        there = {path.stem for path in (PACKAGE / parent).iterdir()}
        assert named <= there, f"{parent or 'batch_analogy'} lacks what its order names"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    module = path.relative_to(PACKAGE).as_posix()
    if module in ("__init__.py", "__main__.py"):  # they stand above everything
        return
    found = breaches(module, names_in(path))
    lazily = {name for file, above in LAZY_UPWARDS if file == module
              for name in found if f"{name}.".startswith(f"batch_analogy.{above}.")}  # fmt: skip
    assert set(found) - lazily == set()


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {module_name(path): at_import(path) for path in MODULES}
    done: set[str] = set()
    while ready := {name for name in graph.keys() - done if graph[name] <= done}:
        done |= ready
    assert sorted(graph.keys() - done) == []


def module_name(path: Path) -> str:
    name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    return name.removesuffix(".__init__")


@functools.cache
def names_at_import(path: Path) -> list[str]:
    """Return the dotted names that a module imports at its beginning, not in functions."""
    tree = ast.parse(path.read_text())
    tree.body = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    return list(imported(tree, ".".join(path.relative_to(PACKAGE.parent).parts[:-1])))


def at_import(path: Path) -> set[str]:
    """Return the modules of this package that are imported when ``path`` is."""
    known = {module_name(p) for p in MODULES}
    names = names_at_import(path)
    found = {name if name in known else name.rpartition(".")[0] for name in names}
    return (found & known) - {module_name(path)}


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
    names = names_at_import(path)
    modules = {name.rpartition(".")[0] for name in names} | set(names)
    assert not LATE & (modules | {name.partition(".")[0] for name in names})


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("media/film.py", "def f():\n    from batch_analogy.jobs.drive.open_run import open_run"),
        ("media/film.py", "from ..motion import flow"),
        ("motion/flow/optical_flow.py", "from batch_analogy.motion.temporal import walk"),
        ("jobs/plan/survey.py", "import batch_analogy.jobs.drive.driver"),
        ("unknown/module.py", "from batch_analogy import errors"),
    ],
)
def test_finds_an_import_that_points_up(module: str, source: str) -> None:
    package = "batch_analogy." + module.rpartition("/")[0].replace("/", ".")
    assert len(breaches(module, list(imported(ast.parse(source), package)))) == 1


def test_allows_imports_that_point_down_or_stay_in_a_package() -> None:
    down = ast.parse("from batch_analogy import errors\nimport batch_analogy.analogy.deep")
    assert breaches("media/film.py", list(imported(down, "batch_analogy.media"))) == []
    beside = ast.parse("from batch_analogy.jobs.plan.ranges import parse_range")
    assert breaches("jobs/plan/survey.py", list(imported(beside, "batch_analogy.jobs.plan"))) == []


def test_modules_stay_short() -> None:
    long = {str(p.relative_to(PACKAGE)): n for p in MODULES if (n := lines_of(p)) > 400}
    assert long == {}


def lines_of(path: Path) -> int:
    return len(path.read_text().splitlines())
