"""Decide which worker makes which frames: pure rules, without Ray, files or a clock.

The driver reports what happened; the scheduler says what to do. Its rules:

* a piece of work is a run of consecutive frames (a segment); the longest goes first, ties by
  position;
* a worker has one piece of work at a time;
* a frame that failed and may succeed is tried again before new work, on another worker and on
  another node if there are any, and given up after ``max_attempts`` attempts; a frame that cannot
  succeed is given up at once;
* a dead worker's unfinished frames are handed out again; the frame that it was making counts an
  attempt, and is given up after ``DEATHS_PER_FRAME`` deaths, as it probably kills its workers;
* a worker that fails different frames which others can make is retired; likewise a node is put on
  the blocklist with all its workers (``blame``), also when ``WASTED_PER_NODE`` workers had to be
  retired there or did not start. The last node is never blocked: frames that fail there are
  given up one by one, for nothing shows that the node is to blame;
* after more than ``max_worker_deaths`` workers lost without a finished frame in between, the run
  is given up. Workers that leave with their node or are cut off do not count: nodes come and go.
"""

from __future__ import annotations

import enum
import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from batch_analogy.jobs.drive.blame import NODE_FAILURES, NODE_RECENT_FRAMES, Blame

DEATHS_PER_FRAME = 3
WASTED_PER_NODE = 3


class Verdict(enum.Enum):
    """Decision on a frame after a failed attempt."""

    RETRY = "retry"
    GIVE_UP = "give up"


class Suspect(enum.Enum):
    """Party that is taken out after a failed attempt."""

    WORKER = "worker"
    NODE = "node"


@dataclass(frozen=True)
class Work:
    """Frames for one worker to make in order."""

    frames: tuple[int, ...]
    avoid: frozenset[str] = frozenset()  # workers that these frames have failed on
    avoid_nodes: frozenset[str] = frozenset()  # their nodes


@dataclass
class _Worker:
    node: str | None
    left: deque[int] = field(default_factory=deque)  # frames in hand and still to come


class Scheduler:
    """State of the work that is left.

    Args:
        works: pieces of work, each a sequence of frames; the longest is handed out first.
        max_attempts: number of attempts at one frame.
        max_worker_deaths: number of workers that may be lost without a finished frame in between.
        depth: returns the depth of a frame; of equally long pieces, the one whose first frame has
            the smallest depth is handed out first.
    """

    def __init__(
        self,
        works: Iterable[Sequence[int]],
        *,
        max_attempts: int,
        max_worker_deaths: int,
        depth: Callable[[int], int] | None = None,
    ) -> None:
        self._depth = depth or (lambda index: 0)
        self._fresh: list[tuple[int, int, int, tuple[int, ...]]] = []  # heap: see ``_push``
        self._retries: deque[Work] = deque()
        self._left: set[int] = set()
        for frames in works:
            self._push(frames)
            self._left.update(frames)
        self._max_attempts = max_attempts
        self._max_worker_deaths = max_worker_deaths
        self._attempts: Counter[int] = Counter()
        self._deaths_on: Counter[int] = Counter()
        self._failed_on: defaultdict[int, set[str]] = defaultdict(set)
        self._failed_on_nodes: defaultdict[int, set[str]] = defaultdict(set)
        self._workers: dict[str, _Worker] = {}
        self._on_node: Counter[str] = Counter()  # living workers; no zeros
        self._idle: dict[str, None] = {}  # an ordered set
        self._blame_workers = Blame()
        self._blame_nodes = Blame(failures=NODE_FAILURES, recent=NODE_RECENT_FRAMES)
        self._wasted_on: Counter[str] = Counter()
        self._losses_in_row = 0
        self.blocked_nodes: set[str] = set()
        self.deaths = 0
        self.ever_ready = False  # True once any worker was ready

    @property
    def finished(self) -> bool:
        """True when every frame is done or given up."""
        return not self._left

    @property
    def left(self) -> int:
        """Number of frames that are neither done nor given up."""
        return len(self._left)

    @property
    def waiting(self) -> int:
        """Number of pieces of work that no worker has."""
        return len(self._fresh) + len(self._retries)

    @property
    def workers(self) -> int:
        """Number of workers alive."""
        return len(self._workers)

    @property
    def too_many_deaths(self) -> bool:
        """True when the run should be given up."""
        return self._losses_in_row > self._max_worker_deaths

    def attempts(self, index: int) -> int:
        """Return how often a frame was tried and failed."""
        return self._attempts[index]

    def node_of(self, name: str) -> str | None:
        """Return the node of a living worker, if it is known."""
        return self._workers[name].node

    def idle(self) -> list[str]:
        """Return the workers that have no work."""
        return list(self._idle)

    def in_hand(self) -> list[str]:
        """Return the workers that have work."""
        return [name for name in self._workers if name not in self._idle]

    def add_worker(self, name: str, node: str | None = None) -> None:
        """Add a worker that is ready, with its node if it is known."""
        self._workers[name] = _Worker(node)
        if node is not None:
            self._on_node[node] += 1
        self._idle[name] = None
        self.ever_ready = True

    def next_work(self, name: str) -> tuple[int, ...] | None:
        """Hand out the next work of this worker; None if there is no work for it now.

        Work that failed on this worker waits for another worker as long as there is one, and
        likewise for nodes.
        """
        if name not in self._idle:
            return None
        frames = self._take_retry(name)
        if frames is None and self._fresh:
            *_, frames = heapq.heappop(self._fresh)
        if frames is None:
            return None
        self._workers[name].left = deque(frames)
        del self._idle[name]
        return frames

    def frame_done(self, name: str, index: int) -> None:
        """Note that a frame is finished."""
        worker = self._workers[name]
        _drop(worker.left, index)
        self._left.discard(index)
        self._losses_in_row = 0
        self._blame_workers.succeeded(name, index)
        if worker.node is not None:
            self._blame_nodes.succeeded(worker.node, index)

    def frame_failed(self, name: str, index: int, *, retryable: bool) -> Verdict:
        """Decide on a frame whose attempt failed; the worker continues with its next frame."""
        worker = self._workers[name]
        _drop(worker.left, index)
        self._attempts[index] += 1
        if not retryable:
            return self._give_up(index)
        self._blame_workers.failed(name, index)
        self._failed_on[index].add(name)
        if worker.node is not None:
            self._blame_nodes.failed(worker.node, index)
            self._failed_on_nodes[index].add(worker.node)
        if self._attempts[index] >= self._max_attempts:
            return self._give_up(index)
        self._push_retry(index)
        return Verdict.RETRY

    def suspect(self, name: str) -> Suspect | None:
        """Return who should be taken out after this worker's latest failure, if anyone."""
        worker = self._workers.get(name)
        if worker is None:
            return None
        if worker.node is not None and self.should_block(worker.node):
            return Suspect.NODE
        return Suspect.WORKER if self._blame_workers.is_suspect(name) else None

    def should_block(self, node: str) -> bool:
        """Return True if a node belongs on the blocklist; never if no other node has workers."""
        others = any(other != node for other in self._on_node)
        wasted = self._wasted_on[node] >= WASTED_PER_NODE
        return others and (wasted or self._blame_nodes.is_suspect(node))

    def work_ended(self, name: str) -> None:
        """Note that a worker has ended its work; frames without an outcome are handed out again."""
        self._hand_back(self._workers[name])
        self._idle[name] = None

    def worker_retired(self, name: str) -> None:
        """Take out a living worker; its frames are not to blame."""
        self._losses_in_row += 1
        worker = self._remove(name)
        if worker is not None:
            if worker.node is not None:
                self._wasted_on[worker.node] += 1
            self._hand_back(worker)

    def block_node(self, node: str) -> list[str]:
        """Put a node on the blocklist; return its workers, which are taken out."""
        self.blocked_nodes.add(node)
        self._losses_in_row += 1  # one cause, however many workers it had
        names = [name for name, worker in self._workers.items() if worker.node == node]
        for name in names:
            worker = self._remove(name)
            if worker is not None:
                self._hand_back(worker)
        return names

    def worker_left(self, name: str) -> None:
        """Remove a worker that is gone with its node, without blame."""
        worker = self._remove(name)
        if worker is not None:
            self._hand_back(worker)

    def worker_died(
        self, name: str, node: str | None = None, *, perhaps_cut_off: bool = False
    ) -> int | None:
        """Remove a dead worker; return the frame that it was making if that is given up now.

        Args:
            name: the worker.
            node: where it was, if it was never ready.
            perhaps_cut_off: the network or the node may be to blame. Then the death counts
                against the frame alone, so that a frame that kills its workers is given up in the
                end.
        """
        worker = self._remove(name)
        if not perhaps_cut_off:
            self._losses_in_row += 1
            if worker is None and node is not None:
                self._wasted_on[node] += 1
        if worker is None or not worker.left:
            return None
        suspect = worker.left[0]
        if worker.node is not None and not perhaps_cut_off:
            self._blame_nodes.failed(worker.node, suspect)
        self._deaths_on[suspect] += 1
        self._attempts[suspect] += 1
        given_up = self._deaths_on[suspect] >= DEATHS_PER_FRAME
        if given_up:
            worker.left.popleft()
            self._give_up(suspect)
        elif self._deaths_on[suspect] > 1:  # alone next time, so that it takes no other frame along
            worker.left.popleft()
            self._push_retry(suspect)
        self._hand_back(worker)
        return suspect if given_up else None

    def _take_retry(self, name: str) -> tuple[int, ...] | None:
        for work in self._retries:
            if self._may_do(name, work):
                self._retries.remove(work)
                return work.frames
        return None

    def _may_do(self, name: str, work: Work) -> bool:
        if name in work.avoid:
            few = len(self._workers) <= len(work.avoid)
            return few and all(other in work.avoid for other in self._workers)
        if self._workers[name].node in work.avoid_nodes:
            return all(node in work.avoid_nodes for node in self._on_node)
        return True

    def _give_up(self, index: int) -> Verdict:
        self._left.discard(index)
        return Verdict.GIVE_UP

    def _remove(self, name: str) -> _Worker | None:
        self.deaths += 1
        self._idle.pop(name, None)
        self._blame_workers.forget(name)
        worker = self._workers.pop(name, None)
        if worker is not None and worker.node is not None:
            self._on_node[worker.node] -= 1
            self._on_node += Counter()  # drops what has come to zero
        return worker

    def _hand_back(self, worker: _Worker) -> None:
        self._push(worker.left)
        worker.left = deque()

    def _push_retry(self, index: int) -> None:
        avoid, nodes = self._failed_on.get(index, ()), self._failed_on_nodes.get(index, ())
        self._retries.append(Work((index,), frozenset(avoid), frozenset(nodes)))

    def _push(self, frames: Iterable[int]) -> None:
        whole = tuple(frames)
        if whole:
            depth = self._depth(whole[0])
            heapq.heappush(self._fresh, (-len(whole), depth, whole[0], whole))


def _drop(left: deque[int], index: int) -> None:
    if index in left:
        left.remove(index)


def works_of(segments: Iterable[tuple[int, int]], open_frames: set[int]) -> list[list[int]]:
    """Cut segments into runs of consecutive frames that are still to be made.

    Args:
        segments: (start, stop) pairs, half-open.
        open_frames: indices of frames that are to be made.

    >>> works_of([(0, 4), (4, 8)], {0, 1, 3, 4, 5, 6})
    [[0, 1], [3], [4, 5, 6]]
    """
    works: list[list[int]] = []
    for start, stop in segments:
        run: list[int] = []
        for index in range(start, stop):
            if index in open_frames:
                run.append(index)
            elif run:
                works.append(run)
                run = []
        if run:
            works.append(run)
    return works
