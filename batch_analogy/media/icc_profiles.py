"""Read the ICC profile of a picture and convert its colours to sRGB."""

from __future__ import annotations

import io
import logging

from PIL import Image, ImageCms

_log = logging.getLogger(__name__)


def foreign_profile(image: Image.Image) -> ImageCms.ImageCmsProfile | None:
    """Return the embedded profile; None if there is none, it is sRGB, or it is unreadable."""
    data = image.info.get("icc_profile")
    if not data:
        return None
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        name = ImageCms.getProfileDescription(profile)
    except (OSError, ImageCms.PyCMSError):
        _log.warning("ignoring a colour profile that cannot be read")
        return None
    return None if "srgb" in name.lower() else profile


def convert_to_srgb(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image | None:
    """Convert a picture to sRGB; return None if the profile does not fit its mode."""
    if profile.profile.xcolor_space.strip() == "GRAY" and image.mode == "RGB":
        image = image.convert("L")
    try:
        return ImageCms.profileToProfile(
            image,
            profile,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except ImageCms.PyCMSError:
        _log.warning("ignoring a colour profile that does not fit the picture's %s", image.mode)
        return None
