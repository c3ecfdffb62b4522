"""Presets: settings that suit one use of a method, with the words that describe the use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One use of a method.

    ``help`` says when to choose the preset; ``--help`` shows it after the preset's name.
    """

    help: str
    settings: Mapping[str, Any]
    """Fields of the method's configuration and their values; others keep their defaults."""
