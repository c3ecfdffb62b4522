"""MatchedFrame frames in the run folder's ``state/``: a memory that may be lost at any moment."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from batch_analogy.analogy.refine.bilateral_grid import ColourTransforms
from batch_analogy.files import atomic_write_bytes
from batch_analogy.jobs.store import RunStore
from batch_analogy.motion.flow.optical_flow import Motion
from batch_analogy.motion.temporal.matcher import MatchedState
from batch_analogy.motion.temporal.walk import MatchedFrame

_COLOURS, _FIELDS, _FROM_ORIGIN = "colours.", "fields.", "from_origin."
_BLOCK_MEANS = "block_means"
_OF_MOTION = ("before", "now", "backward", "forward", "confidence", "confidence_before")

Tensors = dict[str, torch.Tensor]
Facts = dict[str, Any]


class Anchored(Protocol):
    """What an anchor is remembered by."""

    @property
    def digest(self) -> str:
        """Of the frame's pixels."""


Anchor = TypeVar("Anchor", bound=Anchored)


@dataclass(frozen=True)
class AnchorFormat(Generic[Anchor]):
    """How anchors of one kind are written and read: as tensors, and facts in plain JSON values."""

    pack: Callable[[Anchor], tuple[Tensors, Facts]]
    unpack: Callable[[Tensors, Facts], Anchor]


class AnchorCache(Generic[Anchor]):
    """The anchors of a run, and how far each span has been last_matched.

    Args:
        store: the run folder. plan_hash: of its plan; what was made by another is not believed.
        device: where what is loaded is wanted. form: of the anchors.
        reference: the number of the one that frames are matched with.
    """

    def __init__(
        self,
        store: RunStore,
        plan_hash: str,
        device: str,
        form: AnchorFormat[Anchor],
        reference: int = 0,
    ) -> None:
        self._store = store
        self._plan_hash = plan_hash
        self._device = device
        self._form = form
        self._reference = reference

    def load(self, start: int) -> Anchor | None:
        """The anchor of the span of this name, if it has been made."""
        found = self._read(self._store.anchor(start, self._reference))
        return None if found is None else found.state

    def save(self, start: int, state: Anchor) -> None:
        """Keep an anchor for whoever needs it next."""
        self._write(self._store.anchor(start, self._reference), MatchedFrame(0, state))

    def load_last_matched(self, start: int) -> MatchedFrame[Anchor] | None:
        """The last frame of a span that was matched after its anchor, if any was."""
        return self._read(self._store.last_matched(start, self._reference))

    def save_last_matched(self, start: int, matched: MatchedFrame[Anchor]) -> None:
        """Keep the last matched frame of a span."""
        self._write(self._store.last_matched(start, self._reference), matched)

    def forget(self, start: int) -> None:
        """Delete what is remembered of a span."""
        self._store.forget_span(start, self._reference)

    def _write(self, path: Path, matched: MatchedFrame[Anchor]) -> None:
        tensors, facts = self._form.pack(matched.state)
        facts |= {
            "plan_hash": self._plan_hash,
            "digest": matched.state.digest,
            "number": matched.number,
        }
        plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        atomic_write_bytes(path, save(plain, {"facts": json.dumps(facts)}))

    def _read(self, path: Path) -> MatchedFrame[Anchor] | None:
        """What a file holds; one that cannot be used is deleted, so that nobody counts on it."""
        try:
            with safe_open(path, framework="pt", device=self._device) as file:
                facts: Facts = json.loads((file.metadata() or {}).get("facts", "{}"))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if facts["plan_hash"] == self._plan_hash:
                return MatchedFrame(int(facts["number"]), self._form.unpack(tensors, facts))
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError, ValueError, KeyError):  # or of a form that was before
            pass
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        return None


def _pack_matched(state: MatchedState) -> tuple[Tensors, Facts]:
    tensors = {"ab": state.ab, "ba": state.ba}
    tensors |= {_FIELDS + name: field for name, field in state.fields.items()}
    tensors |= {_COLOURS + name: colours.grid for name, colours in state.colours.items()}
    if state.block_means is not None:
        tensors[_BLOCK_MEANS] = state.block_means
    tensors |= pack_origin_motion(state.from_origin)
    return tensors, {"cells": {name: colours.cells for name, colours in state.colours.items()}}


def _unpack_matched(tensors: Tensors, facts: Facts) -> MatchedState:
    return MatchedState(
        digest=facts["digest"],
        ab=tensors["ab"],
        ba=tensors["ba"],
        fields={
            name.removeprefix(_FIELDS): tensor
            for name, tensor in tensors.items()
            if name.startswith(_FIELDS)
        },
        colours={
            name: ColourTransforms(tensors[_COLOURS + name], (cells[0], cells[1]))
            for name, cells in facts["cells"].items()
        },
        block_means=tensors.get(_BLOCK_MEANS),
        from_origin=unpack_origin_motion(tensors),
    )


def pack_origin_motion(from_origin: Motion | None) -> Tensors:
    """The motion from an anchor's root to it, as tensors; none where it is a root."""
    if from_origin is None:
        return {}
    return {
        _FROM_ORIGIN + name: torch.from_numpy(getattr(from_origin, name)) for name in _OF_MOTION
    }


def unpack_origin_motion(tensors: Tensors) -> Motion | None:
    """What ``pack_origin_motion`` packed."""
    names = [_FROM_ORIGIN + name for name in _OF_MOTION]
    if not tensors.keys() >= set(names):
        return None
    before, now, backward, forward, confidence, confidence_before = (
        tensors[n].cpu().numpy() for n in names
    )
    return Motion(before, now, backward, forward, confidence, confidence_before)


MATCHED_FORMAT = AnchorFormat(_pack_matched, _unpack_matched)
"""Of frames that were matched with a reference."""
