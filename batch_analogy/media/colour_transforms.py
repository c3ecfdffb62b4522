"""Colour spaces of OpenColorIO configurations, with the optional extra ``ocio``.

Light with the primaries of sRGB, without a limit at white, is what this program computes with; a
configuration's spaces are converted to it and from it. Results do not depend on the machine: no
step is replaced by a faster one.
"""

from __future__ import annotations

import difflib
import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from batch_analogy.colour import to_linear, to_srgb
from batch_analogy.errors import InputError, MachineError, UsageError
from batch_analogy.output_claims import identify_file

FloatPixels = npt.NDArray[np.float32]
Conversion = Callable[[FloatPixels], FloatPixels]
"""Maps (H, W, 3) float32 to the same shape."""

_LIGHT = "lin_rec709_srgb"  # of the configurations that OpenColorIO holds itself
_BUILT_IN = "ocio://"
_MOST_NAMES = 8


def check_colour_space(config: str, name: str) -> str:
    """Check that a configuration converts a colour space; return a digest of the conversion.

    It follows what is computed, tables included, not where the configuration lies.

    Args:
        config: a file, or the name of a built-in configuration such as ``ocio://default``.
        name: a colour space, a role or an alias.

    Raises:
        MachineError: the extra is not installed.
        InputError: the configuration cannot be read, or says not what its colours are.
        UsageError: it has no such space.
    """
    return str(_processor(config, name, True).getCacheID())


def from_space(config: str, name: str) -> Conversion:
    """Return the conversion of stored values to sRGB, which continues above 1.

    Raises:
        The errors of ``check_colour_space``.
    """
    processor = _compiled(_processor(config, name, True))
    return lambda pixels: to_srgb(_applied(processor, pixels), clip=False)


def to_space(config: str, name: str) -> Conversion:
    """Return the inverse of ``from_space``."""
    processor = _compiled(_processor(config, name, False))
    return lambda pixels: _applied(processor, to_linear(np.asarray(pixels, np.float32)))


def _compiled(processor: Any) -> Any:
    exact = _library().OptimizationFlags.OPTIMIZATION_LOSSLESS
    return processor.getOptimizedCPUProcessor(exact)


def _applied(processor: Any, pixels: FloatPixels) -> FloatPixels:
    made = np.array(pixels, np.float32, order="C")
    processor.applyRGB(made)
    return made


def _processor(config: str, name: str, forwards: bool) -> Any:
    return _cached_processor(config, identify_file(Path(config)), name, forwards)


@functools.lru_cache(maxsize=16)
def _cached_processor(config: str, identity: object, name: str, forwards: bool) -> Any:
    """Return a conversion; ``identity`` tells a configuration from the one that it replaced."""
    library, opened = _library(), _opened(config, identity)
    space = opened.getColorSpace(name)
    if space is None:
        raise UsageError(f"{config} has no colour space {name}; {_near(opened, name)}")
    if space.isData():
        raise UsageError(f"{name} of {config} is data, not colour; {_near(opened, '')}")
    find = library.Config.GetProcessorToBuiltinColorSpace
    try:
        if forwards:
            return find(opened, name, _LIGHT)
        return library.Config.GetProcessorFromBuiltinColorSpace(_LIGHT, opened, name)
    except library.ExceptionMissingFile as error:  # in Python it is not an Exception of the library
        raise InputError(
            f"{config} lacks a file to convert {name} ({_reason(error)}); copy it there too"
        ) from error
    except library.Exception as error:
        raise InputError(
            f"{config} does not tell how {name} is converted ({_reason(error)}); mend it, give it "
            "the role aces_interchange, or use another configuration such as ocio://default"
        ) from error


@functools.lru_cache(maxsize=4)
def _opened(config: str, identity: object) -> Any:
    library = _library()
    try:
        if config.startswith(_BUILT_IN):
            return library.Config.CreateFromBuiltinConfig(config)
        if not os.path.isfile(config):
            raise UsageError(
                f"there is no OpenColorIO configuration at {config!r}; give --ocio FILE, or "
                "ocio://default"
            )
        return library.Config.CreateFromFile(config)
    except library.Exception as error:
        raise InputError(
            f"{config} is no OpenColorIO configuration ({_reason(error)}); give --ocio another, or "
            "ocio://default"
        ) from error


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())


def _near(opened: Any, name: str) -> str:
    """List the names that are like one, or the first ones."""
    spaces = [space for space in opened.getColorSpaces() if not space.isData()]
    names = {alias.lower(): space.getName() for space in spaces for alias in _names(space)}
    close = difflib.get_close_matches(name.lower(), names, n=_MOST_NAMES, cutoff=0.5)
    close += [alias for alias in names if name and name.lower() in alias]
    found = list(dict.fromkeys(names[alias] for alias in close))
    if found:
        return f"near it are {', '.join(found[:_MOST_NAMES])}"
    first = [space.getName() for space in spaces]
    more = ", …" if len(first) > _MOST_NAMES else ""
    return f"it has {', '.join(first[:_MOST_NAMES])}{more}"


def _names(space: Any) -> list[str]:
    return [space.getName(), *space.getAliases()]


def _library() -> Any:
    try:
        import PyOpenColorIO
    except ImportError as error:
        raise MachineError(
            "colour spaces of OpenColorIO need an extra; run pip install 'batch-analogy[ocio]' on "
            "every machine"
        ) from error
    return PyOpenColorIO
