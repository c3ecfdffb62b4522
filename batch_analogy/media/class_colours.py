"""Colours of class numbers, the same in every map, and of transparent parts."""

from __future__ import annotations

import functools
import itertools

import numpy as np

Colour = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
TRANSPARENT: Colour = (171, 86, 129)
"""Colour of transparent parts where neither black nor white can be told from the other parts."""

_LEVELS = (2, 44, 86, 129, 171, 213, 254)
"""Levels of the colours of numbers.

They are more than 40 apart, so no two colours are merged, and few people paint in them, so a
palette shows that its map held numbers.
"""


def class_colour(number: int) -> Colour:
    """Return the colour of a class number; two of the first 341 differ by 41 levels at least.

    >>> class_colour(0), class_colour(255)
    ((0, 0, 0), (255, 255, 255))
    """
    colours = class_colours()
    if number in (0, 255):
        return BLACK if number == 0 else WHITE
    place = number + 1 if number < 255 else number
    return colours[2 + (place - 2) % (len(colours) - 2)]


@functools.cache
def class_colours() -> tuple[Colour, ...]:
    """Order the colours of a grid so that each is as far as possible from those before it."""
    levels = itertools.product(_LEVELS, _LEVELS, _LEVELS)
    near = {(low,) * 3 for low in (_LEVELS[0], _LEVELS[-1])}  # black and white come first
    grid = [BLACK, WHITE, *(c for c in levels if c != TRANSPARENT and c not in near)]
    points = np.asarray(grid)
    chosen = [0, 1]
    nearest = np.min([((points - points[n]) ** 2).sum(axis=1) for n in chosen], axis=0)
    while len(chosen) < len(grid):
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
    return tuple(grid[n] for n in chosen)
