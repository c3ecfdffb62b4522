"""Options of the machines that do the work; none of them changes a pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from batch_analogy.config.run import ExecutionConfig

MACHINE = "Machine"

WorkersOption = Annotated[
    int | None,
    typer.Option(
        help="Number of workers that share the frames. By default as many as cores, GPUs and "
        "memory allow. The number changes no pixel.",
        show_default=False,
        rich_help_panel=MACHINE,
    ),
]
GpusOption = Annotated[
    float | None,
    typer.Option(
        "--gpus-per-worker",
        help="GPUs for each worker: 1, 0.5 for two workers on one GPU, or 0 for the CPU. "
        "Default: 1 where PyTorch can use a GPU, else 0.",
        show_default=False,
        rich_help_panel=MACHINE,
    ),
]
OneGpuOption = Annotated[
    float | None,
    typer.Option(
        "--gpus-per-worker",
        help="1 for a GPU, 0 for the CPU. Default: a GPU where PyTorch can use one.",
        show_default=False,
        rich_help_panel=MACHINE,
    ),
]
"""``--gpus-per-worker`` of commands that do all work in this process."""

AddressOption = Annotated[
    str | None,
    typer.Option(
        help="Where the workers run. none: in this process, without Ray. local: on a Ray started "
        "on this machine (the default). auto: on the Ray cluster that this machine belongs to. Or "
        "the ADDRESS of a cluster. A resumed run keeps its address.",
        metavar="none|local|auto|ADDRESS",
        show_default=False,
        rich_help_panel=MACHINE,
    ),
]
StallTimeoutOption = Annotated[
    float | None,
    typer.Option(
        help="Replace a worker that takes longer than this over one frame, and try the frame on "
        "another. By default the limit follows from the time that frames take.",
        metavar="SECONDS",
        show_default=False,
        rich_help_panel=MACHINE,
    ),
]
StartTimeoutOption = Annotated[
    float | None,
    typer.Option(
        help="How long to wait for the first worker, for clusters whose machines take a while to "
        f"start. Default: {ExecutionConfig.start_timeout_seconds:g}.",
        metavar="SECONDS",
        show_default=False,
        rich_help_panel=MACHINE,
    ),
]
MaxFailedOption = Annotated[
    int | None,
    typer.Option(
        help="Stop the run when more than this many frames have failed. By default it continues, "
        "however many fail.",
        metavar="FRAMES",
        show_default=False,
        rich_help_panel=MACHINE,
    ),
]


@dataclass(frozen=True, kw_only=True)
class MachineOptions:
    """The place and the limits of a run's execution; None stands for the run's own choice."""

    workers: WorkersOption = None
    gpus_per_worker: GpusOption = None
    address: AddressOption = None
    stall_timeout: StallTimeoutOption = None
    start_timeout: StartTimeoutOption = None
    max_failed: MaxFailedOption = None

    def changes(self) -> dict[str, Any]:
        """Return the fields of ``ExecutionConfig`` that were given."""
        given = {name: value for name, value in vars(self).items() if value is not None}
        if given.get("address") == "local":
            given["address"] = None
        for name in ("stall_timeout", "start_timeout"):
            if name in given:
                given[f"{name}_seconds"] = given.pop(name)
        return given

    def execution_config(self) -> ExecutionConfig:
        """Return the given options, with the defaults for the rest."""
        return ExecutionConfig(**self.changes())
