"""The sound of a run's films: where it comes from, and what becomes of each track."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from batch_analogy.config.codecs import CODECS
from batch_analogy.config.run import RunConfig
from batch_analogy.errors import FilmError
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.store import RunStore
from batch_analogy.media.container import read_container
from batch_analogy.media.encoding import Soundtrack
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
    videos = [_at_hand(Path(file.path), store, part) for part, file in enumerate(plan.video_files)]
    return Soundtrack(probe_videos(videos), plan.video_properties.start, config.sound_tracks)


def _at_hand(video: Path, store: RunStore, part: int) -> Path:
    """Return a video, or the copy of it in the run folder."""
    copy = store.kept_video(video.suffix, part)
    for path in (video, copy):
        if path.is_file():
            return path
    raise FilmError(
        f"the film takes its sound from {video}, which is gone; put it back, or make the film "
        "without sound: batch-analogy assemble --no-audio"
    )


def sound_choices(config: RunConfig, plan: Plan) -> list[TrackChoice]:
    """Return what becomes of each sound track of the video, for a person to know beforehand.

    Raises:
        InputError: the video cannot be read any more.
    """
    properties = plan.video_properties
    if plan.video is None or properties is None or not takes_sound(config, plan):
        return []
    video = Path(plan.video.path)
    if is_pattern(config.output) or not video.is_file():
        return []
    return choose_tracks(
        video,
        read_container(video).sounds,
        config.output.suffix.lower(),
        begin=properties.start,
        tracks=config.sound_tracks,
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
