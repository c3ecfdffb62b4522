"""Cut the shots of a plan into segments."""

from __future__ import annotations

from collections.abc import Iterable

from batch_analogy.jobs.plan.run_plan import Segment, Shot


def cut_segments(shots: Iterable[Shot], segment_frames: int) -> tuple[Segment, ...]:
    """Cut shots into segments of at most ``segment_frames`` frames.

    >>> [(s.start, s.stop) for s in cut_segments([Shot(0, 0, 5), Shot(1, 5, 7)], 3)]
    [(0, 3), (3, 5), (5, 7)]
    """
    segments: list[Segment] = []
    for shot in shots:
        for start in range(shot.start, shot.stop, segment_frames):
            stop = min(start + segment_frames, shot.stop)
            segments.append(Segment(len(segments), start, stop))
    return tuple(segments)
