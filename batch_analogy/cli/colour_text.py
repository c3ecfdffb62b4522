"""Text of a plan about colours: HDR, and light beyond white."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from batch_analogy.config.run import RunConfig

if TYPE_CHECKING:
    from batch_analogy.jobs.plan.run_plan import Plan

_HDR_NAMES = {"smpte2084": "PQ", "arib-std-b67": "HLG"}


def colour_rows(config: RunConfig, plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield what becomes of colours that ordinary films do not have."""
    yield from _hdr_rows(config, plan)
    if plan.named_space is not None:
        yield "colours", f"the frames are {plan.named_space.name}, by {plan.named_space.config}"
    yield from _gamut_rows(config, plan)
    yield from _light_rows(config, plan)


def _hdr_rows(config: RunConfig, plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield whether the HDR of a video is kept."""
    from batch_analogy.config.codecs import CODECS
    from batch_analogy.media.numbered_output import is_pattern
    from batch_analogy.media.picture_formats import EXR, PNG, format_of

    properties = plan.video_properties
    if properties is not None and properties.from_hdr:
        if config.hdr == "bt709":
            yield "HDR", "turned into BT.709, as --hdr says"
        else:
            yield (
                "HDR",
                "WARNING: the video is HDR; its frames and the film are turned into BT.709, since "
                "only photo-to-photo keeps HDR; --hdr bt709 says that this is meant",
            )
    if not plan.colours.is_hdr:
        return
    name, codec = _HDR_NAMES[plan.colours.transfer], CODECS[config.codec]
    if is_pattern(config.output):
        if format_of(config.output) in (EXR, PNG):
            yield "HDR", f"{name} is kept in the pictures"
        else:
            ending = config.output.suffix
            yield (
                "HDR",
                f"WARNING: {ending} pictures cannot say that they are HDR, so they are turned into "
                "sRGB; -o out/%06d.png or .exr keeps it",
            )
    elif codec.animation:
        yield "HDR", f"WARNING: {codec.title} cannot hold HDR; the film is turned into sRGB"
    else:
        yield "HDR", f"{name} is kept; the film needs a screen that shows it"


def _gamut_rows(config: RunConfig, plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield whether the gamut of photographs in Display P3 is kept."""
    from batch_analogy.jobs.plan.still_colours import is_display_p3
    from batch_analogy.media.numbered_output import is_pattern

    if plan.video is not None:
        return
    if plan.display_p3 and is_pattern(config.output):
        yield "gamut", "the frames are Display P3, and so are the pictures"
    elif plan.display_p3:
        yield (
            "gamut",
            "the frames are Display P3; the film is BT.709, which plays everywhere, and "
            "-o out/%06d.png keeps P3",
        )
    elif not config.makes_photographs and is_display_p3(plan.frames):
        yield (
            "gamut",
            "the frames are Display P3 and are converted to sRGB, since only photo-to-photo keeps "
            "their gamut",
        )


def _light_rows(config: RunConfig, plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield whether what is brighter than white is kept, if there may be any."""
    from batch_analogy.media.numbered_output import is_pattern
    from batch_analogy.media.openexr import is_exr

    if not any(is_exr(Path(frame.source)) for frame in plan.usable()):
        return
    if config.painting is not None:
        yield "light", "WARNING: what is brighter than white is cut: paintings have no more"
    elif is_pattern(config.output) and is_exr(config.output):
        yield "light", "what is brighter than white is kept, in EXR"
    else:
        yield (
            "light",
            "WARNING: what is brighter than white is cut in the film; -o out/%06d.exr keeps it",
        )
