"""Options that say how much of a look a picture gets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from batch_analogy.cli.options.look import LOOK
from batch_analogy.config.amounts import LookShare, is_amounts, parse_amounts
from batch_analogy.config.run import FULL_AMOUNT, NO_AMOUNT
from batch_analogy.errors import UsageError

KEEP_COLOURS = ("--keep-colours", "--keep-colors")

_FADE = (
    "In films several amounts fade into each other: 0,1 over the whole film, 0@IMG_2041,1@60% from "
    "one frame to another."
)


@dataclass(frozen=True, kw_only=True)
class ShareOptions:
    """How much of its look a picture gets."""

    strength: Annotated[
        str,
        typer.Option(
            help="How much of the look, 0 to 1: at 0 the picture stays as it is, at 1 it gets all "
            f"of the look. {_FADE}",
            metavar="AMOUNT",
            rich_help_panel=LOOK,
        ),
    ] = FULL_AMOUNT
    keep_colours: Annotated[
        str,
        typer.Option(
            *KEEP_COLOURS,
            help="Take texture and light from the look, and keep the picture's own colours. "
            "Without a number all of them; 0.5 keeps half of the way. Fades as --strength does.",
            metavar="[AMOUNT]",
            show_default=False,
            rich_help_panel=LOOK,
        ),
    ] = NO_AMOUNT

    def single(self) -> LookShare:
        """Return the share of a single picture, where nothing can fade.

        Raises:
            ConfigError: an amount is not a number from 0 to 1.
            UsageError: there are several amounts.
        """
        return LookShare(*(_one(*given) for given in vars(self).items()))


def _one(name: str, text: str) -> float:
    option = name.replace("_", "-")
    amounts = parse_amounts(option, text)
    if len(amounts) > 1 or amounts[0].place is not None:
        raise UsageError(f"--{option} {text}: this is no film, in which it could fade; give one")
    return amounts[0].value


def with_amounts(words: Sequence[str]) -> list[str]:
    """Return the words of a command line with the amount of --keep-colours, which may be left out.

    A path that exists is a path, whatever it is called.

    >>> with_amounts(["--keep-colours", "ref.jpg"]), with_amounts(["--keep-colours", "0.5"])
    (['--keep-colours=1', 'ref.jpg'], ['--keep-colours=0.5'])
    """
    found: list[str] = []
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            return [*found, word, *waiting]
        if word in KEEP_COLOURS:
            given = bool(waiting) and is_amounts(waiting[0]) and not os.path.lexists(waiting[0])
            word = f"{word}={waiting.pop(0) if given else FULL_AMOUNT}"
        found.append(word)
    return found
