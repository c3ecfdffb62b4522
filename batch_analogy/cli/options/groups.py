"""Groups of options: dataclasses whose fields become options of a command.

A command decorated with ``takes_groups`` may have such dataclasses as parameters. On the command
line, every field of a group is an option; the command receives the group as one object.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_type_hints


def takes_groups(
    *, annotations: Mapping[str, Any] | None = None, **defaults: Any
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Decorate a command whose parameters include groups of options.

    Args:
        annotations: the annotation of an option, by name, where it differs from the group's.
        defaults: the default of an option, by name, where it differs from the group's.
    """

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        parameters: list[inspect.Parameter] = []
        groups: dict[str, Any] = {}
        hints = get_type_hints(command, include_extras=True)
        for parameter in inspect.signature(command).parameters.values():
            hint = hints[parameter.name]
            if dataclasses.is_dataclass(hint):
                groups[parameter.name] = hint
                parameters += _parameters_of(hint, annotations or {}, defaults)
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


def _parameters_of(
    group: Any, annotations: Mapping[str, Any], defaults: Mapping[str, Any]
) -> Iterator[inspect.Parameter]:
    """Yield a parameter for each field of a group."""
    hints = get_type_hints(group, include_extras=True)
    for field in dataclasses.fields(group):
        yield inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=defaults.get(field.name, field.default),
            annotation=annotations.get(field.name, hints[field.name]),
        )
