"""Execute an opened run: make the frames that are left, then the films."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import os
import time
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path

import msgspec

from batch_analogy.errors import BatchAnalogyError
from batch_analogy.jobs.drive.assemble import assemble, up_to_date
from batch_analogy.jobs.drive.driver import Driver, StopRequest
from batch_analogy.jobs.drive.film_source import FilmSource
from batch_analogy.jobs.drive.pool_choice import make_pool
from batch_analogy.jobs.drive.resume import ResumeState, changed_by_retry
from batch_analogy.jobs.drive.scheduler import Scheduler, works_of
from batch_analogy.jobs.drive.stopping import StoppedEncodingError, unless_stopped
from batch_analogy.jobs.events import FilmProgress, FrameDone, OnEvent, RunEvent, RunOpened, ignore
from batch_analogy.jobs.folder.journal import Journal, StartedLine
from batch_analogy.jobs.folder.manifest import Manifest
from batch_analogy.jobs.folder.planning_status import restore_status
from batch_analogy.jobs.folder.run_progress import RunProgress
from batch_analogy.jobs.folder.run_status import RunStatus, failed_frames
from batch_analogy.jobs.plan.film_dependencies import FilmDependencies
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.store import RunStore
from batch_analogy.jobs.work.tasks import WorkerSpec, paint_spec
from batch_analogy.output_claims import OutputClaims


@dataclass(frozen=True)
class RunResult:
    """Outcome of an execution."""

    total: int
    done: int
    failed: list[tuple[int, str, str]]  # index, name, message
    films: list[Path]
    interrupted: bool
    seconds: float


class Run:
    """An opened run, which holds the lock of its folder until ``close``."""

    def __init__(
        self,
        manifest: Manifest,
        store: RunStore,
        plan: Plan,
        resume_state: ResumeState,
        *,
        status_before: RunStatus | None,
        claims: OutputClaims,
    ) -> None:
        self.config = manifest.config
        self.store = store
        self.plan = plan
        self.resume_state = resume_state
        self._claims = claims
        self.status_before = status_before  # what status.json said before the run was opened
        self._run_id = manifest.run_id
        self._executed = False
        self._makes_films = True
        self._keeps_status = False

    def only(self, frames: Set[int]) -> Run:
        """Return this run with these frames alone and without a film, for previews.

        The two share the lock; use only the one that is returned.
        """
        resume_state = self.resume_state
        run = self.keeping_status()
        run._makes_films = False
        run.plan = msgspec.structs.replace(
            self.plan, leave_out=frozenset(range(len(self.plan.frames))) - frames
        )
        run.resume_state = dataclasses.replace(
            resume_state,
            done=resume_state.done & frames,
            given_up={k: text for k, text in resume_state.given_up.items() if k in frames},
            to_do=resume_state.to_do & frames,
        )
        return run

    def keeping_status(self) -> Run:
        """Return a copy of this run that restores status.json afterwards."""
        run = copy.copy(self)
        run._keeps_status = True
        return run

    def execute(self, on_event: OnEvent = ignore) -> RunResult:
        """Make the frames that are left and the films, then release the lock.

        The first Ctrl-C lets workers finish the frames that they are making, the second raises
        KeyboardInterrupt.

        Args:
            on_event: called with each event, in the calling thread.

        Raises:
            OutputDiskError: the disk is full or may not be written to.
            JobError: too many workers were lost.
            ClusterError: there is no cluster, or no worker could be started.
            FilmError: a film could not be made.
        """
        started = time.monotonic()
        progress = self._progress()
        on_event(self._opened())
        on_event = self._watched(progress, on_event)
        stop = StopRequest()
        self._executed = True
        try:
            with self._recording_failure(progress), stop.listening():
                finished = self._work(progress, stop, on_event)
                films = self._finish(progress, stop, on_event) if finished else None
                self._write_end(progress, films)
        finally:
            if self._keeps_status:
                self._restore_status(progress)
            self.close()
        failed = failed_frames(self.plan, progress.given_up)
        return RunResult(
            total=self.plan.total,
            done=len(progress.done),
            failed=[(frame.index, frame.name, frame.message) for frame in failed],
            films=films or [],
            interrupted=films is None,
            seconds=time.monotonic() - started,
        )

    def close(self) -> None:
        """Release the lock; a run that was not executed gets its earlier status back."""
        if self.store.is_open and not self._executed:
            self._restore_status(self._progress())
        self._claims.release()
        self.store.close()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _progress(self) -> RunProgress:
        return RunProgress(
            self.config,
            self.store,
            self.plan,
            done=self.resume_state.done,
            given_up=dict(self.resume_state.given_up),
        )

    def _opened(self) -> RunOpened:
        return RunOpened(
            run_dir=self.store.run_dir,
            total=self.plan.total,
            done=len(self.resume_state.done),
            failed=len(failed_frames(self.plan, self.resume_state.given_up)),
            adopted=self.resume_state.adopted,
            segments=len(self._works()),
        )

    def _works(self) -> list[list[int]]:
        segments = [(segment.start, segment.stop) for segment in self.plan.segments]
        return works_of(segments, self.resume_state.to_do)

    def _work(self, progress: RunProgress, stop: StopRequest, on_event: OnEvent) -> bool:
        """Make the frames that are left; return False if a stop was requested before the end."""
        works = self._works()
        if not works:
            return True
        execution = self.config.execution
        dependencies = dependencies_of(self.plan, self.store)
        scheduler = Scheduler(
            works,
            max_attempts=execution.max_attempts,
            max_worker_deaths=execution.max_worker_deaths,
            depth=dependencies.depth if dependencies else None,
        )
        pool = make_pool(self._spec(), execution, segments=len(works))
        progress.write("running")
        with Journal(self.store.journal) as journal:
            journal.append(StartedLine(pid=os.getpid(), to_do=len(self.resume_state.to_do)))
            driver = Driver(
                pool,
                scheduler,
                self.plan,
                journal,
                progress,
                execution,
                stop,
                on_event,
                dependencies=dependencies,
                forget=lambda anchor: self.store.forget_span(*anchor),
            )
            driver.run()
        return scheduler.finished

    def _spec(self) -> WorkerSpec:
        return WorkerSpec(
            name="styler",
            run_dir=str(self.store.run_dir),
            run_id=self._run_id,
            references=self.plan.all_references,
            outside=self.plan.layers[1] if len(self.plan.layers) > 1 else (),
            region=self.plan.region,
            weights=self.config.weights,
            weights_sha256=self.plan.weights_sha256,
            target=self.config.target,
            analogy=self.config.analogy,
            plan_hash=self.plan.plan_hash,
            device=self.plan.device,
            threads=None,
            coherent=self.plan.coherent,
            named_space=self.plan.named_space,
            space=self.plan.space,
            scene_light=self.plan.scene_light,
            white_balance=self.plan.white_balance,
            painting=paint_spec(self.config.painting, self.plan),
        )

    def _finish(
        self, progress: RunProgress, stop: StopRequest, on_event: OnEvent
    ) -> list[Path] | None:
        """Make the films, if any frame is done and ``--on-missing`` allows missing ones.

        Returns:
            Their paths; None if a stop was requested before the end.
        """
        missing = self.plan.total - len(progress.done)
        forbidden = missing and self.config.on_missing == "error"
        if not progress.done or forbidden or not self._makes_films:
            progress.finish_previews()
            return []
        changed = changed_by_retry(self.store, self.resume_state.retried, progress.done)
        source = FilmSource.of(self.config, self.store, self.plan, progress.done, changed)
        if not up_to_date(source):
            progress.write("encoding")
            progress.finish_previews()
        films = unless_stopped(
            lambda: assemble(source, _stoppable(on_event, stop), self._claims),
            lambda: stop.requested,
        )
        if films is None:
            return None
        if not missing:
            with contextlib.suppress(OSError):  # only space is lost, until the next start
                self.store.clear_input()
                self.store.clear_state()
        return films

    def _watched(self, progress: RunProgress, on_event: OnEvent) -> OnEvent:
        """Return a listener that passes each event on after updating the progress."""

        def pass_on(event: RunEvent) -> None:
            progress.worker_states.observe(event)
            if isinstance(event, FilmProgress):
                progress.refresh_encoding()
            elif isinstance(event, FrameDone) and self.plan.painting is not None:
                with contextlib.suppress(OSError):  # its misfit is journaled now
                    self.store.frame_note(event.index).unlink(missing_ok=True)
            on_event(event)

        return pass_on

    def _write_end(self, progress: RunProgress, films: list[Path] | None) -> None:
        given_up = len(failed_frames(self.plan, progress.given_up))
        if films is None:
            progress.write("interrupted")
        elif len(progress.done) == self.plan.total:
            progress.write("finished", films=films)
        elif len(progress.done) + given_up < self.plan.total:  # a film of the frames so far
            progress.write("interrupted", films=films)
        else:
            progress.write("partial", films=films)

    def _restore_status(self, progress: RunProgress) -> None:
        if self.status_before is not None:
            restore_status(self.store, self.status_before)
            return
        with contextlib.suppress(BatchAnalogyError):  # the disk may be what failed
            progress.write("planned")

    @contextlib.contextmanager
    def _recording_failure(self, progress: RunProgress) -> Iterator[None]:
        """Write to ``status.json`` that the run failed or was interrupted, if an error ends it."""
        try:
            yield
        except BatchAnalogyError as error:
            with contextlib.suppress(BatchAnalogyError):  # the disk may be what failed
                progress.write("failed", message=str(error))
            raise
        except KeyboardInterrupt:
            with contextlib.suppress(BatchAnalogyError):
                progress.write("interrupted")
            raise


def dependencies_of(plan: Plan, store: RunStore) -> FilmDependencies | None:
    """Return the dependencies of a coherent film; None where frames are independent."""
    if not plan.coherent:
        return None
    return FilmDependencies(plan, lambda anchor: store.anchor(*anchor).exists())


def _stoppable(on_event: OnEvent, stop: StopRequest) -> OnEvent:
    def pass_on(event: RunEvent) -> None:
        if stop.requested:
            raise StoppedEncodingError
        on_event(event)

    return pass_on
