"""Record of the pictures made with a model.

Overwriting deletes earlier ones, and default outputs of other maps are told apart.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from batch_analogy.errors import InputError, OutputDiskError, UsageError
from batch_analogy.files import disk_errors, hash_file
from batch_analogy.json_files import from_plain, read_json, write_json

WRITTEN = "written.json"
TARGETS = "targets.json"
"""Output as it was named → the maps that it was made of, as they were named."""
WrittenFiles = dict[str, dict[str, str]]
"""Output as it was named → path of a picture → hash of its bytes."""


def record_written(
    model: Path,
    output: Path,
    done: Sequence[Path],
    *,
    targets: str = "",
    whole: bool,
    overwrite: bool,
) -> list[Path]:
    """Record the pictures of an output, and delete those left from the output that it replaces.

    A picture is deleted only if its bytes are still those that were recorded, so never if a person
    changed it. If the model's folder may not be written to, nothing is recorded.

    Args:
        model: the training folder.
        output: the output as it was named.
        done: the pictures that were made.
        targets: the maps as they were named, absolute.
        whole: all maps were tried; nothing is deleted after an interruption.
        overwrite: an earlier output is replaced.

    Returns:
        The deleted pictures.

    Raises:
        OutputDiskError: a picture cannot be deleted.
    """
    path = model / WRITTEN
    try:
        known = from_plain(read_json(path) or {}, WrittenFiles)
    except (UsageError, ValueError):  # damaged: no pictures are deleted then
        known = {}
    earlier = known.get(str(output), {})
    written = {str(path): hash_file(path) for path in done}
    deleted = _delete(earlier, written) if whole and overwrite else []
    recorded = written if whole and overwrite else {**earlier, **written}
    with contextlib.suppress(OutputDiskError, UsageError):
        write_json(path, {**known, str(output): recorded})
        write_json(model / TARGETS, {**_read_targets(model), str(output): targets})
    return deleted


def is_made_of(model: Path, output: Path, targets: str) -> bool:
    """Return whether an output was made with a model of the maps of this name."""
    return _read_targets(model).get(str(output)) == targets


def _read_targets(model: Path) -> dict[str, str]:
    try:
        return from_plain(read_json(model / TARGETS) or {}, dict[str, str])
    except (UsageError, ValueError):  # damaged
        return {}


def _delete(earlier: dict[str, str], written: dict[str, str]) -> list[Path]:
    deleted = []
    for name, recorded_hash in earlier.items():
        path = Path(name)
        if name in written or not path.is_file():
            continue
        with contextlib.suppress(InputError):  # unreadable, so it may be another file
            if hash_file(path) == recorded_hash:
                with disk_errors(path):
                    path.unlink()
                deleted.append(path)
    return deleted
