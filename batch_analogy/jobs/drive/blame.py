"""Whose fault a failure is: the frame's, its worker's or its node's. Pure rules.

A frame that fails on two workers is to blame itself; a frame that has failed on one worker only
speaks against that worker, and likewise for nodes. A worker with ``FAILURES`` different frames
against it among the last ``RECENT_FRAMES`` that it tried is suspect. Counting recent frames, and
not only those in a row, finds the machine that fails every second frame, and lets a machine that
fails one in a hundred work all night.

A worker that is taken out by mistake costs a minute, a node its share of the night. Where one try
in a hundred fails by chance, three of six come together once in a thousand failures: that took 3
of 125 nodes out of a simulated run of 200,000 frames (``benchmarks.scheduler``). So a node needs
``FAILURES`` in a row, or ``NODE_FAILURES`` among ``NODE_RECENT_FRAMES``.
"""

from __future__ import annotations

from collections import defaultdict

FAILURES = 3
RECENT_FRAMES = 6
NODE_FAILURES = 4
NODE_RECENT_FRAMES = 8


class Blame:
    """The record of one kind of party: workers, or nodes.

    Args:
        failures: so many frames make a party suspect,
        recent: of so many that it tried last;
        in_row: or so many without a success in between.
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
        """A try went well."""
        self._note(party, index, good=True)
        self._failed_on.pop(index, None)

    def failed(self, party: str, index: int) -> None:
        """A try failed, and not for a reason that lies in the frame alone."""
        self._note(party, index, good=False)
        self._failed_on[index].add(party)

    def is_suspect(self, party: str) -> bool:
        """Whether too many different frames speak against it."""
        against = self._against(party)
        return sum(against) >= self._failures or (
            len(against) >= self._in_row and all(against[-self._in_row :])
        )

    def forget(self, party: str) -> None:
        """The party is gone."""
        self._tries.pop(party, None)

    def _against(self, party: str) -> list[bool]:
        """Whether each of its recent frames speaks against it, oldest first."""
        # A frame that was done elsewhere afterwards is no longer in the table: it still counts.
        return [
            not good and len(self._failed_on.get(index, ())) < 2
            for index, good in self._tries.get(party, {}).items()
        ]

    def _note(self, party: str, index: int, *, good: bool) -> None:
        tries = self._tries.setdefault(party, {})
        tries.pop(index, None)  # the latest try of a frame is what counts, and the last in order
        tries[index] = good
        if len(tries) > self._recent:
            del tries[next(iter(tries))]
