from __future__ import annotations

import typer

from batch_analogy.cli.options.groups import takes_groups
from batch_analogy.cli.options.look import LookOptions, QualityOption
from batch_analogy.cli.options.machine import MachineOptions


def test_a_group_becomes_options_and_returns_as_one_object() -> None:
    app, taken = typer.Typer(), []

    @app.command()
    @takes_groups(quality="draft")
    def work(look: LookOptions, machine: MachineOptions, times: int = 1) -> int:
        taken.extend([look, machine, times])
        return 0

    app(["--seed", "7", "--times", "3", "--workers", "2"], standalone_mode=False)
    assert taken == [LookOptions(seed=7, quality="draft"), MachineOptions(workers=2), 3]


def test_a_command_can_replace_the_annotation_of_an_option() -> None:
    app, taken = typer.Typer(), []

    @app.command()
    @takes_groups(annotations={"preset": QualityOption})
    def work(look: LookOptions) -> int:
        taken.append(look.preset)
        return 0

    app(["--preset", "paper"], standalone_mode=False)
    assert taken == ["paper"]
