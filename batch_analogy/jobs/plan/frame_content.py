"""Hash everything that a frame is made from, by content, wherever the frame lies in the film.

The journal's provenance compares plans of the same frames, so it leaves their content out. Here two
plans of different frames are compared, after pictures were added to a folder: a frame of which the
hash is equal in both has the same pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from batch_analogy.jobs.plan.dependencies import AnchorSpan, chain_order, fingerprint
from batch_analogy.jobs.plan.film_dependencies import FilmDependencies
from batch_analogy.jobs.plan.frame_looks import look_of
from batch_analogy.jobs.plan.references import ReferenceMix, mixes_at
from batch_analogy.jobs.plan.run_plan import FramePlan, Plan


def contents_of(plan: Plan) -> dict[int, str]:
    """Return, for each readable frame of stills, a hash of everything that determines its pixels.

    Left-out frames count too, as they may have been finished before they were left out.
    What holds for all frames of a run (settings, weights, device) is left out.
    """
    parts: dict[int, list[Any]] = {f.index: [] for f in plan.frames if f.error is None}
    if plan.coherent:
        for number, chains in enumerate(FilmDependencies(plan).chains()):
            for chain in chains:
                for index, content in _chain_contents(chain, plan):
                    if index in parts:
                        parts[index].append([number, content])
    contents = {}
    for index, found in parts.items():
        mixes = mixes_at(plan.layers, index)
        used = {number for mix in mixes for number in mix.references}
        own = [one for one in found if one[0] in used]
        blend = [part for mix in mixes for part in _blend(mix)]
        contents[index] = fingerprint(
            [
                own,
                _content(plan, plan.frames[index]),
                blend,
                _key(plan, index),
                look_of(plan, index),
            ]
        )
    return contents


def _blend(mix: ReferenceMix) -> list[Any]:
    return [*mix.references, mix.share, mix.frames] if mix.second is not None else [mix.first]


def _content(plan: Plan, frame: FramePlan) -> list[Any]:
    """Return the content of a frame, with the guides and the mask that belong to it."""
    own = [] if plan.painting is None else plan.painting.frame_content(frame.index)
    return [frame.blake2b, frame.exposure_ev, frame.height, frame.width, *own]


def _key(plan: Plan, index: int) -> list[Any]:
    """Return the content of the painted picture that a frame made by itself follows."""
    painting = plan.painting
    if painting is None or plan.coherent:
        return []
    return [index in painting.keyframes, *_key_content(plan, painting.nearest(index, index))]


def _key_content(plan: Plan, number: int) -> list[Any]:
    """Return the content of a painted picture and of the frame that it was painted over."""
    if plan.painting is None:
        return []
    key = plan.painting.keys[number]
    over = None if key.frame is None else _content(plan, plan.frames[key.frame])
    return [key.painted.blake2b, key.example and key.example.blake2b, list(key.guides), over]


def _chain_contents(chain: Sequence[AnchorSpan], plan: Plan) -> Iterator[tuple[int, str]]:
    """Yield the index of each frame of a chain, and a hash of what it is made from."""
    frames = [[_content(plan, frame) for frame in span.frames] for span in chain]
    anchors: dict[int, str] = {}
    for place in chain_order(chain):
        span = chain[place]
        if span.independent:
            made_from: list[Any] = [span.is_keyframe, *_key_content(plan, span.key)]
        else:
            source = place + 1 if span.backward else place - 1
            made_from = [anchors[source], span.backward, frames[min(source, place)]]
        anchors[place] = fingerprint([made_from, frames[place][0]])
    for place, span in enumerate(chain):
        following = None
        if place + 1 < len(chain):
            following = [anchors[place + 1], chain[place + 1].backward]
        whole = fingerprint([anchors[place], frames[place], following])
        yield span.frames[0].index, anchors[place]
        for number, frame in enumerate(span.frames[1:], start=1):
            yield frame.index, fingerprint([whole, number])
