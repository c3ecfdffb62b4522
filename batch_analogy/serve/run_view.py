"""What the page shows of a run, read from its folder whether it goes on, rests or has ended."""

from __future__ import annotations

import math
import threading
import time
from pathlib import Path
from typing import Any

import msgspec

from batch_analogy.config.run import RunConfig
from batch_analogy.errors import BatchAnalogyError
from batch_analogy.jobs.folder.journal import FailedLine, RetryLine
from batch_analogy.jobs.folder.journal_tail import JournalTail, read_line
from batch_analogy.jobs.folder.manifest import read_manifest
from batch_analogy.jobs.folder.run_folder import no_run_error
from batch_analogy.jobs.folder.run_status import (
    ACTIVE_STATES,
    RunStatus,
    at_rest,
    latest_status,
)
from batch_analogy.jobs.plan.film_dependencies import FilmDependencies
from batch_analogy.jobs.plan.plan_file import read_plan
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.store import RunStore, outputs_of
from batch_analogy.json_files import to_plain
from batch_analogy.serve.frame_states import FrameStates

MAX_SHOWN_FAILURES = 200
MAX_CHANGES = 4000  # above which all states are sent, as they are shorter
TIME_BINS = 400

Facts = dict[str, Any]


class RunView:
    """A run as its folder shows it; ``refresh`` brings it up to date.

    Args:
        run_dir: the run folder. It may be on a disk that another machine writes to.

    Raises:
        UsageError: there is no run in the folder, or one that this version does not read.
    """

    def __init__(self, run_dir: Path) -> None:
        self.store = RunStore(run_dir)
        self.plan: Plan | None = None
        self.config: RunConfig | None = None
        self.problem = ""  # why the plan in the folder cannot be read; the last good one is shown
        self.plan_generation = time.time_ns() // 10**6  # not that of an earlier server
        self._tail = JournalTail(self.store.journal)
        self._states: FrameStates | None = None
        self._status: RunStatus | None = None
        self._plan_stamp: tuple[int, int] | None = None
        self._lock = threading.RLock()
        self.refresh()
        if self.plan is None and self._status is None:
            if self.problem:
                raise self._error
            raise no_run_error(run_dir)

    def refresh(self) -> None:
        """Read what has changed in the folder since the last look."""
        with self._lock:
            self._read_plan()
            if self._states is not None:
                if self._tail.was_replaced() and self.plan is not None:
                    self._states = FrameStates(self.plan, self._states.generation)
                for offset, line in self._tail.read():
                    self._states.apply(offset, line)
            self._read_status()

    def _read_plan(self) -> None:
        stamp = _stamp(self.store.plan)
        if stamp == self._plan_stamp:
            return
        self._plan_stamp = stamp
        try:
            plan, manifest = read_plan(self.store.plan), read_manifest(self.store.manifest)
        except BatchAnalogyError as error:
            self.problem, self._error = str(error), error
            return
        self.problem = ""
        if plan is None or manifest is None:
            self._plan_stamp = None  # the manifest is written after the plan
            return
        self.plan, self.config = plan, manifest.config
        self.plan_generation += 1
        before = 0 if self._states is None else self._states.generation
        self._states = FrameStates(plan, before)
        self._tail = JournalTail(self.store.journal)

    def _read_status(self) -> None:
        try:
            written, alive = latest_status(self.store)
        except BatchAnalogyError as error:
            self._status, self.problem = None, str(error)
            return
        if written is not None and written.state in ACTIVE_STATES and not alive:
            written = msgspec.structs.replace(written, state="stopped")
        if written is not None and written.state not in ACTIVE_STATES:
            written = at_rest(written)
        self._status = written

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the pictures that are made for each frame, the main one first."""
        return () if self.config is None else outputs_of(self.config)

    @property
    def generation(self) -> int:
        """The number of the latest change of a frame."""
        return 0 if self._states is None else self._states.generation

    def snapshot(self) -> Facts:
        """Return everything that the page needs to begin, as plain JSON values."""
        with self._lock:
            facts: Facts = {
                "name": self.store.run_dir.name,
                "generation": self.generation,
                "plan": self.plan_generation,
                "status": self.status(),
                "frames": 0,
                "states": "",
            }
            if self.plan is None or self.config is None or self._states is None:
                return facts
            return {**facts, **_plan_facts(self.plan, self.config), "states": self._states.text()}

    def changes(self, generation: int, plan: int) -> Facts:
        """Return what has changed since a generation of frames and of the plan.

        Returns:
            ``generation``, ``plan`` and ``status``; ``changed``, pairs of frame and code, or
            ``states``, the codes of all frames, unless the plan is another one.
        """
        with self._lock:
            facts: Facts = {
                "generation": self.generation,
                "plan": self.plan_generation,
                "status": self.status(),
            }
            if self._states is None or plan != self.plan_generation:
                return facts
            changed = self._states.since(generation)
            if len(changed) > MAX_CHANGES:
                return {**facts, "states": self._states.text()}
            return {**facts, "changed": changed}

    def status(self) -> Facts:
        """Return the state of the run in plain JSON values; ages are in seconds."""
        with self._lock:
            written = self._status
            facts: Facts = {"state": "planned", "message": "", "problem": self.problem}
            if written is not None:
                facts |= {
                    "state": written.state,
                    "message": written.message,
                    "workers": written.workers,
                    "rate": written.rate,
                    "left_seconds": written.eta_seconds,
                    "worker_states": [
                        {**to_plain(one), "heard_seconds": _age(one.heard_at, written.updated_at)}
                        for one in written.worker_states
                    ],
                    "dashboard": written.dashboard_url,
                    "films": [Path(film).name for film in written.films],
                    "host": written.host,
                    "updated_at": written.updated_at,
                }
            if self._states is not None:
                facts |= self._states.counts()
            return facts

    def failures(self) -> list[Facts]:
        """Return the frames that were given up, at most ``MAX_SHOWN_FAILURES``, with the reason."""
        with self._lock:
            if self.plan is None or self._states is None:
                return []
            chosen = self._states.failed(MAX_SHOWN_FAILURES)
        return [self._failure(index) for index in chosen]

    def _failure(self, index: int) -> Facts:
        assert self.plan is not None
        frame = self.plan.frames[index]
        facts: Facts = {"index": index, "name": frame.name, "message": frame.error or ""}
        return facts | self._last_failure(index)

    def _last_failure(self, index: int) -> Facts:
        """Return message, trace, worker and time of a frame's last failed attempt, if any."""
        offset = None if self._states is None else self._states.failed_at.get(index)
        line = None if offset is None else read_line(self.store.journal, offset)
        if not isinstance(line, FailedLine | RetryLine) or line.index != index:
            return {}
        return {
            "message": line.message,
            "traceback": line.traceback,
            "worker": line.worker,
            "attempt": line.attempt,
            "at": line.at,
        }

    def frame(self, index: int) -> Facts | None:
        """Return the facts of one frame; None if there is no such frame."""
        with self._lock:
            if self.plan is None or self._states is None:
                return None
            if not 0 <= index < len(self.plan.frames):
                return None
            frame = self.plan.frames[index]
            seconds = float(self._states.seconds[index])
            misfit = float(self._states.misfit[index])
            shot = next(s for s in self.plan.shots if s.start <= index < s.stop)
            return {
                "index": index,
                "name": frame.name,
                "width": frame.width,
                "height": frame.height,
                "exposure_ev": frame.exposure_ev,
                "taken": frame.taken,
                "error": frame.error,
                "shot": [shot.start, shot.stop],
                "seconds": None if math.isnan(seconds) else round(seconds, 3),
                "misfit": None if math.isnan(misfit) else round(misfit, 4),
                "failure": self._last_failure(index) or None,
            }

    def done(self) -> list[int]:
        """Return the finished frames."""
        with self._lock:
            return [] if self._states is None else self._states.done()

    def times(self) -> list[Facts]:
        """Return the seconds that frames took, for a plot."""
        with self._lock:
            return [] if self._states is None else self._states.times(TIME_BINS)

    def misfits(self) -> dict[int, float]:
        """Return the misfit of each finished frame of a painted run."""
        with self._lock:
            found = () if self._states is None else enumerate(self._states.misfit.tolist())
            return {index: misfit for index, misfit in found if not math.isnan(misfit)}


def _plan_facts(plan: Plan, config: RunConfig) -> Facts:
    largest = max(plan.frames, key=lambda frame: frame.width * frame.height, default=None)
    spans = FilmDependencies(plan).spans() if plan.coherent else []
    return {
        "command": config.command,
        "source": Path(config.source).name,
        "output": Path(config.output).name,
        "frames": len(plan.frames),
        "fps": float(plan.fps),
        "width": 0 if largest is None else largest.width,
        "height": 0 if largest is None else largest.height,
        "shots": [shot.start for shot in plan.shots],
        "anchors": sorted({span.start for span in spans}),
        "keyframes": sorted(plan.keyframes),
        "looks": _looks(plan),
        "layers": list(outputs_of(config)),
        "exposures": {frame.index: frame.exposure_ev for frame in plan.frames if frame.exposure_ev},
        "settings": {
            "quality": config.analogy.quality,
            "strength": config.strength,
            "keep_colours": config.keep_colours,
        },
    }


def _looks(plan: Plan) -> list[Facts]:
    """Return the references, or the painted pictures, each with the frame it belongs to."""
    if plan.painting is not None:
        return [
            {"frame": key.frame, "name": Path(key.painted.path).name} for key in plan.painting.keys
        ]
    return [
        {"frame": one.frame if plan.references else None, "name": Path(one.fingerprint.path).name}
        for one in plan.all_references
    ]


def _stamp(path: Path) -> tuple[int, int] | None:
    """Return what changes when a file is written."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_ino


def _age(then: float, written_at: float) -> float:
    """Return seconds since a time, by the clock that wrote it, as long as that may be trusted."""
    age = time.time() - then if abs(time.time() - written_at) < 60 else written_at - then
    return round(max(0.0, age), 1)
