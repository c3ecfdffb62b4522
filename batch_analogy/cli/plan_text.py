"""Text of a plan: its frames, segments and films, and what they will cost."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from batch_analogy.cli.colour_text import colour_rows
from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import DONE
from batch_analogy.cli.look_text import look_rows
from batch_analogy.cli.order_text import missing_rows, order_rows, orientation_rows
from batch_analogy.cli.painting_text import painting_rows
from batch_analogy.cli.run_watcher import duration
from batch_analogy.config.run import RunConfig

if TYPE_CHECKING:
    from batch_analogy.jobs.drive.estimate import Estimate
    from batch_analogy.jobs.drive.film_outputs import FilmPlan
    from batch_analogy.jobs.plan.run_plan import Plan

MAX_OPENED = 100
MAX_SHOWN_UNUSABLE = 10
MAX_SHOWN_SHOTS = 8
MAX_SHOWN_REFERENCES = 12


def print_plan(console: Console, config: RunConfig, plan: Plan) -> int:
    """Print a plan and its cost as the result, and return the exit code."""
    from batch_analogy.jobs.drive.estimate import estimate
    from batch_analogy.jobs.plan.plan_file import plan_to_json

    cost = estimate(config, plan)
    for name, text in [
        *_plan_rows(config, plan),
        *_gone_rows(config, plan),
        *_cost_rows(config, cost),
    ]:
        console.result(f"{name:10}{text}")
    console.event("plan", **plan_to_json(plan), estimate=cost, run_dir=config.run_dir)
    return DONE


def _plan_rows(config: RunConfig, plan: Plan) -> Iterator[tuple[str, str]]:
    from batch_analogy.jobs.drive.film_frames import film_seconds
    from batch_analogy.jobs.drive.film_outputs import films_of
    from batch_analogy.jobs.drive.film_sound import music_text, sound_choices
    from batch_analogy.jobs.plan.ranges import format_frames

    about = "about " if plan.estimated else ""
    shots = f" and {len(plan.shots)} shots" if len(plan.shots) > 1 else ""
    yield "frames", f"{about}{plan.total} in {_segments(plan)}{shots}, from {_source(config, plan)}"
    for number, file in enumerate(plan.recordings):
        yield "" if number else "video", file.path
    if plan.leave_out:
        yield "left out", format_frames(plan.leave_out)
    if plan.video is None and len(plan.frames) > 1:
        yield from order_rows(config, plan)
        yield from missing_rows(config, plan)
        yield from orientation_rows(plan)
        yield from _own_reference_rows(plan)
    yield from _depth_rows(plan)
    yield from _animation_rows(plan)
    yield from _alpha_rows(config, plan)
    yield from colour_rows(config, plan)
    if plan.white_balance is not None:
        balance = " : ".join(f"{factor:.3f}" for factor in plan.white_balance[:3])
        yield "RAW", f"all developed alike, with the white balance of the first ({balance})"
    yield from _found_rows(config, plan)
    if plan.painting is None:
        yield from _reference_rows(config, plan)
    yield from painting_rows(plan)
    yield from look_rows(plan)
    for film in films_of(config):
        yield from _film_rows(config, plan, film)
    yield from (("sound", choice.text) for choice in sound_choices(config, plan))
    yield from _stream_rows(config, plan)
    yield from _silence_rows(config, plan)
    yield from _text_rows(config, plan)
    if config.music is not None:
        yield "music", music_text(config, film_seconds(config, plan))
    yield "run", str(config.run_dir)
    failed = [frame for frame in plan.wanted() if frame.error is not None]
    for frame in failed[:MAX_SHOWN_UNUSABLE]:
        yield "unusable", f"frame {frame.index}: {frame.error}"
    if len(failed) > MAX_SHOWN_UNUSABLE:
        yield "", f"… and {len(failed) - MAX_SHOWN_UNUSABLE} more"


def _reference_rows(config: RunConfig, plan: Plan) -> Iterator[tuple[str, str]]:
    if not plan.references:
        yield "reference", f"{config.reference}, {plan.reference_width}x{plan.reference_height}"
        return
    places = [
        f"{Path(reference.fingerprint.path).name} at frame {reference.frame}"
        for reference in plan.references
    ]
    count = len(places)
    shown = (
        places
        if count <= MAX_SHOWN_REFERENCES
        else [*places[: MAX_SHOWN_REFERENCES - 1], places[-1]]
    )
    yield "reference", f"{config.reference}: {count}, each fading into the next"
    for place in shown:
        yield "", place
    if count > len(shown):
        yield "", f"and {count - len(shown)} more between those"


def _own_reference_rows(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield a warning if the reference is one of the frames, which may be a mistake."""
    for frame in plan.wanted():
        if frame.source == plan.reference.path and plan.painting is None:
            yield (
                "",
                f"WARNING: the reference {frame.name} lies among the frames and is frame "
                f"{frame.index} of the film; if it should not be one, move it elsewhere",
            )


def plan_notes(config: RunConfig, plan: Plan) -> Iterator[str]:
    """Yield the warnings of a plan alone."""
    from batch_analogy.jobs.drive.film_outputs import films_of
    from batch_analogy.jobs.drive.film_sound import needs_video, sound_choices

    if plan.video is None and len(plan.frames) > 1:
        rows = [*order_rows(config, plan), *missing_rows(config, plan), *orientation_rows(plan)]
        yield from (text for name, text in rows if name not in ("order", "numbers", "turned"))
        yield from (text for _, text in _own_reference_rows(plan))
        yield from (text for _, text in _depth_rows(plan))
    rows = [*_alpha_rows(config, plan), *colour_rows(config, plan)]
    yield from (text for _, text in rows if text.startswith("WARNING"))
    yield from (text for _, text in _animation_rows(plan))
    unusable = [frame for frame in plan.wanted() if frame.error is not None]
    if unusable:
        many = f"{len(unusable)} of {plan.total} frames"
        yield f"WARNING: {many} cannot be used; the first: {unusable[0].error}"
    if plan.clips:
        yield f"the film has the clips of {config.source} without their sound"
    elif plan.recordings:
        names = ", ".join(Path(file.path).name for file in plan.recordings)
        yield f"{len(plan.recordings)} files are taken for one recording, in this order: {names}"
    if config.temporal == "on" and not plan.coherent and len(plan.frames) > 1:
        yield f"WARNING: {_apart(config)}"
    if plan.video is not None and needs_video(config, plan):
        yield f"WARNING: keep {plan.video.path} until the film is made; it holds the film's sound"
    yield from (text for _, text in [*_silence_rows(config, plan), *_text_rows(config, plan)])
    yield from (text for _, text in _stream_rows(config, plan) if text.startswith("WARNING"))
    notes = (choice.note for choice in sound_choices(config, plan))
    yield from (f"WARNING: {note}" for note in notes if note)
    for film in films_of(config):
        yield from (text for name, text in _film_rows(config, plan, film) if not name)
    yield from (text for name, text in painting_rows(plan) if name != "painted")
    yield from (text for name, text in look_rows(plan) if not name)


def _animation_rows(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield warnings of animated pictures, and of pages, of which only the first is used."""
    from batch_analogy.media.animation import animation_notes

    first = [] if plan.video is not None else [plan.usable()[0].source]
    given = [one.fingerprint.path for one in plan.all_references]
    if plan.painting is not None:
        pairs = [(key.painted, key.example) for key in plan.painting.keys]
        given = [one.path for pair in pairs for one in pair if one is not None]
    for path in [*first, *given[:MAX_SHOWN_REFERENCES]]:
        for note in animation_notes(Path(path)):
            yield "", f"WARNING: {note}"


def _depth_rows(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield a note if the first still has more bits than are used."""
    from batch_analogy.errors import FrameError
    from batch_analogy.media.stills import read_depth_loss

    if plan.video is not None:
        return
    first = plan.usable()[0]
    try:
        loss = read_depth_loss(Path(first.source))
    except FrameError:
        return  # it was deleted meanwhile; its worker will report it
    if loss is not None:
        yield "depth", f"only 8 of the 16 bits of {first.name} are used: {loss}"


def _film_rows(config: RunConfig, plan: Plan, film: FilmPlan) -> Iterator[tuple[str, str]]:
    """Yield a film's place, size and rate, and what plays it if not everything does."""
    from batch_analogy.jobs.drive.film_outputs import encoding_of
    from batch_analogy.media.film_layout import film_size_of, playing_note
    from batch_analogy.media.numbered_output import is_pattern

    frame = plan.picture_size(film.output, plan.usable()[0].index)
    encoding = encoding_of(config, plan)
    height, width = film_size_of(film.path, frame, encoding, plan.fps)
    made = "" if (height, width) == frame else f" (frames of {frame[1]}x{frame[0]})"
    yield "film", f"{film.path}, {width}x{height}{made}, {_rate(config, plan)}"
    if not is_pattern(film.path):
        properties = plan.video_properties
        deep = properties is not None and properties.high_bit_depth
        note = playing_note(encoding, (height, width), plan.fps, deep=deep)
        yield from [("", f"WARNING: {note}")] if note else []


def _text_rows(config: RunConfig, plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield where dates come from, and warnings of texts that cannot be burnt as meant."""
    from batch_analogy.jobs.drive.film_texts import text_notes

    yield from (("text", note) for note in text_notes(config, plan))


def _stream_rows(config: RunConfig, plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield what becomes of a video's subtitles, and of further videos in its file."""
    from batch_analogy.jobs.drive.film_sound import stream_note, subtitle_text

    if subtitles := subtitle_text(config, plan):
        yield "subtitles", subtitles
    if several := stream_note(plan):
        yield "", f"WARNING: {several}"


def _silence_rows(config: RunConfig, plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield a warning if the video has sound that the film cannot hold."""
    from batch_analogy.config.codecs import CODECS
    from batch_analogy.media.numbered_output import is_pattern

    codec, properties = CODECS[config.codec], plan.video_properties
    sounds = config.keep_audio and properties is not None and properties.has_soundtrack
    if sounds and codec.animation and not is_pattern(config.output):
        yield "sound", f"WARNING: {codec.title} has no sound; the film is silent"


def _alpha_rows(config: RunConfig, plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield whether the film keeps the transparency of the frames, if they have any."""
    from batch_analogy.config.codecs import CODECS
    from batch_analogy.media.encoding import KEEP_ALPHA
    from batch_analogy.media.numbered_output import is_pattern

    if not _are_transparent(config, plan):
        return
    are = "may be" if plan.estimated else "are"
    alpha = CODECS[config.codec].alpha
    if is_pattern(config.output):
        yield "alpha", "the pictures are as transparent as the frames"
    elif alpha is not None:
        yield "alpha", f"the film is as transparent as the frames, as {alpha.title}"
    else:
        codec = CODECS[config.codec].title
        yield (
            "alpha",
            f"WARNING: the frames {are} transparent, which {codec} cannot hold: the film shows "
            f"them over white; {KEEP_ALPHA}",
        )


def _are_transparent(config: RunConfig, plan: Plan) -> bool:
    """Return whether the frames have an alpha channel; of many, some are looked at.

    The frames of a video are deleted when its film is made; then the finished ones tell.
    """
    from batch_analogy.errors import FrameError
    from batch_analogy.jobs.drive.film_outputs import films_of
    from batch_analogy.jobs.store import RunStore
    from batch_analogy.media.stills import read_has_alpha

    properties = plan.video_properties
    if properties is not None and (not properties.has_alpha or plan.estimated):
        return properties.has_alpha  # not extracted yet; many such videos turn out to be opaque
    usable, store = plan.usable(), RunStore(config.run_dir)
    output = films_of(config)[0].output
    for frame in usable[:: max(1, len(usable) // MAX_OPENED)]:
        source = Path(frame.source)
        if plan.video is not None and not source.exists():
            source = store.frame(output, frame.index)
        with contextlib.suppress(FrameError):  # it was deleted meanwhile; its worker will report it
            if read_has_alpha(source):
                return True
    return False


def _apart(config: RunConfig) -> str:
    """Return the reason why each frame is made by itself although --temporal is on."""
    return (
        f"each frame is made by itself, since {config.incoherent_option} rules out temporal "
        "coherence, so the film may flicker; leave the option out for a steady film"
    )


def _found_rows(config: RunConfig, plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield what holds across frames: temporal coherence, cuts and evened exposures."""
    from batch_analogy.jobs.plan.ranges import format_range

    if plan.coherent:
        yield "temporal", "on: frames are made along the motion between them"
    else:
        alone = "each frame is made by itself"
        yield "temporal", f"off: {_apart(config) if config.temporal == 'on' else alone}"

    if len(plan.shots) > 1:
        shown = [format_range(shot.start, shot.stop) for shot in plan.shots[:MAX_SHOWN_SHOTS]]
        rest = len(plan.shots) - len(shown)
        yield "shots", ", ".join(shown) + (f" … and {rest} more" if rest else "")
    changes = [frame.exposure_ev for frame in plan.frames if frame.exposure_ev]
    if changes:
        corrections = f"{min(changes):+.2f} to {max(changes):+.2f} EV"
        yield "exposure", f"corrected in {len(changes)} frames, by {corrections}"


def _source(config: RunConfig, plan: Plan) -> str:
    from batch_analogy.jobs.plan.video_properties import describe_time_range
    from batch_analogy.media.timing import WHOLE_VIDEO

    source = config.source
    if plan.clips:
        count, files = len(plan.clips), len(plan.recordings)
        of = "one video" if files == 1 else f"{files} videos"
        source = f"{count} clips of {of}, as in {source}"
    elif plan.recordings:
        source = f"the {len(plan.recordings)} files of a recording, one after the other"
    elif config.files:
        source = f"{len(config.files)} paths in {source}"
    if plan.time_range == WHOLE_VIDEO:
        return source
    return f"{source}, {describe_time_range(plan.time_range)}"


def _rate(config: RunConfig, plan: Plan) -> str:
    made = f", each the mean of {config.blend} frames" if config.blend > 1 else ""
    made += f", each shown {config.hold} times" if config.hold > 1 else ""
    if plan.constant_rate or config.fps is not None:
        return f"{frame_rate(plan.fps)} frames/s{made}"
    return f"frames at the video's own times, {float(plan.fps):.2f} per second on average{made}"


def _segments(plan: Plan) -> str:
    lengths = {segment.stop - segment.start for segment in plan.segments}
    longest = f" of at most {max(lengths)} frames" if max(lengths) > 1 else ""
    plural = "" if len(plan.segments) == 1 else "s"
    return f"{len(plan.segments)} segment{plural}{longest}"


def _gone_rows(config: RunConfig, plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield warnings of inputs that no longer lie where they were when the run was planned."""
    from batch_analogy.jobs.drive.gone_inputs import gone_inputs
    from batch_analogy.jobs.store import RunStore

    for gone in gone_inputs(config, plan, RunStore(config.run_dir)):
        yield "", f"WARNING: {gone} is gone; without it no frame can be made again"


def _cost_rows(config: RunConfig, cost: Estimate) -> Iterator[tuple[str, str]]:
    if not cost.left:
        yield "time", "none: every frame is finished"
        return
    yield "time", _time(config, cost)
    short = cost.free_bytes < cost.disk_bytes
    warning = ": TOO LITTLE; free some, or choose another folder with --run-dir" if short else ""
    yield (
        "disk",
        f"about {_size(cost.disk_bytes)} more, {_size(cost.free_bytes)} are free{warning}",
    )


def _time(config: RunConfig, cost: Estimate) -> str:
    if cost.seconds_per_frame is None:
        return "not known before a frame is done; batch-analogy preview measures it"
    pace = f"{cost.seconds_per_frame:.1f} s per frame and worker, measured on {cost.measured}"
    if cost.seconds is None:
        whole = duration(cost.seconds_per_frame * cost.left)
        address = config.execution.address
        return f"about {whole} of work, shared by the workers at {address} ({pace})"
    workers = "1 worker" if cost.workers == 1 else f"{cost.workers} workers"
    return f"about {duration(cost.seconds)} for {cost.left} frames on {workers} ({pace})"


def _size(size_bytes: int) -> str:
    """Format a size.

    >>> _size(1_200_000), _size(52_300_000_000)
    ('1 MB', '52.3 GB')
    """
    if size_bytes < 1e9:
        return f"{max(1, round(size_bytes / 1e6))} MB"
    return f"{size_bytes / 1e9:.1f} GB"


def frame_rate(fps: Fraction) -> str:
    """Format a frame rate.

    >>> frame_rate(Fraction(24)), frame_rate(Fraction(24000, 1001))
    ('24', '23.976')
    """
    return str(fps.numerator) if fps.denominator == 1 else f"{float(fps):.3f}"
