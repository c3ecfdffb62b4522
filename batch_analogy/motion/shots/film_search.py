"""Find the frame of a film that a painted picture shows, where its name does not tell.

A few hundred frames are compared, then those around the likest one, so a long film takes no more
memory than a short one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np

from batch_analogy.motion.shots.likeness import Pixels, likeness

FRAMES_AT_ONCE = 300
LEAST_LIKENESS = 0.4
"""Of a frame among all: more than of one among three, as one of many may be alike by chance."""
LEAST_MARGIN = 0.06
"""Lead over all frames that are no neighbours of the likest.

Measured on a pan and on two filmed clips, under six filters: a frame that correlates with its
painting is found within four frames of its own, mostly exactly; other scenes stay below 0.39.
"""

ReadFrames = Callable[[Collection[int]], Mapping[int, Pixels]]


class FilmSearch:
    """Frames of a film, read once for all painted pictures.

    Args:
        usable: indices of the frames that can be read, rising.
        read_frames: reads frames by index, small ones if that is faster.
    """

    def __init__(self, usable: Sequence[int], read_frames: ReadFrames) -> None:
        self._usable = usable
        self._read = read_frames
        self._first: Mapping[int, Pixels] | None = None

    def find(self, picture: Pixels) -> int | None:
        """Return the index of the frame that a picture shows; None if none is clearly so.

        Args:
            picture: (H, W, 3) float32 RGB in [0, 1], of the frames' shape.
        """
        places = range(len(self._usable))
        step = -(-len(places) // FRAMES_AT_ONCE)
        sampled = places[::step]
        if self._first is None:
            self._first = self._read([self._usable[place] for place in sampled])
        near = _peak(picture, [self._first[self._usable[place]] for place in sampled])
        if near is None:
            return None
        begin, end = sampled[near[0]] - step + 1, sampled[near[1]] + step
        run = places[max(0, begin) : end]
        run = run[:: -(-len(run) // FRAMES_AT_ONCE)]
        frames = self._first if step == 1 else self._read([self._usable[place] for place in run])
        found = likeness(picture, [frames[self._usable[place]] for place in run])
        best = len(run) // 2 if found is None else int(np.argmax(found))
        return self._usable[run[best]]


def _peak(picture: Pixels, frames: Sequence[Pixels]) -> tuple[int, int] | None:
    """Return the first and the last of the likest frames, which follow each other, if clear."""
    found = likeness(picture, frames) if len(frames) > 1 else None
    if found is None:
        return None
    best = int(np.argmax(found))
    bound = found[best] - LEAST_MARGIN
    first = last = best
    while first > 0 and found[first - 1] >= bound:
        first -= 1
    while last + 1 < len(found) and found[last + 1] >= bound:
        last += 1
    others = [*found[:first], *found[last + 1 :]]
    if found[best] < LEAST_LIKENESS or any(one >= bound for one in others):
        return None
    return first, last
