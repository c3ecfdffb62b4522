"""Keep anchors in the run folder's ``state/``: a cache that may be lost at any moment."""

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
_MOTION = ("before", "now", "backward", "forward", "confidence", "confidence_before")

Tensors = dict[str, torch.Tensor]
Facts = dict[str, Any]


class Anchored(Protocol):
    """The properties of an anchor that the cache needs."""

    @property
    def digest(self) -> str:
        """Hash of the frame's pixels."""

    @property
    def from_origin(self) -> Motion | None:
        """Motion from the anchor's origin to it; None: it is its own origin."""


Anchor = TypeVar("Anchor", bound=Anchored)


@dataclass(frozen=True)
class AnchorFormat(Generic[Anchor]):
    """Conversion of one kind of anchor to tensors and plain JSON values, and back."""

    pack: Callable[[Anchor], tuple[Tensors, Facts]]
    unpack: Callable[[Tensors, Facts, Motion | None], Anchor]


class AnchorCache(Generic[Anchor]):
    """The anchors of a run, and the last frame of each span that was matched after its anchor.

    Args:
        store: the run folder.
        plan_hash: hash of the run's plan; anchors made with another plan are ignored.
        device: the device to load tensors to.
        form: the format of the anchors.
        reference: number of the reference that frames are matched with.
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
        """Load the anchor of the span that begins at frame ``start``; None if not cached."""
        found = self._read(self._store.anchor(start, self._reference))
        return None if found is None else found.state

    def save(self, start: int, state: Anchor) -> None:
        """Save the anchor of the span that begins at frame ``start``."""
        self._write(self._store.anchor(start, self._reference), MatchedFrame(0, state))

    def load_last_matched(self, start: int) -> MatchedFrame[Anchor] | None:
        """Load the last matched frame of a span after its anchor; None if not cached."""
        return self._read(self._store.last_matched(start, self._reference))

    def save_last_matched(self, start: int, matched: MatchedFrame[Anchor]) -> None:
        """Save the last matched frame of a span."""
        self._write(self._store.last_matched(start, self._reference), matched)

    def forget(self, start: int) -> None:
        """Delete the cached files of a span."""
        self._store.forget_span(start, self._reference)

    def _write(self, path: Path, matched: MatchedFrame[Anchor]) -> None:
        tensors, facts = self._form.pack(matched.state)
        from_origin = matched.state.from_origin
        facts |= {
            "plan_hash": self._plan_hash,
            "digest": matched.state.digest,
            "number": matched.number,
            "is_origin": from_origin is None,
        }
        if from_origin is not None:
            tensors |= {
                _FROM_ORIGIN + name: torch.from_numpy(getattr(from_origin, name))
                for name in _MOTION
            }
        plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        atomic_write_bytes(path, save(plain, {"facts": json.dumps(facts)}))

    def _read(self, path: Path) -> MatchedFrame[Anchor] | None:
        """Read a file; delete it if it cannot be used, so that no driver counts on it."""
        try:
            with safe_open(path, framework="pt", device=self._device) as file:
                facts: Facts = json.loads((file.metadata() or {}).get("facts", "{}"))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if facts["plan_hash"] == self._plan_hash:
                from_origin = None if facts["is_origin"] else _unpack_motion(tensors)
                state = self._form.unpack(tensors, facts, from_origin)
                return MatchedFrame(int(facts["number"]), state)
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError, ValueError, KeyError):  # damaged, or of another version
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
    return tensors, {"cells": {name: colours.cells for name, colours in state.colours.items()}}


def _unpack_matched(tensors: Tensors, facts: Facts, from_origin: Motion | None) -> MatchedState:
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
        from_origin=from_origin,
    )


def _unpack_motion(tensors: Tensors) -> Motion:
    before, now, backward, forward, confidence, confidence_before = (
        tensors[_FROM_ORIGIN + name].cpu().numpy() for name in _MOTION
    )
    return Motion(before, now, backward, forward, confidence, confidence_before)


MATCHED_FORMAT = AnchorFormat(_pack_matched, _unpack_matched)
"""Format of frames that were matched with a reference."""
