"""Style pictures, folders of frames and videos against a reference, by Deep Image Analogy.

The names below are the public Python API; they are imported when first used, because PyTorch
takes seconds to import and the command line should answer ``--help`` at once.

>>> from batch_analogy import AnalogyConfig
>>> AnalogyConfig.for_preset("style-to-photo").ratio
0.5
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from batch_analogy.analogy.correspondence.patchmatch import PatchMatchResult, patchmatch
    from batch_analogy.analogy.deep import AnalogyResult, deep_image_analogies, deep_image_analogy
    from batch_analogy.config.matching import AnalogyConfig
    from batch_analogy.errors import BatchAnalogyError

__version__ = "0.1.0"

__all__ = [
    "AnalogyConfig",
    "AnalogyResult",
    "BatchAnalogyError",
    "PatchMatchResult",
    "__version__",
    "deep_image_analogies",
    "deep_image_analogy",
    "patchmatch",
]

_HOMES = {
    "AnalogyConfig": "batch_analogy.config.matching",
    "AnalogyResult": "batch_analogy.analogy.deep",
    "BatchAnalogyError": "batch_analogy.errors",
    "PatchMatchResult": "batch_analogy.analogy.correspondence.patchmatch",
    "deep_image_analogies": "batch_analogy.analogy.deep",
    "deep_image_analogy": "batch_analogy.analogy.deep",
    "patchmatch": "batch_analogy.analogy.correspondence.patchmatch",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
