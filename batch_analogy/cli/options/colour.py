"""Options of the colours of films."""

from __future__ import annotations

from typing import Annotated

from batch_analogy.cli.options.film_panel import film_option, film_value
from batch_analogy.config.run import Hdr

OcioOption = Annotated[
    str | None,
    film_value(
        help="The OpenColorIO configuration for --colour-space-in and --colour-space-out: a file, "
        "or a built-in one like ocio://default. By default that of OCIO in the environment.",
        metavar="CONFIG",
    ),
]
SpaceInOption = Annotated[
    str | None,
    film_value(
        help="The colour space of the frames, and of references in EXR, like ACEScg. By default "
        "pictures say themselves what they are.",
        metavar="NAME",
    ),
]
SpaceOutOption = Annotated[
    str | None,
    film_value(
        help="The colour space of numbered pictures. By default sRGB, or its light in EXR.",
        metavar="NAME",
    ),
]
HdrOption = Annotated[
    Hdr,
    film_option(
        help="What becomes of an HDR video (PQ or HLG). keep: with photo-to-photo, the film is HDR "
        "too, as h265 unless --codec says otherwise. bt709: it is turned into BT.709, as other "
        "presets do.",
    ),
]
