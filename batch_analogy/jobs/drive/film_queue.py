"""Several films in one command: their places, and their plans before any of them is made."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from batch_analogy.config.run import RunConfig
from batch_analogy.errors import InputError, JobError, UsageError
from batch_analogy.jobs.drive.default_places import name_of_source
from batch_analogy.jobs.drive.dry_plan import dry_plan
from batch_analogy.jobs.drive.film_outputs import films_of
from batch_analogy.jobs.events import OnEvent, ignore
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.media.sequence import VIDEO_SUFFIXES

NAME = "{name}"
"""What stands for the name of each source in the places of several films."""

OnRefused = Callable[[RunConfig, UsageError | InputError | JobError], None]


def fill_name(path: str | Path | None, sources: Sequence[str | Path]) -> str | None:
    """Put the name of a film's source into its place; of several pictures that of their folder.

    Args:
        path: may contain ``{name}``; None stays None.
        sources: the paths of the source.

    >>> fill_name("films/{name}.mp4", ["day/clip.mov"]), fill_name("out.mp4", ["clip.mov"])
    ('films/clip.mp4', 'out.mp4')
    """
    if path is None:
        return None
    text, first = str(path), str(sources[0])
    if NAME not in text:
        return text
    is_recording = Path(first).suffix.lower() in VIDEO_SUFFIXES
    is_one = len(sources) == 1 or is_recording
    named = first if is_one else os.path.dirname(os.path.abspath(first))
    return text.replace(NAME, name_of_source(named))


def refuse_collisions(configs: Sequence[RunConfig]) -> None:
    """Refuse films that would take each other's places, or those of each other's sources.

    Raises:
        UsageError: two would.
    """
    owners: dict[str, RunConfig] = {}
    for config in configs:
        for path in _places(config):
            real = os.path.realpath(path)
            other = owners.setdefault(real, config)
            if other is not config:
                raise UsageError(
                    f"{path} would be made from {other.source} and from {config.source}; write "
                    f"{NAME} for the name of each, as in -o 'films/{NAME}.mp4', or leave the "
                    "option out"
                )
    for config in configs:
        for source in (config.source, *config.files):
            owner = owners.get(os.path.realpath(source))
            if owner is not None and owner is not config:  # its own are checked with it
                raise UsageError(
                    f"{source} is to be styled, and the film of {owner.source} would replace it; "
                    "choose another -o"
                )


def plan_all(
    configs: Sequence[RunConfig],
    *,
    overwrite: bool = False,
    on_refused: OnRefused,
    on_event: OnEvent = ignore,
) -> list[Plan]:
    """Plan several films without writing anything, so that a bad input is found before the night.

    Args:
        configs: the films.
        overwrite: as for ``open_run``.
        on_refused: called with each film that cannot be made, and the reason.
        on_event: called with the progress of reading the inputs.

    Returns:
        The plans of all films.

    Raises:
        UsageError: an input cannot be used; the others were planned too.
        MachineError: this machine cannot make any of them.
    """
    plans: list[Plan] = []
    refused: list[UsageError | InputError | JobError] = []
    for config in configs:
        try:
            _refuse_forgotten_option(config, configs)
            plans.append(dry_plan(config, overwrite=overwrite, on_event=on_event))
        except (UsageError, InputError, JobError) as error:
            refused.append(error)
            on_refused(config, error)
    if refused:
        kind = UsageError if any(isinstance(one, UsageError) for one in refused) else InputError
        raise kind(
            f"{len(refused)} of {len(configs)} inputs cannot be done, so nothing was begun; mend "
            "or leave out those that are named above"
        )
    return plans


def _places(config: RunConfig) -> Iterator[Path]:
    for film in films_of(config):
        yield from film.paths
    yield config.run_dir


def _refuse_forgotten_option(config: RunConfig, configs: Sequence[RunConfig]) -> None:
    """Refuse ``frames/ film.mp4`` where -o was forgotten."""
    path = Path(config.source)
    is_last = len(configs) > 1 and config is configs[-1]
    if is_last and path.suffix.lower() in VIDEO_SUFFIXES and not os.path.lexists(path):
        raise UsageError(
            f"{path} does not exist; if it is to be the film, write -o {path}, else give a video"
        )
