"""Checks of configuration values that say what is allowed."""

from __future__ import annotations

from typing import get_args

from batch_analogy.errors import ConfigError


def check_choice(name: str, value: object, choices: object) -> None:
    """Raise ConfigError unless a value is one of a Literal type's choices."""
    allowed = get_args(choices)
    if value not in allowed:
        raise ConfigError(f"{name} is {value!r}; it must be one of {', '.join(map(str, allowed))}")
