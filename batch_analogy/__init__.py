"""Give pictures, folders of frames and videos the look of a reference, by image analogy.

The names below are the public Python API. ``deep_image_analogy`` and its
variants work on one pair of pictures, the functions of ``batch_analogy.api`` on films; the
docstring of that module begins with an example. Names are imported when they are first used,
because PyTorch takes seconds to import and ``--help`` should answer at once.

>>> from batch_analogy import AnalogyConfig
>>> AnalogyConfig.for_preset("style-to-photo").ratio
0.5
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from batch_analogy.kernel_cache import settle_kernel_cache

if TYPE_CHECKING:
    from batch_analogy.analogy.correspondence.patchmatch import PatchMatchResult, patchmatch
    from batch_analogy.analogy.deep import AnalogyResult, deep_image_analogies, deep_image_analogy
    from batch_analogy.api import (
        Plan,
        Preview,
        Run,
        RunEvent,
        RunResult,
        RunStatus,
        assemble_film,
        events,
        film_config,
        open_run,
        plan_film,
        preview_film,
        read_plan,
        read_status,
        resume_film,
        retry_frames,
        run_film,
        suggest_keyframes,
    )
    from batch_analogy.config.matching import AnalogyConfig
    from batch_analogy.config.painting import GuideFiles, PaintConfig, PaintedKeyframe
    from batch_analogy.config.run import ExecutionConfig, RunConfig
    from batch_analogy.errors import BatchAnalogyError

__version__ = "0.1.0"

settle_kernel_cache()  # here, as every process that may compile kernels imports the package

__all__ = [
    "AnalogyConfig",
    "AnalogyResult",
    "BatchAnalogyError",
    "ExecutionConfig",
    "GuideFiles",
    "PaintConfig",
    "PaintedKeyframe",
    "PatchMatchResult",
    "Plan",
    "Preview",
    "Run",
    "RunConfig",
    "RunEvent",
    "RunResult",
    "RunStatus",
    "__version__",
    "assemble_film",
    "deep_image_analogies",
    "deep_image_analogy",
    "events",
    "film_config",
    "open_run",
    "patchmatch",
    "plan_film",
    "preview_film",
    "read_plan",
    "read_status",
    "resume_film",
    "retry_frames",
    "run_film",
    "suggest_keyframes",
]

_MODULES = {
    "AnalogyConfig": "batch_analogy.config.matching",
    "AnalogyResult": "batch_analogy.analogy.deep",
    "BatchAnalogyError": "batch_analogy.errors",
    "ExecutionConfig": "batch_analogy.config.run",
    "GuideFiles": "batch_analogy.config.painting",
    "PaintConfig": "batch_analogy.config.painting",
    "PaintedKeyframe": "batch_analogy.config.painting",
    "PatchMatchResult": "batch_analogy.analogy.correspondence.patchmatch",
    "Plan": "batch_analogy.api",
    "Preview": "batch_analogy.api",
    "Run": "batch_analogy.api",
    "RunConfig": "batch_analogy.config.run",
    "RunEvent": "batch_analogy.api",
    "RunResult": "batch_analogy.api",
    "RunStatus": "batch_analogy.api",
    "assemble_film": "batch_analogy.api",
    "deep_image_analogies": "batch_analogy.analogy.deep",
    "deep_image_analogy": "batch_analogy.analogy.deep",
    "events": "batch_analogy.api",
    "film_config": "batch_analogy.api",
    "open_run": "batch_analogy.api",
    "patchmatch": "batch_analogy.analogy.correspondence.patchmatch",
    "plan_film": "batch_analogy.api",
    "preview_film": "batch_analogy.api",
    "read_plan": "batch_analogy.api",
    "read_status": "batch_analogy.api",
    "resume_film": "batch_analogy.api",
    "retry_frames": "batch_analogy.api",
    "run_film": "batch_analogy.api",
    "suggest_keyframes": "batch_analogy.api",
}
"""Public name → the module that defines it."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
