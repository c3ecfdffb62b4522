"""The sound of a run's films: where it comes from, and what becomes of each track."""

from __future__ import annotations

import shlex
from fractions import Fraction
from pathlib import Path

from batch_analogy.config.codecs import CODECS
from batch_analogy.config.run import RunConfig
from batch_analogy.errors import FilmError
from batch_analogy.jobs.plan.fingerprints import FileFingerprint
from batch_analogy.jobs.plan.kept_videos import video_at_hand
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.store import RunStore
from batch_analogy.media.animation import needs_pillow
from batch_analogy.media.container import read_container
from batch_analogy.media.encoding import Soundtrack, dropped_subtitles
from batch_analogy.media.joined_video import probe_videos
from batch_analogy.media.music import Music, music_seconds
from batch_analogy.media.numbered_output import is_pattern
from batch_analogy.media.sound import TrackChoice, choose_tracks


def soundtrack_of(config: RunConfig, plan: Plan, store: RunStore) -> Soundtrack | Music | None:
    """Return the music; or the video's sound, if the film is played at the video's speed.

    Raises:
        FilmError: the music is gone; or the video, and no copy of it was kept.
    """
    if config.music is not None:
        if not config.music.is_file():
            raise FilmError(
                f"the music of the film, {config.music}, is gone; put it back, or make the film "
                "without it: batch-analogy assemble --music none"
            )
        return Music(config.music, config.music_fade)
    if plan.video is None or plan.video_properties is None or not takes_sound(config, plan):
        return None
    videos = [_at_hand(file, store, part) for part, file in enumerate(plan.video_files)]
    return Soundtrack(probe_videos(videos), plan.video_properties.start, config.sound_tracks)


def _at_hand(file: FileFingerprint, store: RunStore, part: int) -> Path:
    """Return a video, or the copy of it in the run folder."""
    found = video_at_hand(file, store, part)
    if found is None:
        how = "has changed" if Path(file.path).is_file() else "is gone"
        raise FilmError(
            f"the film takes its sound from {file.path}, which {how}; put it back, or make the "
            "film without sound: "
            f"batch-analogy assemble {shlex.quote(str(store.run_dir))} --no-audio"
        )
    return found


def sound_choices(config: RunConfig, plan: Plan) -> list[TrackChoice]:
    """Return what becomes of each sound track of the video, for a person to know beforehand.

    Raises:
        InputError: the video cannot be read any more.
    """
    properties = plan.video_properties
    if plan.video is None or properties is None or not takes_sound(config, plan):
        return []
    store = RunStore(config.run_dir)
    found = [video_at_hand(file, store, part) for part, file in enumerate(plan.video_files)]
    videos = [video for video in found if video is not None]
    if is_pattern(config.output) or len(videos) < len(found):
        return []
    return choose_tracks(
        videos,
        read_container(videos[0]).sounds,
        config.output.suffix.lower(),
        begin=properties.start,
        tracks=config.sound_tracks,
    )


def subtitle_text(config: RunConfig, plan: Plan) -> str | None:
    """Return what becomes of the video's subtitles, for a person to know beforehand.

    Raises:
        InputError: the video cannot be read any more.
    """
    if plan.video is None or not takes_sound(config, plan) or is_pattern(config.output):
        return None
    video = Path(plan.video_files[0].path)
    codecs = read_container(video).subtitles if video.is_file() else ()
    if not codecs:
        return None
    dropped = dropped_subtitles(codecs, config.output.suffix.lower())
    if not dropped:
        return f"kept ({', '.join(dict.fromkeys(codecs))})"
    return f"WARNING: those of kind {', '.join(dropped)} are left out; a .mkv can hold them"


def stream_note(plan: Plan) -> str | None:
    """Return which of several videos in a file is styled, as cameras of two lenses write them.

    Raises:
        InputError: the video cannot be read any more.
    """
    video = None if plan.video is None else Path(plan.video_files[0].path)
    if video is None or not video.is_file() or needs_pillow(video):
        return None
    count = len(read_container(video).videos)
    if count < 2:
        return None
    return (
        f"{video.name} holds {count} videos, of which the first is used; for another, copy it out: "
        "ffmpeg -i FILE -map 0:v:1 -map 0:a? -c copy OTHER.mkv"
    )


def music_text(config: RunConfig, film_seconds: Fraction) -> str:
    """Return what becomes of the music of a film of some length.

    Raises:
        InputError: the music cannot be read any more.
    """
    assert config.music is not None
    length = music_seconds(config.music)
    if length is None or length > film_seconds:
        end = f"fades out over {config.music_fade:g} s" if config.music_fade else "is cut"
        return f"{config.music}, which {end} at the end of the film"
    return f"{config.music}, which ends {float(film_seconds - length):.1f} s before the film"


def takes_sound(config: RunConfig, plan: Plan) -> bool:
    """Return True if the film has the sound or the subtitles of the video."""
    properties = plan.video_properties
    if not config.keep_audio or properties is None or not properties.has_soundtrack:
        return False
    if CODECS[config.codec].animation:
        return False
    return (config.hold, config.blend) == (1, 1) and plan.fps == properties.fps


def needs_video(config: RunConfig, plan: Plan) -> bool:
    """Return True if the source video has to stay where it is until the film is made."""
    if plan.video is None or not takes_sound(config, plan):
        return False
    store = RunStore(config.run_dir)
    copies = [
        store.kept_video(Path(file.path).suffix, part) for part, file in enumerate(plan.video_files)
    ]
    return not all(copy.exists() for copy in copies)
