"""Films from Python: configure a run, plan it, execute it, resume it and read its status.

The commands call these functions, so whatever a command does can be done here, with the same
defaults and the same run folders: ``batch-analogy resume`` can resume a run that was started in
Python, and the other way round.

Progress is reported through ``on_event``, which is called in the caller's thread with one event at
a time, a small dataclass of ``batch_analogy.jobs.events``. An exception that it raises ends the
run, which can then be resumed. While a run executes in the main thread, the first Ctrl-C lets the
workers finish the frames they are making, and the run returns a result with ``interrupted`` set;
the second one raises ``KeyboardInterrupt``. Errors are those of ``batch_analogy.errors``.

>>> import tempfile
>>> from PIL import Image
>>> from batch_analogy import AnalogyConfig, ExecutionConfig
>>> folder = Path(tempfile.mkdtemp())
>>> for name in ("frame1.png", "frame2.png", "reference.jpg"):
...     Image.radial_gradient("L").convert("RGB").resize((48, 32)).save(folder / name)
>>> config = film_config(
...     "timelapse",
...     folder / "frame*.png",
...     reference=folder / "reference.jpg",
...     output=folder / "film.mp4",
...     analogy=AnalogyConfig(quality="draft", min_side_px=32),
...     temporal="off",
...     execution=ExecutionConfig(address="none"),  # in this process, without Ray
... )
>>> plan = plan_film(config)
>>> len(plan.frames), plan.fps
(2, Fraction(24, 1))

Events tell how the run proceeds, and the result how it ended:

>>> def on_event(event: RunEvent) -> None:
...     if isinstance(event, events.FrameDone):
...         print(event.name, "is done;", event.done, "of", event.total)
>>> result = run_film(config, on_event=on_event)
frame1.png is done; 1 of 2
frame2.png is done; 2 of 2
>>> [film.name for film in result.films], result.failed
(['film.mp4'], [])
>>> read_status(config.run_dir).state
'finished'
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batch_analogy.config.painting import PaintedKeyframe
from batch_analogy.config.run import RunConfig
from batch_analogy.files import expand_user
from batch_analogy.jobs import events
from batch_analogy.jobs.drive import preview_run
from batch_analogy.jobs.drive.execute import Run, RunResult
from batch_analogy.jobs.drive.film_configs import film_config, film_configs
from batch_analogy.jobs.drive.film_queue import plan_all
from batch_analogy.jobs.drive.open_run import (
    dry_plan,
    load_finished,
    load_run,
    open_run,
    read_config,
)
from batch_analogy.jobs.drive.resume import Retry
from batch_analogy.jobs.drive.suggest_keyframes import suggest_keyframes
from batch_analogy.jobs.events import OnEvent, RunEvent, ignore
from batch_analogy.jobs.folder.run_status import RunStatus, read_status
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.media.film_inputs import group_inputs

__all__ = [
    "Plan",
    "Preview",
    "Retry",
    "Run",
    "RunEvent",
    "RunResult",
    "RunStatus",
    "assemble_film",
    "events",
    "film_config",
    "film_configs",
    "group_inputs",
    "load_finished",
    "load_run",
    "open_run",
    "plan_all",
    "plan_film",
    "preview_film",
    "read_config",
    "read_plan",
    "read_status",
    "resume_film",
    "retry_frames",
    "run_film",
    "suggest_keyframes",
]

read_plan = preview_run.read_run_plan


@dataclass(frozen=True)
class Preview:
    """A few frames of a run, made before the rest."""

    result: RunResult
    sheet: Path | None  # the frames before and after, as one JPEG; None if none could be made


def plan_film(
    config: RunConfig, *, write: bool = False, overwrite: bool = False, on_event: OnEvent = ignore
) -> Plan:
    """Plan a run without making a frame.

    Args:
        config: the run.
        write: make the run folder, with a plan.json that may be edited before ``run_film`` or
            ``resume_film``. By default nothing is written, and the number of a video's frames is
            taken from its header.
        overwrite: as for ``run_film``; without it, outputs that may not be replaced are refused.
        on_event: called with the progress of reading the input.

    Raises:
        UsageError: the source does not exist, or the folder holds a plan that does not fit.
        InputError: the input cannot be used.
        WeightsError: the weights are missing.
    """
    if not write:
        return dry_plan(config, overwrite=overwrite, on_event=on_event)
    return preview_run.close_as_planned(open_run(config, overwrite=overwrite, on_event=on_event))


def run_film(
    config: RunConfig, *, overwrite: bool = False, on_event: OnEvent = ignore
) -> RunResult:
    """Make every frame that is not finished yet, then the film.

    Calling it again after an interruption continues where the run stopped.

    Args:
        config: the run.
        overwrite: replace existing output, and delete the frames in the run folder if they were
            made with other settings or from another input.
        on_event: called with each event.

    Returns:
        The outcome of the run. Failed frames are listed in it; they raise nothing.

    Raises:
        UsageError: the source does not exist, the plan has changed, or an output exists and may
            not be replaced.
        InputError: the input cannot be used.
        JobError: too many workers were lost, or too many frames failed.
        MachineError: this machine or cluster cannot do the work.
    """
    return open_run(config, overwrite=overwrite, on_event=on_event).execute(on_event)


def resume_film(
    run_dir: str | Path,
    *,
    keys: Sequence[PaintedKeyframe] = (),
    on_event: OnEvent = ignore,
    **execution: Any,
) -> RunResult:
    """Continue a run that was planned, previewed or interrupted.

    Args:
        run_dir: the run folder, which may have been moved.
        keys: painted frames, which a painted run follows too from now on.
        on_event: called with each event.
        execution: fields of ``ExecutionConfig`` to change, such as ``workers``.

    Raises:
        UsageError: the folder holds no run; otherwise as ``run_film``.
    """
    run = load_run(Path(run_dir), changes=execution, keys=keys, on_event=on_event)
    return run.execute(on_event)


def retry_frames(
    run_dir: str | Path,
    *,
    failed: bool = False,
    frames: str = "",
    on_event: OnEvent = ignore,
    **execution: Any,
) -> RunResult:
    """Make chosen frames again, finished or failed, and continue the run.

    Args:
        run_dir: the run folder.
        failed: try every failed frame again, even where no success can be expected.
        frames: numbers of the frames to make again, finished or not, like ``"3,5-10"``.
        on_event: called with each event.
        execution: as for ``resume_film``.

    Raises:
        UsageError: the folder holds no run, or the run lacks a frame; otherwise as ``run_film``.
    """
    again = Retry(failed=failed, frames=frames)
    run = load_run(Path(run_dir), changes=execution, again=again, on_event=on_event)
    return run.execute(on_event)


def preview_film(
    run: RunConfig | Run | str | Path,
    frames: int = 5,
    *,
    overwrite: bool = False,
    on_event: OnEvent = ignore,
    **execution: Any,
) -> Preview:
    """Make a few frames, evenly spread, and show them before and after on one sheet.

    The frames belong to the run, which does not make them again.

    Args:
        run: the configuration of a run, its folder, or an open run, which is closed afterwards.
        frames: the largest number of frames to make.
        overwrite: as for ``run_film``; only used with a configuration.
        on_event: called with each event.
        execution: as for ``resume_film``; only used with a folder.

    Raises:
        UsageError: ``frames`` is below 1; otherwise as ``run_film``.
    """
    if isinstance(run, RunConfig):
        run = open_run(run, overwrite=overwrite, on_event=on_event)
    elif not isinstance(run, Run):
        run = load_run(Path(run), changes=execution, on_event=on_event)
    with run:
        chosen = preview_run.choose_preview_frames(run.plan, frames)
        return Preview(*preview_run.run_preview(run, chosen, on_event))


def assemble_film(
    run_dir: str | Path,
    *,
    output: str | Path | None = None,
    overwrite: bool = False,
    on_event: OnEvent = ignore,
    **film: Any,
) -> RunResult:
    """Make the film again from the finished frames, without making new frames.

    Args:
        run_dir: the run folder. The input of the run is not needed.
        output: a further film. By default the run's own film is made again.
        overwrite: replace the output even if the run did not write it.
        on_event: called with each event.
        film: new values of ``fps``, ``hold``, ``blend``, ``codec``, ``depth``, ``crf``,
            ``film_size``, ``film_fit``, ``on_missing``, ``keep_audio``, ``sound_tracks``,
            ``music``, ``music_fade``, ``chapters``, ``poster``, ``timeline``, ``text``,
            ``text_place``, ``text_size`` or ``text_font``. The run keeps them if its own film is
            made again.

    Raises:
        UsageError: the folder holds no run, or the output exists and may not be replaced.
        JobError: no frame is finished.
        FilmError: the film could not be made.
    """
    path = None if output is None else _absolute(output)
    run = load_finished(Path(run_dir), overwrite=overwrite, output=path, **film)
    return run.execute(on_event)


def _absolute(path: str | Path) -> Path:
    return expand_user(path).absolute()
