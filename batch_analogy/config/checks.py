"""Checks of configuration values; their messages say what is allowed."""

from __future__ import annotations

from typing import get_args

from batch_analogy.errors import ConfigError


def check_choice(name: str, value: object, choices: object) -> None:
    """Raise ConfigError unless ``value`` is one of the choices of a Literal type."""
    allowed = get_args(choices)
    if value not in allowed:
        raise ConfigError(f"{name} is {value!r}; it must be one of {', '.join(map(str, allowed))}")


def check_range(name: str, value: float, least: float, most: float) -> None:
    """Raise ConfigError unless ``value`` lies between ``least`` and ``most``; NaN does not."""
    if not least <= value <= most:
        raise ConfigError(f"{name} is {value:g}; it must lie between {least:g} and {most:g}")
