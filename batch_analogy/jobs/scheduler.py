"""Who does which frames: pure rules, without Ray, files or a clock.

The driver reports what happened; the scheduler says what to do. Its rules:

* work is a run of consecutive frames (a segment); the longest goes first, ties by position;
* a worker has one piece of work at a time;
* a frame that failed and may succeed is tried again, on another worker where there is one, and
  given up after ``max_attempts`` tries; a frame that cannot succeed is given up at once;
* a dead worker's unfinished frames are handed out again; a frame that was in hand when its
  worker died ``DEATHS_PER_FRAME`` times is given up, as it probably kills its workers;
* a worker that fails ``FAILURES_PER_WORKER`` different frames in a row is retired like a dead
  one: a machine may be broken where the frames are not;
* after more than ``max_worker_deaths`` lost workers the run is given up.
"""

from __future__ import annotations

import enum
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

DEATHS_PER_FRAME = 3
FAILURES_PER_WORKER = 3


class Verdict(enum.Enum):
    """What becomes of a frame after a failed try."""

    RETRY = "retry"
    GIVE_UP = "give up"


@dataclass(frozen=True)
class Work:
    """Frames for one worker to do in order."""

    frames: tuple[int, ...]
    avoid: frozenset[str] = frozenset()  # workers that these frames have failed on


@dataclass
class _Worker:
    left: deque[int] = field(default_factory=deque)  # frames in hand and still to come
    busy: bool = False
    failures_in_row: int = 0


class Scheduler:
    """The state of the work that is left."""

    def __init__(
        self, works: Iterable[Sequence[int]], *, max_attempts: int, max_worker_deaths: int
    ) -> None:
        self._pending = [Work(tuple(frames)) for frames in works if frames]
        self._left = {index for work in self._pending for index in work.frames}
        self._max_attempts = max_attempts
        self._max_worker_deaths = max_worker_deaths
        self._attempts: dict[int, int] = defaultdict(int)
        self._deaths_on: dict[int, int] = defaultdict(int)
        self._failed_on: dict[int, set[str]] = defaultdict(set)
        self._workers: dict[str, _Worker] = {}
        self.deaths = 0
        self.ever_ready = False  # whether any worker ever took work

    @property
    def finished(self) -> bool:
        """Every frame is done or given up."""
        return not self._left

    @property
    def left(self) -> int:
        """How many frames are neither done nor given up."""
        return len(self._left)

    @property
    def workers(self) -> int:
        """How many workers are alive."""
        return len(self._workers)

    @property
    def too_many_deaths(self) -> bool:
        """Whether the run should be given up."""
        return self.deaths > self._max_worker_deaths

    def attempts(self, index: int) -> int:
        """How often a frame was tried and failed."""
        return self._attempts[index]

    def idle(self) -> list[str]:
        """Workers that are doing nothing."""
        return [name for name, worker in self._workers.items() if not worker.busy]

    def in_hand(self) -> list[str]:
        """Workers that are doing something."""
        return [name for name, worker in self._workers.items() if worker.busy]

    def add_worker(self, name: str) -> None:
        """A worker is ready for work."""
        self._workers[name] = _Worker()
        self.ever_ready = True

    def next_work(self, name: str) -> tuple[int, ...] | None:
        """Take the work that this worker should do now; None if there is none for it.

        Work that failed on this worker waits for another one as long as there is another.
        """
        worker = self._workers[name]
        if worker.busy:
            return None
        fit = [work for work in self._pending if self._may_do(name, work)]
        if not fit:
            return None
        work = min(fit, key=lambda work: (-len(work.frames), work.frames[0]))
        self._pending.remove(work)
        worker.left = deque(work.frames)
        worker.busy = True
        return work.frames

    def frame_done(self, name: str, index: int) -> None:
        """A frame is finished."""
        worker = self._workers[name]
        worker.failures_in_row = 0
        _drop(worker.left, index)
        self._left.discard(index)

    def frame_failed(self, name: str, index: int, *, retryable: bool) -> Verdict:
        """A try of a frame failed; the worker goes on with its next frame."""
        worker = self._workers[name]
        _drop(worker.left, index)
        self._attempts[index] += 1
        if not retryable:
            return self._give_up(index)
        worker.failures_in_row += 1
        self._failed_on[index].add(name)
        if self._attempts[index] >= self._max_attempts:
            return self._give_up(index)
        self._pending.append(Work((index,), frozenset(self._failed_on[index])))
        return Verdict.RETRY

    def is_suspect(self, name: str) -> bool:
        """Whether a worker failed so many frames in a row that it should be retired."""
        worker = self._workers.get(name)
        return worker is not None and worker.failures_in_row >= FAILURES_PER_WORKER

    def work_ended(self, name: str) -> None:
        """A worker is through with its work; frames it said nothing about are handed out again."""
        worker = self._workers[name]
        worker.busy = False
        self._hand_back(worker)

    def worker_retired(self, name: str) -> None:
        """A worker is taken out although it lives; its frames are not to blame."""
        self.deaths += 1
        self._hand_back(self._workers.pop(name))

    def worker_died(self, name: str) -> int | None:
        """A worker is gone. Returns the frame in hand if that is given up now, else None."""
        self.deaths += 1
        worker = self._workers.pop(name, None)
        if worker is None or not worker.left:
            return None
        suspect = worker.left[0]
        self._deaths_on[suspect] += 1
        self._attempts[suspect] += 1
        if self._deaths_on[suspect] >= DEATHS_PER_FRAME:
            worker.left.popleft()
            self._hand_back(worker)
            self._give_up(suspect)
            return suspect
        if self._deaths_on[suspect] > 1:  # alone next time, so that it takes nothing along
            worker.left.popleft()
            self._pending.append(Work((suspect,), frozenset(self._failed_on[suspect])))
        self._hand_back(worker)
        return None

    def _may_do(self, name: str, work: Work) -> bool:
        if name not in work.avoid:
            return True
        return all(other in work.avoid for other in self._workers)

    def _give_up(self, index: int) -> Verdict:
        self._left.discard(index)
        return Verdict.GIVE_UP

    def _hand_back(self, worker: _Worker) -> None:
        if worker.left:
            self._pending.append(Work(tuple(worker.left)))
        worker.left = deque()


def _drop(left: deque[int], index: int) -> None:
    if index in left:
        left.remove(index)


def works_of(segments: Iterable[tuple[int, int]], open_frames: set[int]) -> list[list[int]]:
    """Cut segments into runs of consecutive frames that are still to be done.

    Args:
        segments: (start, stop) pairs, half-open.
        open_frames: indices that are to be done.

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
