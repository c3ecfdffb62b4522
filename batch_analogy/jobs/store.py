"""The run folder: every path in it, and the deletion of what is no longer needed."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from batch_analogy.config.run import Target
from batch_analogy.files import TEMPORARY_PREFIX
from batch_analogy.jobs.locked_folder import LockedFolder, remove_tree
from batch_analogy.media.picture_formats import EXR, FRAME_FORMAT, PictureFormat

_OUTPUTS: dict[Target, tuple[str, ...]] = {
    "frames": ("a_prime",),
    "reference": ("b",),
    "both": ("a_prime", "b"),
}
_PAINTED_OUTPUTS = ("b_prime",)
ALL_OUTPUTS = (*_OUTPUTS["both"], *_PAINTED_OUTPUTS)


class _MakesPictures(Protocol):
    """A run's configuration, or a worker's specification."""

    @property
    def target(self) -> Target: ...

    @property
    def painting(self) -> object | None: ...


def outputs_of(run: _MakesPictures) -> tuple[str, ...]:
    """Return the names, from the papers, of the pictures that are made for each frame.

    Deep Image Analogy makes A' of a frame A, B of the reference B', or both: ``"a_prime"`` and
    ``"b"``. Image Analogies makes B' from a frame B, following A and A': ``"b_prime"``.
    """
    return _OUTPUTS[run.target] if run.painting is None else _PAINTED_OUTPUTS


class RunStore(LockedFolder):
    """The folder of one run, locked by its driver.

    Args:
        run_dir: its path; it need not exist yet.
    """

    option = "--run-dir"
    purpose = "run folder"

    def __init__(self, run_dir: Path) -> None:
        super().__init__(run_dir)
        self.plan = run_dir / "plan.json"
        self.journal = run_dir / "journal.jsonl"
        self.status = run_dir / "status.json"
        self.films = run_dir / "film.json"
        self.frames = run_dir / "frames"
        self.input = run_dir / "input"  # frames of a video, deleted once the film is complete
        self.input_record = run_dir / "input.json"  # which video they come from
        self.scan_cache = run_dir / "scan.bin"  # statistics of each frame, for shots and flicker
        self.state = run_dir / "state"  # what unfinished segments need; may always be deleted
        self.logs = run_dir / "logs"
        self.rearranged = run_dir / "rearranged"  # journal and plan, before frames are moved
        self.rearranged_marker = self.rearranged / "ready.json"  # they must be moved now
        self.unfinished_films = run_dir / "films"  # while they are encoded
        self.last_preview = run_dir / "preview" / "last.jpg"
        self.sheet_preview = run_dir / "preview" / "sheet.jpg"
        self.before_after = run_dir / "preview" / "before-after.jpg"
        self.suggested = run_dir / "suggested"  # a video's frames to paint; never deleted
        self.evaluation = run_dir / "evaluate"
        self.evaluation_values = self.evaluation / "evaluate.json"
        self.evaluation_page = self.evaluation / "evaluate.html"

    @property
    def run_dir(self) -> Path:
        """The path of the run folder."""
        return self.folder

    def frame(self, output: str, index: int) -> Path:
        """Return the file of one finished picture; ``output`` is one of ``outputs_of``."""
        usual = self.new_frame(output, index, FRAME_FORMAT)
        floats = self.new_frame(output, index, EXR)
        return floats if floats.exists() else usual

    def new_frame(self, output: str, index: int, format: PictureFormat) -> Path:
        """Return the file of a picture that is to be written in a format."""
        return self.frames / output / format.file_name(index)

    def kept_video(self, suffix: str, part: int = 0) -> Path:
        """Return the file that keeps the source video's data, should the video be deleted."""
        name = f"source-{part}" if part else "source"
        return self.run_dir / f"{name}{suffix or '.video'}"

    def log(self, worker: str) -> Path:
        """Return the log of one worker, a JSON object per line."""
        return self.logs / f"{worker}.jsonl"

    def anchor(self, start: int, reference: int = 0) -> Path:
        """Return the file of the anchor at frame ``start``."""
        return self.state / f"anchor-{_span_name(start, reference)}.safetensors"

    def last_matched(self, start: int, reference: int = 0) -> Path:
        """Return the file of the last matched frame of a span, if it has one after its anchor."""
        return self.state / f"last_matched-{_span_name(start, reference)}.safetensors"

    def frame_note(self, index: int) -> Path:
        """Return the file that holds the misfit of a painted frame.

        The worker writes it before the pictures, because the driver may be killed before it
        journals the frame.
        """
        return self.state / f"frame-{index:06d}.json"

    def forget_span(self, start: int, reference: int = 0) -> None:
        """Delete the cached files of the span that begins at frame ``start``."""
        for path in (self.anchor(start, reference), self.last_matched(start, reference)):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Delete what an earlier run left here, and nothing else."""
        super().clear()
        self.clear_evaluation()

    def clear_state(self) -> None:
        """Delete what only an unfinished run needs."""
        remove_tree(self.state)

    def clear_anchors(self) -> None:
        """Delete the cached files of all spans."""
        for pattern in ("anchor-*", "last_matched-*"):
            for path in self.state.glob(pattern):
                path.unlink(missing_ok=True)

    def clear_input(self) -> None:
        """Delete the extracted frames of a video."""
        self.input_record.unlink(missing_ok=True)
        remove_tree(self.input)

    def clear_evaluation(self) -> None:
        """Delete the evaluation of frames that no longer exist; other files there are kept."""
        for path in (self.evaluation_values, self.evaluation_page):
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # it contains other files, or does not exist
            self.evaluation.rmdir()

    def remove_torn_frames(self, outputs: tuple[str, ...]) -> None:
        """Delete temporary files that a killed worker left among the frames.

        Everything else is kept: storage servers put folders of thumbnails everywhere.
        """
        for output in outputs:
            folder = self.frames / output
            for path in folder.iterdir() if folder.is_dir() else ():
                if path.name.startswith(TEMPORARY_PREFIX) or path.suffix == ".tmp":
                    path.unlink(missing_ok=True)

    def _own_files(self) -> Sequence[Path]:
        videos = self.run_dir.glob("source[.-]*")
        return self.journal, self.films, self.status, self.plan, *videos

    def _own_folders(self) -> Sequence[Path]:
        return (
            self.rearranged,
            self.frames,
            self.state,
            self.logs,
            self.last_preview.parent,
            self.unfinished_films,
        )


def _span_name(start: int, reference: int) -> str:
    """Name a span by its first frame, and by its reference unless that is the first."""
    return f"{start:06d}" + (f"-{reference}" if reference else "")
