"""Options that restrict a look to a region of the frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from batch_analogy.cli.options.general import absolute
from batch_analogy.cli.options.look import LOOK
from batch_analogy.config.feather import DEFAULT_FEATHER
from batch_analogy.errors import UsageError

MASK_HELP = (
    "Where the look applies: white gets it, black keeps the frame as it is, grey is in between. "
    "One picture, or a folder or pattern with a picture for each frame, named like it."
)


@dataclass(frozen=True, kw_only=True)
class EdgeOptions:
    """Options that go with a mask."""

    feather: Annotated[
        str | None,
        typer.Option(
            help="Width over which the edges of --mask are softened: 12 pixels, or 2% of the "
            f"frame's shorter side. Default: {DEFAULT_FEATHER}; 0 leaves them as they are.",
            metavar="PX|%",
            show_default=False,
            rich_help_panel=LOOK,
        ),
    ] = None
    reference2: Annotated[
        Path | None,
        typer.Option(
            help="The picture, or folder of pictures, whose look is wanted where --mask is black.",
            metavar="REF",
            show_default=False,
            rich_help_panel=LOOK,
        ),
    ] = None

    def fields(self, mask: Path | None) -> dict[str, Any]:
        """Return the fields of ``RunConfig`` that are given.

        Raises:
            UsageError: there is no mask for the other options.
        """
        given = {name: value for name, value in vars(self).items() if value is not None}
        given.pop("mask", None)
        if mask is None and given:
            raise UsageError(f"--{next(iter(given))} goes with a mask; give --mask too")
        paths = {"mask": mask, "reference2": self.reference2}
        return given | {k: absolute(path) for k, path in paths.items() if path is not None}


@dataclass(frozen=True, kw_only=True)
class RegionOptions(EdgeOptions):
    """A mask, and the options that go with it."""

    mask: Annotated[
        Path | None,
        typer.Option(
            help=MASK_HELP, metavar="FILE|FOLDER", show_default=False, rich_help_panel=LOOK
        ),
    ] = None

    def given(self) -> dict[str, Any]:
        """Return the fields of ``RunConfig`` that are given; errors as for ``fields``."""
        return self.fields(self.mask)
