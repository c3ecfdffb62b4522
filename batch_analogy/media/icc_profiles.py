"""Read the ICC profile of a picture and convert its colours to sRGB.

A profile is judged by the colours that it describes, never by its name: profiles of linear light
and of wide gamuts are called "sRGB" too.
"""

from __future__ import annotations

import dataclasses
import functools
import io
import logging
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from batch_analogy.colour import to_linear, to_srgb
from batch_analogy.media.chromaticities import to_bt709
from batch_analogy.media.colour_codes import coded_profile
from batch_analogy.media.highlights import compress_highlights
from batch_analogy.media.matrix_profiles import (
    MatrixProfile,
    light_of,
    light_of_bytes,
    parse_matrix_profile,
    power_curve,
)
from batch_analogy.media.pixel_spaces import DISPLAY_P3, PixelSpace

_TOP = 65535
_SAME_LEVELS = 1.5  # of 255; measured sRGB profiles differ from the standard by less
_STEPS = np.linspace(0.0, 1.0, 18, dtype=np.float32)
_DISPLAY_GAMMA = 0.53  # encoding exponents above this are not those of today's displays
_SAME_PRIMARIES = 0.01  # of a matrix to sRGB; rounding and measured displays differ by less

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Profile:
    """A colour profile that is not sRGB."""

    data: bytes  # as stored; empty if only the matrix is known
    matrix: MatrixProfile | None  # None: only Little CMS can convert it, with 8 bits
    in_full: bool = False  # colours outside sRGB are kept: negative, or brighter than white

    @property
    def space(self) -> PixelSpace | None:
        """The space of frames that this is; None if it is none of them."""
        return None if self.matrix is None else self.matrix.space

    def to_srgb(self, pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Convert pixels to sRGB, (H, W, 1 or 3) float32 in [0, 1]; the profile has a matrix."""
        assert self.matrix is not None
        return self._encoded(light_of(pixels, self.matrix))

    def bytes_to_srgb(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Convert (H, W, 1 or 3) uint8 to float32 in [0, 1]; the profile has a matrix."""
        assert self.matrix is not None
        light = light_of_bytes(pixels, self.matrix)
        if self.matrix.beyond_white or self.in_full:
            return self._encoded(light)
        # Powers of all pixels take seconds; the square root spaces the steps as eyes do.
        places = np.sqrt(np.clip(light, np.float32(0.0), np.float32(1.0)))
        return _srgb_of_roots()[np.rint(places * np.float32(_TOP), out=places).astype(np.uint16)]

    def _encoded(self, light: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        assert self.matrix is not None
        if self.in_full:
            return to_srgb(light, clip=False)
        if self.matrix.beyond_white:
            return compress_highlights(to_srgb(light, clip=False))
        return to_srgb(light)


def foreign_profile(image: Image.Image) -> Profile | None:
    """Return the profile of a picture; None if there is none, it is sRGB, or it is unreadable.

    The codes of a PNG take precedence over its profile (PNG, third edition, section 4.3).
    """
    if image.format == "PNG" and (coded := coded_profile(image)) is not None:
        return Profile(b"", coded)
    data = image.info.get("icc_profile")
    if data:
        return parse_profile(bytes(data))
    if image.format != "PNG" and (coded := coded_profile(image)) is not None:
        return Profile(b"", coded)
    gamma = image.info.get("gamma")  # of a PNG without a profile
    if isinstance(gamma, float) and "srgb" not in image.info:
        return _png_profile(gamma, image.info.get("chromaticity", ()))
    return None


def _png_profile(gamma: float, points: tuple[float, ...]) -> Profile | None:
    """Return the profile of a PNG's gamma and chromaticities; None if it is shown as sRGB.

    Args:
        gamma: the exponent with which light was encoded; programs for displays write 1 / 2.2, and
            ffmpeg that of BT.709 in frames that everyone shows as sRGB.
        points: x and y of white, red, green and blue; (): those of sRGB.
    """
    curve = power_curve(1.0 / gamma) if gamma > _DISPLAY_GAMMA else to_linear
    matrix = to_bt709((*points[2:], *points[:2])) if len(points) == 8 else None
    if matrix is not None and np.abs(matrix - np.eye(3)).max() < _SAME_PRIMARIES:
        matrix = None
    if curve is to_linear and matrix is None:
        return None
    primaries = None if matrix is None else matrix.astype(np.float64)
    return _named(Profile(b"", MatrixProfile((curve,) * 3, primaries)))


@functools.lru_cache(maxsize=1)
def _srgb_of_roots() -> npt.NDArray[np.float32]:
    """Return the sRGB value of each light by its square root in steps of 16 bits."""
    return to_srgb(np.square(np.linspace(0.0, 1.0, _TOP + 1)).astype(np.float32))


@functools.lru_cache(maxsize=64)
def parse_profile(data: bytes) -> Profile | None:
    """Parse an ICC profile; return None if it is sRGB or unreadable."""
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(data))
        space = opened.profile.xcolor_space.strip()
    except (OSError, ValueError, ImageCms.PyCMSError):
        _log.warning("ignoring a colour profile that cannot be read")
        return None
    profile = Profile(data, parse_matrix_profile(data))
    if space == "RGB":
        profile = _named(profile)
    return None if space in ("RGB", "GRAY") and _is_srgb(profile, space) else profile


def _named(profile: Profile) -> Profile:
    """Return a profile with the space that it is, if that is one of frames."""
    if profile.matrix is None or not _is_display_p3(profile):
        return profile
    matrix = dataclasses.replace(profile.matrix, space=DISPLAY_P3)
    return dataclasses.replace(profile, matrix=matrix)


def _is_display_p3(profile: Profile) -> bool:
    """Return whether a profile shows greys and colours as Display P3 does, but for rounding."""
    if profile.matrix is None:
        return False
    found = to_srgb(light_of(_samples(), profile.matrix), clip=False)
    wanted = DISPLAY_P3.to_srgb(_samples())
    return bool(np.abs(found - wanted).max() * 255 <= _SAME_LEVELS)


@functools.lru_cache(maxsize=1)
def _samples() -> npt.NDArray[np.float32]:
    greys = np.repeat(_STEPS[:, None], 3, axis=1)
    pure = [greys * np.float32(keep) for keep in np.eye(3)]
    pale = [np.float32(1.0) - colours for colours in pure]
    return np.stack([greys, *pure, *pale])


def _is_srgb(profile: Profile, space: str) -> bool:
    """Return whether a profile leaves greys and colours as they are, but for rounding."""
    colours = _samples()
    if space == "GRAY":
        colours = colours[:1, :, :1]
    if profile.matrix is not None:
        return bool(np.abs(profile.to_srgb(colours) - colours).max() * 255 <= _SAME_LEVELS)
    levels = np.rint(colours * 255).astype(np.uint8)
    image = Image.fromarray(levels if levels.shape[2] == 3 else levels[..., 0])
    made = convert_to_srgb(image, profile)
    return made is not None and bool(np.abs(np.asarray(made) - colours * 255).max() <= _SAME_LEVELS)


def convert_to_srgb(image: Image.Image, profile: Profile) -> Image.Image | None:
    """Convert a picture to sRGB by Little CMS; None if the profile does not fit its mode."""
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile.data))
    if opened.profile.xcolor_space.strip() == "GRAY" and image.mode == "RGB":
        image = image.convert("L")
    if opened.profile.xcolor_space.strip() == "RGB" and image.mode == "L":
        image = image.convert("RGB")
    try:
        return ImageCms.profileToProfile(
            image,
            opened,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except ImageCms.PyCMSError:
        _log.warning("ignoring a colour profile that does not fit the picture's %s", image.mode)
        return None


def lab_profile() -> Profile:
    """Return the profile of CIE Lab, for pictures that store it without naming it."""
    return Profile(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(), None)
