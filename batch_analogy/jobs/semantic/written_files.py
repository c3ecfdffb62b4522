"""Which pictures a model's maps became, so that overwriting leaves none of an earlier run's."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from batch_analogy.errors import InputError, OutputDiskError, UsageError
from batch_analogy.files import disk_errors, hash_file
from batch_analogy.json_files import read_json, write_json

WRITTEN = "written.json"


def record_written(
    model: Path, output: Path, done: Sequence[Path], *, whole: bool, overwrite: bool
) -> list[Path]:
    """Note what was written, and delete what is left of the earlier run that it replaces.

    Only files that still have the bytes which that run wrote are deleted: never a person's. A model
    in a folder that may not be written to is applied all the same; nothing is noted then.

    Args:
        model: the folder of the network.
        output: what was asked for, as it was named.
        done: the pictures that were made.
        whole: whether all maps were tried; nothing is deleted after an interruption.
        overwrite: whether an earlier run is replaced.

    Returns:
        What was deleted.

    Raises:
        OutputDiskError: a picture may not be deleted.
    """
    place = model / WRITTEN
    try:
        known = read_json(place) or {}
        earlier = dict(known.get(str(output), {}))
    except (UsageError, TypeError, ValueError):  # damaged: nobody's pictures are then deleted
        known, earlier = {}, {}
    written = {str(path): hash_file(path) for path in done}
    gone = _delete(earlier, written) if whole and overwrite else []
    kept = written if whole and overwrite else {**earlier, **written}
    with contextlib.suppress(OutputDiskError, UsageError):
        write_json(place, {**known, str(output): kept})
    return gone


def _delete(earlier: dict[str, str], written: dict[str, str]) -> list[Path]:
    gone = []
    for name, wrote in earlier.items():
        path = Path(name)
        if name in written or not path.is_file():
            continue
        with contextlib.suppress(InputError):  # unreadable: not known to be the run's
            if hash_file(path) == wrote:
                with disk_errors(path):
                    path.unlink()
                gone.append(path)
    return gone
