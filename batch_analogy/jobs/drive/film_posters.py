"""Posters: one frame of a film as a picture beside it, which pages show before it plays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from batch_analogy.config.poster import parse_poster
from batch_analogy.config.run import RunConfig
from batch_analogy.errors import FilmError, FrameError
from batch_analogy.jobs.drive.film_outputs import FilmPlan, encoding_of, key_of
from batch_analogy.jobs.drive.film_records import (
    is_complete,
    place_addition,
    read_records,
    scratch_of,
)
from batch_analogy.jobs.drive.film_source import FilmSource
from batch_analogy.media.blend import FrameBlend, read_blend
from batch_analogy.media.captions import Captions
from batch_analogy.media.colour_tags import ColourSpace, to_srgb_gamut
from batch_analogy.media.film_layout import film_size_of
from batch_analogy.media.fitting import fit_pixels
from batch_analogy.media.stills import FloatPixels, read_size, to_uint8, write_jpeg
from batch_analogy.output_claims import OutputClaims

_QUALITY = 92


def ensure_poster(source: FilmSource, film: FilmPlan, key: str, claims: OutputClaims) -> None:
    """Write the poster of a film, if it is to have one and has not.

    Args:
        source: what the run's films are made of.
        film: one of them.
        key: of the film.
        claims: on the run's outputs.

    Raises:
        OutputExistsError: something else has written it meanwhile.
        FilmError: the frame cannot be read.
        OutputDiskError: the disk is full or may not be written to.
    """
    if film.poster is None:
        return
    config, plan, store = source.config, source.plan, source.store
    key = key_of(film.poster, film, config, key)
    if is_complete(film.poster, read_records(store).get(str(film.poster)), key):
        return
    place = poster_place(config, [[due for due, _ in slots] for slots in source.timing.made])
    frame = source.pictures(film)[place]
    size = film_size_of(film.path, read_size(frame[0]), encoding_of(config, plan), plan.fps)
    pixels = make_poster(frame, place, size, config, plan.colours, source.captions)
    claims.check_unchanged(film.poster)
    with scratch_of(store, film.poster) as scratch:
        unfinished = scratch / film.poster.name
        write_jpeg(unfinished, to_uint8(pixels), _QUALITY)
        place_addition(unfinished, film.poster, key=key, store=store, claims=claims)


def poster_place(config: RunConfig, due: Sequence[Sequence[int]]) -> int:
    """Return which frame of a film is its poster.

    Args:
        config: the run; a number in ``poster`` is that of a frame of the input.
        due: for each frame of the film, the frames of the input that are due there, ascending.
    """
    wanted = parse_poster(config.poster)
    if isinstance(wanted, float):
        return min(len(due) - 1, int(wanted * len(due)))
    places = (place for place, frames in enumerate(due) if wanted is None or frames[-1] >= wanted)
    return next(places, len(due) - 1)


def make_poster(
    frame: FrameBlend,
    place: int,
    size: tuple[int, int],
    config: RunConfig,
    colours: ColourSpace,
    captions: Captions | None,
) -> FloatPixels:
    """Return a frame of a film as it is seen there, in sRGB: (H, W, 3) float32 in [0, 1].

    Raises:
        FilmError: the frame cannot be read.
    """
    try:
        pixels = read_blend(frame)
    except FrameError as error:
        raise FilmError(f"the poster cannot be made: {error}") from error
    if colours.is_wide_gamut:
        pixels = to_srgb_gamut(pixels)
    fitted: FloatPixels = np.clip(fit_pixels(pixels, size, config.film_fit), 0, 1)
    return fitted if captions is None else captions.burn(place, fitted)
