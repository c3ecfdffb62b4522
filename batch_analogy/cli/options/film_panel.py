"""Options of the panel "Film" in the help of commands."""

from __future__ import annotations

from typing import Any

import typer

FILM = "Film"


def film_option(*names: str, **settings: Any) -> Any:
    """Return an option of a film, whose default the help shows; arguments as ``typer.Option``."""
    return typer.Option(*names, rich_help_panel=FILM, **settings)


def film_value(*names: str, **settings: Any) -> Any:
    """Return an option of a film whose default is a matter of words, or none."""
    return film_option(*names, show_default=False, **settings)
