"""The frames of a video source: extracted once into the run folder, and again if they are gone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from batch_analogy.errors import PlanChangedError, UsageError
from batch_analogy.jobs.events import OnEvent, PlanProgress
from batch_analogy.jobs.plan import FileMark, Plan
from batch_analogy.jobs.store import RunStore, read_json, write_json
from batch_analogy.jobs.survey import VideoFrames, mark_file
from batch_analogy.media.sequence import is_video
from batch_analogy.media.video import VideoInfo, extract_frames, probe_video


def open_video(
    source: str, store: RunStore, previous: Plan | None, *, overwrite: bool, on_event: OnEvent
) -> VideoFrames | None:
    """The frames of the source if that is a video, extracted if they have never been.

    Args:
        source: a folder, a glob or a video.
        store: the run folder, locked.
        previous: the plan that it holds; if it is of the same video, its frames are believed.
        overwrite: whether another video may take the place of what the folder holds.
        on_event: told of the extraction.

    Raises:
        UsageError: the video does not exist.
        PlanChangedError: the folder holds another video; found before it is extracted.
        InputError: it cannot be decoded.
    """
    path = Path(source)
    if not is_video(path):
        return None
    info, mark = _probe(path, previous.video if previous else None)
    if previous and previous.video and previous.video.blake2b == mark.blake2b:
        paths = tuple(str(store.input / Path(frame.source).name) for frame in previous.frames)
    elif previous is not None and not overwrite:
        raise PlanChangedError(
            f"the run in {store.run_dir} was begun with other frames than those of {path}. Use "
            "--overwrite to start afresh, or name another folder with --run-dir"
        )
    else:
        paths = tuple(str(path) for path in _extract(info, mark, store, on_event))
    return VideoFrames(mark, paths, info.height, info.width, info.fps)


def guess_video(source: str) -> VideoFrames | None:
    """The frames of a video as its header promises them, without touching a disk: for dry runs.

    Raises:
        UsageError: the video does not exist.
        InputError: it cannot be decoded.
    """
    path = Path(source)
    if not is_video(path):
        return None
    info, mark = _probe(path, None)
    paths = tuple(f"{index:06d}.png" for index in range(info.frame_count))
    return VideoFrames(mark, paths, info.height, info.width, info.fps, estimated=True)


def ensure_video_frames(plan: Plan, store: RunStore, on_event: OnEvent) -> None:
    """Extract the frames of a video again if some are gone; they are deleted with the last film.

    Raises:
        InputError: the video cannot be decoded any more.
    """
    if plan.video is None or all(Path(frame.source).is_file() for frame in plan.frames):
        return
    info, mark = _probe(Path(plan.video.path), plan.video)
    _extract(info, mark, store, on_event)


def _probe(path: Path, known: FileMark | None) -> tuple[VideoInfo, FileMark]:
    if not path.exists():
        raise UsageError(f"{path} does not exist; give a folder, a pattern or a video")
    mark = mark_file(path, {known.path: known} if known else None)
    return probe_video(path), mark


def _extract(info: VideoInfo, mark: FileMark, store: RunStore, on_event: OnEvent) -> list[Path]:
    owner = read_json(store.input_mark) or {}
    if owner.get("video_blake2b") != mark.blake2b:
        store.clear_input()
        write_json(store.input_mark, {"video": mark.path, "video_blake2b": mark.blake2b})
    return extract_frames(info, store.input, on_frame=_reporter(on_event, info.frame_count))


def _reporter(on_event: OnEvent, total: int) -> Callable[[int], None]:
    def report(done: int) -> None:
        on_event(PlanProgress("extracting", done, total))

    return report
