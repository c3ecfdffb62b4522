"""Say what is wrong with a path that is not a run folder."""

from __future__ import annotations

import shlex
from pathlib import Path

from batch_analogy.errors import UsageError
from batch_analogy.jobs.store import RunStore
from batch_analogy.json_files import read_json

_GIVE = "give the run folder of a timelapse, stylize or analogy"


def no_run_error(run_dir: Path) -> UsageError:
    """Return an error that says what a path is instead of a run folder, and which one to give."""
    if run_dir.is_file():
        found = _run_of(run_dir)
        give = _GIVE if found is None else f"give {shlex.quote(str(found))}"
        return UsageError(f"{run_dir} is a file, not a run folder; {give}")
    where = f"{run_dir}, which does not exist" if not run_dir.exists() else f"{run_dir}"
    return UsageError(f"there is no run in {where}; {_GIVE}")


def _run_of(file: Path) -> Path | None:
    """Return the run folder that a file lies in, or that of a film beside its run."""
    inside = next((p for p in file.parents if RunStore(p).exists()), None)
    if inside is not None:
        return inside
    beside = sorted(file.parent.glob("*.run"), key=lambda p: p.stem != file.stem)
    return next((folder for folder in beside if _made(folder, file)), None)


def _made(folder: Path, film: Path) -> bool:
    try:
        films = (read_json(RunStore(folder).films) or {}).get("films")
    except UsageError:
        return False
    return isinstance(films, dict) and str(film) in films
