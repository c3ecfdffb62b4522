"""Keep a run's videos, and find them when their files are gone."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from batch_analogy.config.run import RunConfig
from batch_analogy.jobs.plan.fingerprints import FileFingerprint, is_unchanged
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.store import RunStore


def keep_video(plan: Plan, store: RunStore) -> bool:
    """Hard-link the source video into the run folder, for the film's sound.

    The link takes no space as long as the video itself exists.

    Returns:
        True if the video is kept. False if it has no sound, or if the disk does not allow the
        link: the video must then stay where it is until the film is made.
    """
    if plan.video is None or plan.video_properties is None:
        return False
    if not plan.video_properties.has_soundtrack:
        return False
    kept = [_keep(Path(file.path), store, part) for part, file in enumerate(plan.video_files)]
    return all(kept)


def video_at_hand(file: FileFingerprint, store: RunStore, part: int) -> Path | None:
    """Return a video as the run knows it, or the copy in the run folder; None if both are gone.

    Args:
        file: the video. store: the run folder. part: which of the run's videos it is.
    """
    video = Path(file.path)
    for path in (video, store.kept_video(video.suffix, part)):
        if is_unchanged(path, file):
            return path
    return None


def videos_kept_of(config: RunConfig, previous: Plan | None, store: RunStore) -> list[Path]:
    """Return the videos of a source that is gone, from the run folder; none if it is not so.

    Args:
        config: the run that is opened. previous: the plan in its folder, store.
    """
    if previous is None or previous.video is None or previous.clips:
        return []
    files, named = previous.video_files, config.files or (config.source,)
    if [file.path for file in files] != list(named) or all(map(os.path.lexists, named)):
        return []
    found = [video_at_hand(file, store, part) for part, file in enumerate(files)]
    return [path for path in found if path is not None] if all(found) else []


def _keep(video: Path, store: RunStore, part: int) -> bool:
    link = store.kept_video(video.suffix, part)
    with contextlib.suppress(OSError):
        if link.exists() and (not video.exists() or link.samefile(video)):
            return True
        link.unlink(missing_ok=True)
        os.link(video, link)
        return True
    return False
