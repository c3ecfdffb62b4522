"""Options that come together in several commands, each group written once as a dataclass.

A command decorated with ``takes_groups`` names groups among its parameters. On the command line
every field of a group is an option of its own; the command gets them back as one object.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, get_type_hints

from batch_analogy.cli import options
from batch_analogy.cli.options import film, motion
from batch_analogy.config.matching import AnalogyConfig, PresetName
from batch_analogy.config.run import Deflicker, ExecutionConfig


@dataclass(frozen=True, kw_only=True)
class LookOptions:
    """What decides the pixels of a pair."""

    preset: options.PresetOption = None  # None: the one of the command that does the work
    quality: options.QualityOption = options.ANALOGY_DEFAULTS.quality
    blend_weight: options.BlendWeightOption = None
    ratio: options.RatioOption = None
    refine: options.RefineOption = None
    seed: options.SeedOption = options.ANALOGY_DEFAULTS.seed
    size: options.SizeOption = None
    smoothness: options.SmoothnessOption = options.ANALOGY_DEFAULTS.smoothness
    scales: options.ScalesOption = options.UNSCALED
    mirror: options.MirrorOption = options.ANALOGY_DEFAULTS.mirror
    weights: options.WeightsOption = options.DEFAULT_WEIGHTS

    def analogy_config(self, default_preset: PresetName) -> AnalogyConfig:
        """The preset's configuration with every option on top that was given."""
        given = vars(self).copy()
        del given["weights"]
        return options.analogy_config(given.pop("preset") or default_preset, **given)


@dataclass(frozen=True, kw_only=True)
class FilmOptions:
    """What the film is like, and where it and its run folder lie."""

    output: options.FilmOption = None
    run_dir: options.RunDirOption = None
    fps: options.FpsOption = None
    hold: film.HoldOption = 1
    blend: film.BlendOption = 1
    codec: film.CodecOption = options.DEFAULT_CODEC
    depth: film.DepthOption = None
    crf: options.CrfOption = options.DEFAULT_CRF
    start: film.StartOption = None
    end: film.EndOption = None
    order: film.OrderOption = options.DEFAULT_ORDER
    on_missing: options.OnMissingOption = options.DEFAULT_ON_MISSING
    shots: motion.ShotsOption = "detect"
    temporal: motion.TemporalOption = options.DEFAULT_TEMPORAL
    deflicker: motion.DeflickerOption = None  # None: by command and source

    def config_fields(self, default_deflicker: Deflicker) -> dict[str, Any]:
        """The fields of ``RunConfig`` that are about the film, but not where it lies.

        Args:
            default_deflicker: where nothing was given.
        """
        same = ("fps", "hold", "blend", "codec", "depth", "crf", "start", "end", "order")
        given = self.deflicker
        return {
            **{name: getattr(self, name) for name in (*same, "on_missing", "temporal")},
            "shots": motion.parse_shots_option(self.shots),
            "deflicker": (default_deflicker if given is None else motion.parse_deflicker(given)),
        }


@dataclass(frozen=True, kw_only=True)
class MachineOptions:
    """Where and how a run is executed; what is not given is decided elsewhere."""

    workers: options.WorkersOption = None
    gpus_per_worker: options.GpusOption = None
    address: options.AddressOption = None
    stall_timeout: options.StallTimeoutOption = None
    start_timeout: options.StartTimeoutOption = None
    max_failed: options.MaxFailedOption = None

    def changes(self) -> dict[str, Any]:
        """The fields of ``ExecutionConfig`` that were given."""
        given = {name: value for name, value in vars(self).items() if value is not None}
        if "address" in given:
            given["address"] = options.cluster_address(given["address"])
        for name in ("stall_timeout", "start_timeout"):
            if name in given:
                given[f"{name}_seconds"] = given.pop(name)
        return given

    def execution_config(self) -> ExecutionConfig:
        """What was given, and the defaults for the rest."""
        return ExecutionConfig(**self.changes())


def takes_groups(**defaults: Any) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Decorate a command whose parameters include groups of options.

    Args:
        defaults: option → default in this command, where that is not the group's own.
    """

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        parameters: list[inspect.Parameter] = []
        groups: dict[str, Any] = {}
        hints = get_type_hints(command, include_extras=True)
        for parameter in inspect.signature(command).parameters.values():
            hint = hints[parameter.name]
            if dataclasses.is_dataclass(hint):
                groups[parameter.name] = hint
                parameters += _spread(hint, defaults)
            else:
                keyword = inspect.Parameter.KEYWORD_ONLY
                parameters.append(parameter.replace(annotation=hint, kind=keyword))

        @functools.wraps(command)
        def flat(**given: Any) -> int:
            for name, group in groups.items():
                fields = [field.name for field in dataclasses.fields(group)]
                given[name] = group(**{field: given.pop(field) for field in fields})
            return command(**given)

        flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        flat.__annotations__ = {one.name: one.annotation for one in parameters}
        return flat

    return decorate


def _spread(group: Any, defaults: dict[str, Any]) -> Iterator[inspect.Parameter]:
    """The options of a group as parameters."""
    hints = get_type_hints(group, include_extras=True)
    for field in dataclasses.fields(group):
        yield inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=defaults.get(field.name, field.default),
            annotation=hints[field.name],
        )
