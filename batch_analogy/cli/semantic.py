"""The commands of ``semantic``: train on a picture and its label map, apply to other maps."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import DONE, FAILED, INTERRUPTED, PARTIAL, reports_failures
from batch_analogy.cli.options import general, look
from batch_analogy.cli.options.groups import takes_groups
from batch_analogy.cli.options.machine import MachineOptions
from batch_analogy.cli.options.training import (
    DetailOption,
    FrameRateOption,
    ImageArgument,
    LabelArgument,
    OutputOption,
    TargetsArgument,
    TrainingOptions,
)
from batch_analogy.cli.semantic_outputs import SemanticOutputs
from batch_analogy.config.run import ExecutionConfig
from batch_analogy.errors import InputError

if TYPE_CHECKING:
    from batch_analogy.cli.semantic_watcher import SemanticWatcher
    from batch_analogy.jobs.drive.driver import StopRequest
    from batch_analogy.jobs.semantic.apply import ApplyResult
    from batch_analogy.jobs.semantic.events import TrainingResults
    from batch_analogy.jobs.semantic.training import TrainJob

MAKE = "make"
MAX_SHOWN_FAILURES = 10

EPILOG = """Examples:

batch-analogy semantic lake.jpg lake-label.png new-map.png -o new-lake.png

batch-analogy semantic lake.jpg lake-label.png maps/ -o film.mp4 --preset animation

batch-analogy semantic train pictures/ -o models/

batch-analogy semantic apply lake.semantic maps/"""


class SemanticGroup(TyperGroup):
    """A group in which ``make`` may be left out before IMAGE LABEL TARGETS."""

    def parse_args(self, ctx, args):  # type: ignore[no-untyped-def]
        """Insert ``make`` if it was left out."""
        if args and args[0] not in {*self.commands, "--help", "-h"}:
            args = [MAKE, *args]
        return super().parse_args(ctx, args)


def build() -> typer.Typer:
    """Build the group with its commands."""
    group = typer.Typer(
        name="semantic",
        cls=SemanticGroup,
        no_args_is_help=True,
        rich_markup_mode="rich",
        help="Make pictures with other layouts from one picture and its label map. IMAGE LABEL "
        "TARGETS alone trains a network on the picture and applies it: see make.",
        epilog=EPILOG,
    )
    group.command(MAKE, epilog=EPILOG)(make)
    group.command("train", epilog=EPILOG)(train)
    group.command("apply", epilog=EPILOG)(apply)
    return group


ModelOption = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the trained network, with checkpoints and a preview. An interrupted "
        "training continues there, a finished one is used. By default IMAGE.semantic, beside the "
        "output.",
        metavar="FOLDER",
        show_default=False,
    ),
]


@reports_failures
@takes_groups()
def make(
    image: ImageArgument,
    label: LabelArgument,
    targets: TargetsArgument,
    training: TrainingOptions,
    machine: MachineOptions,
    output: OutputOption = None,
    model: ModelOption = None,
    fps: FrameRateOption = None,
    detail: DetailOption = "patches",
    overwrite: general.OverwriteOption = False,
    json_lines: general.JsonOption = False,
) -> int:
    """Train on a picture and make new pictures from other maps (make can be left out)."""
    from batch_analogy.jobs.semantic.apply import MAPS_CHECKED, check_maps, find_maps
    from batch_analogy.jobs.semantic.default_places import default_model
    from batch_analogy.jobs.semantic.model_files import map_notes
    from batch_analogy.media.recordings import split_sources

    training.config()
    source, files = split_sources(targets)
    maps = find_maps(source, files)
    place = Path.cwd() if output is None else general.absolute(output).parent
    folder = general.absolute(model) if model else default_model(image, label, place)
    name = image.stem if model else folder.stem
    plan = SemanticOutputs.planned(
        folder, source, maps, output, name, fps=fps, detail=detail, overwrite=overwrite
    )
    execution = machine.execution_config()
    if machine.address is None:  # one picture needs no Ray
        execution = dataclasses.replace(execution, address="none")
    console = Console(json_lines)
    job, execution = _job(image, label, folder, training, execution, overwrite=overwrite)
    check_maps(image, label, maps)
    for note in map_notes(image, label, maps[:MAPS_CHECKED]):
        console.note(f"NOTE: {note}")
    with _watched(console, alone=True) as (watcher, stop):
        trained = _train([job], execution, watcher, stop)
        if trained.failed:
            raise trained.failed[0].error
        if trained.interrupted or not trained.ended:
            console.note(f"to continue, give the same command again; progress is kept in {folder}")
            return INTERRUPTED
        applied = plan.apply(watcher, stop)
    return _report(console, applied, folder, command="make")


@reports_failures
@takes_groups()
def train(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Folder of pictures and their label maps: NAME/img.png with NAME/label.png, or "
            "NAME.png with NAME-label.png.",
            metavar="FOLDER",
        ),
    ],
    training: TrainingOptions,
    machine: MachineOptions,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder for the trained networks, each in NAME.semantic. By default FOLDER.",
            metavar="FOLDER",
            show_default=False,
        ),
    ] = None,
    overwrite: general.OverwriteOption = False,
    json_lines: general.JsonOption = False,
) -> int:
    """Train on many pictures, several at once; apply then makes pictures with each network."""
    from batch_analogy.jobs.semantic.train_many import find_pairs

    training.config()
    target_folder = general.absolute(output or folder)
    pairs = find_pairs(folder)
    console, execution, jobs = Console(json_lines), machine.execution_config(), []
    for name, picture, label in pairs:
        for note in _notes_of(picture, label):
            console.note(f"NOTE: {note}")
        target = target_folder / f"{name}.semantic"
        job, execution = _job(picture, label, target, training, execution, overwrite=overwrite)
        jobs.append(job)
    with _watched(console) as (watcher, stop):
        trained = _train(jobs, execution, watcher, stop)
    return _report_trained(console, trained, len(jobs), stopped=stop.requested)


@reports_failures
def apply(
    model: Annotated[Path, typer.Argument(help="Folder of a trained network.", metavar="MODEL")],
    targets: TargetsArgument,
    output: OutputOption = None,
    fps: FrameRateOption = None,
    detail: DetailOption = "patches",
    overwrite: general.OverwriteOption = False,
    json_lines: general.JsonOption = False,
) -> int:
    """Make pictures, or a film, from maps with a trained network."""
    from batch_analogy.jobs.semantic.apply import MAPS_CHECKED, find_maps
    from batch_analogy.jobs.semantic.model_files import MODEL_FILE, load_model, target_notes
    from batch_analogy.media.recordings import split_sources

    if model.is_file() and model.name == MODEL_FILE:
        model = general.absolute(model).parent  # where the frames of a film are kept
    source, files = split_sources(targets)
    maps = find_maps(source, files)
    folder, name = general.absolute(model), model.stem
    plan = SemanticOutputs.planned(
        folder, source, maps, output, name, fps=fps, detail=detail, overwrite=overwrite
    )
    console = Console(json_lines)
    for note in target_notes(maps[:MAPS_CHECKED], load_model(folder).palette):
        console.note(f"NOTE: {note}")
    with _watched(console) as (watcher, stop):
        applied = plan.apply(watcher, stop)
    return _report(console, applied, model, command="apply")


def _notes_of(picture: Path, label: Path) -> list[str]:
    """Return the notes on a label map; training reports what is wrong with it."""
    from batch_analogy.jobs.semantic.model_files import map_notes

    with contextlib.suppress(InputError):
        return map_notes(picture, label, ())
    return []


def _job(
    picture: Path,
    label: Path,
    folder: Path,
    training: TrainingOptions,
    execution: ExecutionConfig,
    *,
    overwrite: bool,
) -> tuple[TrainJob, ExecutionConfig]:
    """Return the training on a picture, and the settings of execution with GPUs chosen."""
    from batch_analogy.jobs.drive.pool_choice import settle_gpus
    from batch_analogy.jobs.semantic.training import TrainJob

    execution = settle_gpus(execution)
    job = TrainJob(
        picture=general.absolute(picture),
        label=general.absolute(label),
        folder=folder,
        config=training.config(),
        weights=look.weights_choice(training.weights),
        device="cuda" if execution.gpus_per_worker else "cpu",
        overwrite=overwrite,
    )
    return job, execution


def _train(
    jobs: Sequence[TrainJob],
    execution: ExecutionConfig,
    watcher: SemanticWatcher,
    stop: StopRequest,
) -> TrainingResults:
    from batch_analogy.jobs.semantic.train_many import train_all

    return train_all(jobs, execution, on_event=watcher, stopped=lambda: stop.requested)


@contextlib.contextmanager
def _watched(
    console: Console, *, alone: bool = False
) -> Iterator[tuple[SemanticWatcher, StopRequest]]:
    """Show progress on the console, and turn Ctrl-C into a request to stop."""
    from batch_analogy.cli.semantic_watcher import SemanticWatcher
    from batch_analogy.jobs.drive.driver import StopRequest

    stop = StopRequest()
    with stop.listening(), SemanticWatcher(console, alone=alone) as watcher:
        yield watcher, stop


def _report_trained(
    console: Console, trained: TrainingResults, total: int, *, stopped: bool
) -> int:
    """Report the finished trainings, and return the exit code."""
    finished = [one for one in trained.ended if one.ending != "interrupted"]
    for one in finished:
        console.result(str(one.folder))
    code = _code(len(finished), total, interrupted=trained.interrupted or stopped)
    console.note(f"{len(finished)} of {total} pictures trained")
    if code == INTERRUPTED:
        console.note("to continue, give the same command again")
    console.event(
        "result",
        command="train",
        trained=[one.folder for one in finished],
        failed=[{"name": one.name, "message": str(one.error)} for one in trained.failed],
        total=total,
        exit_code=code,
    )
    return code


def _report(console: Console, applied: ApplyResult, folder: Path, *, command: str) -> int:
    """Report what was made, results on stdout and the rest on stderr; return the exit code."""
    for path, message in applied.failed[:MAX_SHOWN_FAILURES]:
        console.note(f"{path.name} is missing: {message}")
    if len(applied.failed) > MAX_SHOWN_FAILURES:
        console.note(f"… and {len(applied.failed) - MAX_SHOWN_FAILURES} more")
    for path in [applied.film] if applied.film else applied.pictures:
        console.result(str(path))
    if applied.film is not None and applied.flicker is not None:
        console.note(
            f"where the maps do not change, frames change by {255 * applied.flicker:.2f} of 255 on "
            "average"
        )
    console.note(f"trained network: {folder}")
    code = _code(len(applied.pictures), applied.total, interrupted=applied.interrupted)
    console.event(
        "result",
        command=command,
        film=applied.film,
        pictures=list(applied.pictures),
        failed=[{"path": path, "message": message} for path, message in applied.failed],
        flicker=applied.flicker,
        model=folder,
        exit_code=code,
    )
    return code


def _code(done: int, total: int, *, interrupted: bool) -> int:
    if interrupted:
        return INTERRUPTED
    if done < total:
        return PARTIAL if done else FAILED
    return DONE
