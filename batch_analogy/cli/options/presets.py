"""Help texts made from the tables of presets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batch_analogy.config.presets import Preset


def describe_presets(presets: Mapping[Any, Preset]) -> str:
    """Describe every preset, for the help of an option.

    >>> describe_presets({"draft": Preset(help="time is short", settings={})})
    'draft: time is short.'
    """
    return " ".join(f"{name}: {preset.help}." for name, preset in presets.items())


def describe_default(presets: Mapping[Any, Preset], setting: str, default: object) -> str:
    """Describe the value of a setting without its option, and the presets with another value.

    Args:
        presets: the table.
        setting: a field of the method's configuration.
        default: the value in presets that do not set it.

    >>> draft = Preset(help="time is short", settings={"steps": 3})
    >>> describe_default({"draft": draft}, "steps", 10)
    'Default: 10; 3 for draft.'
    """
    others: dict[object, list[str]] = {}
    for name, preset in presets.items():
        value = preset.settings.get(setting, default)
        if value != default:
            others.setdefault(value, []).append(name)
    parts = [_shown(default)]
    parts += [f"{_shown(value)} for {', '.join(names)}" for value, names in others.items()]
    return f"Default: {'; '.join(parts)}."


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
