"""Whose fault a failure is: the frame's, its worker's or its node's. Pure rules.

A frame that fails on two workers is to blame itself; a frame that has failed on one worker only
speaks against that worker, and likewise for nodes. Whoever has ``FAILURES`` different frames
against it among the last ``RECENT_FRAMES`` that it tried is suspect. Counting recent frames, and
not only those in a row, finds the machine that fails every second frame, and lets a machine that
fails one in a hundred work all night.
"""

from __future__ import annotations

from collections import defaultdict

FAILURES = 3
RECENT_FRAMES = 6


class Blame:
    """The record of one kind of party: workers, or nodes."""

    def __init__(self) -> None:
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
        return len(self._against(party)) >= FAILURES

    def forget(self, party: str) -> None:
        """The party is gone."""
        self._tries.pop(party, None)

    def _against(self, party: str) -> set[int]:
        failed = {index for index, good in self._tries.get(party, {}).items() if not good}
        # A frame that was done elsewhere afterwards is no longer in the table: it still counts.
        return {index for index in failed if len(self._failed_on.get(index, ())) < 2}

    def _note(self, party: str, index: int, *, good: bool) -> None:
        tries = self._tries.setdefault(party, {})
        tries.pop(index, None)  # the latest try of a frame is what counts, and the last in order
        tries[index] = good
        if len(tries) > RECENT_FRAMES:
            del tries[next(iter(tries))]
