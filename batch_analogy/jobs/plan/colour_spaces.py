"""Colour spaces that a person names: checked while planning, and recorded in the plan."""

from __future__ import annotations

from pathlib import Path

import msgspec

from batch_analogy.config.run import RunConfig
from batch_analogy.errors import UsageError
from batch_analogy.media.colour_transforms import check_colour_space
from batch_analogy.media.numbered_output import is_pattern
from batch_analogy.media.openexr import check_exr_support


class NamedSpace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The colour space of the frames, in an OpenColorIO configuration."""

    config: str
    name: str
    digest: str  # of its conversion

    @property
    def title(self) -> str:
        """Name it to a person; two spaces of one name may be converted otherwise."""
        return f"{self.name} (conversion {self.digest[:8]})"


def named_space(config: RunConfig, *, is_video: bool) -> NamedSpace | None:
    """Return the colour space of the frames; None if they say themselves what they are.

    Raises:
        UsageError: there is no configuration or no such space, or it does not apply.
        InputError: the configuration cannot be used.
        MachineError: an extra is not installed.
    """
    names = (config.colour_space_in, config.colour_space_out)
    if names == (None, None):
        return None
    if config.ocio is None:
        raise UsageError(
            "there is no OpenColorIO configuration; give --ocio CONFIG, or set OCIO in the "
            "environment"
        )
    if names[1] is not None:
        if not is_pattern(config.output):
            raise UsageError(
                f"--colour-space-out is for numbered pictures, but {config.output} is a film of "
                "BT.709; give -o out/%06d.exr, or leave it out"
            )
        check_colour_space(config.ocio, names[1])
    if names[0] is None:
        return None
    if is_video or config.painting is not None:
        raise UsageError(
            f"--colour-space-in is for pictures that are matched, and {Path(config.source).name} "
            f"{'is a video, whose tags say it' if is_video else 'is painted'}; leave it out"
        )
    check_exr_support()
    return NamedSpace(config.ocio, names[0], check_colour_space(config.ocio, names[0]))
