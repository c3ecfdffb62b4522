"""Choose outputs and training folders that were not named, apart from those of other pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from batch_analogy.errors import BatchAnalogyError
from batch_analogy.files import hash_file, names_beside
from batch_analogy.jobs.semantic.apply import is_sequence
from batch_analogy.jobs.semantic.training_folder import TrainingFolder
from batch_analogy.jobs.semantic.written_files import is_made_of

MODEL_SUFFIX = ".semantic"


def default_model(picture: Path, label: Path, beside: Path) -> Path:
    """Return the training folder of a picture: the one it has already, or a free one.

    Args:
        picture: the picture. label: its label map.
        beside: the folder in which to look.
    """
    names = names_beside(beside / f"{picture.stem}{MODEL_SUFFIX}")
    return next(folder for folder in names if _may_train(TrainingFolder(folder), picture, label))


def free_output(output: Path, model: Path, targets: str) -> Path:
    """Return an output that does not exist, or was made with a model of the same maps.

    Args:
        output: the name that is wanted.
        model: the training folder.
        targets: the maps as they were named, absolute.
    """
    names = names_beside(output)
    return next(one for one in names if not one.exists() or is_made_of(model, one, targets))


def default_output(name: str, maps: Sequence[Path]) -> Path:
    """Return the name of an output that is not named.

    >>> str(default_output("lake", [Path("m.png")]))
    'lake-m.png'
    """
    if len(maps) == 1:
        return Path(f"{name}-{maps[0].stem}.png")
    if is_sequence(maps):
        return Path(f"{name}-film.mp4")
    return Path(f"{name}-pictures")


def _may_train(folder: TrainingFolder, picture: Path, label: Path) -> bool:
    if folder.is_foreign() or (folder.folder.exists() and not folder.folder.is_dir()):
        return False
    try:
        found = folder.read_manifest()
    except BatchAnalogyError:
        return True  # of another version: training says what to do
    if found is None:
        return True
    return _is_same(picture, Path(found.picture), found.picture_hash) and _is_same(
        label, Path(found.label), found.label_hash
    )


def _is_same(path: Path, recorded: Path, digest: str) -> bool:
    """Return whether a file is the recorded one, perhaps changed or moved since."""
    try:
        return path.absolute() == recorded or hash_file(path) == digest
    except BatchAnalogyError:
        return True  # it cannot be read, which training reports
