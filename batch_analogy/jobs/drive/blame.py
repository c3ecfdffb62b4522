"""Decide who is to blame for a failure: the frame, its worker or its node. Pure rules.

A frame that fails on two workers is to blame itself. A frame that has failed on one worker only
counts against that worker, and likewise for nodes. A worker with ``FAILURES`` different frames
against it, among the last ``RECENT_FRAMES`` that it tried, is suspect. Counting recent frames, and
not only those in a row, finds the machine that fails every second frame, and lets a machine that
fails one in a hundred work all night.

Taking out a worker by mistake costs a minute, a node its share of the night. If one attempt in a
hundred fails by chance, three of six fail together once in a thousand failures: that took 3 of 125
nodes out of a simulated run of 200,000 frames (``benchmarks.scheduler``). So a node needs
``FAILURES`` in a row, or ``NODE_FAILURES`` among ``NODE_RECENT_FRAMES``.
"""

from __future__ import annotations

from collections import defaultdict

FAILURES = 3
RECENT_FRAMES = 6
NODE_FAILURES = 4
NODE_RECENT_FRAMES = 8


class Blame:
    """Record of one kind of party: workers, or nodes.

    Args:
        failures: number of recent frames against a party that make it suspect.
        recent: number of a party's latest frames that are considered.
        in_row: number of failures without a success in between that also make it suspect.
    """

    def __init__(
        self,
        *,
        failures: int = FAILURES,
        recent: int = RECENT_FRAMES,
        in_row: int = FAILURES,
    ) -> None:
        self._failures, self._recent, self._in_row = failures, recent, in_row
        self._tries: dict[str, dict[int, bool]] = {}  # party → frame → success, oldest first
        self._failed_on: defaultdict[int, set[str]] = defaultdict(set)

    def succeeded(self, party: str, index: int) -> None:
        """Note a successful attempt."""
        self._note(party, index, good=True)
        self._failed_on.pop(index, None)

    def failed(self, party: str, index: int) -> None:
        """Note a failed attempt whose cause is not in the frame alone."""
        self._note(party, index, good=False)
        self._failed_on[index].add(party)

    def is_suspect(self, party: str) -> bool:
        """Return True if too many different frames count against a party."""
        against = self._against(party)
        return sum(against) >= self._failures or (
            len(against) >= self._in_row and all(against[-self._in_row :])
        )

    def forget(self, party: str) -> None:
        """Drop the record of a party that is gone."""
        self._tries.pop(party, None)

    def _against(self, party: str) -> list[bool]:
        """Return, for each recent frame of a party, True if it counts against it."""
        # A frame that was made elsewhere afterwards is no longer in the table; it still counts.
        return [
            not good and len(self._failed_on.get(index, ())) < 2
            for index, good in self._tries.get(party, {}).items()
        ]

    def _note(self, party: str, index: int, *, good: bool) -> None:
        tries = self._tries.setdefault(party, {})
        tries.pop(index, None)  # only the latest attempt at a frame counts, and it is the newest
        tries[index] = good
        if len(tries) > self._recent:
            del tries[next(iter(tries))]
