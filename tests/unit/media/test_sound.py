"""Sound tracks that cannot be copied, encoded or read: found before any work, never fatal."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from batch_analogy.media.container import read_container
from batch_analogy.media.encoding import Soundtrack, dropped_subtitles
from batch_analogy.media.film import FilmInfo, encode_film
from batch_analogy.media.sound import TrackChoice, choose_tracks
from batch_analogy.media.stills import write_png
from batch_analogy.media.video import probe_video

Clip = Callable[..., Path]
Tool = Callable[..., bytes]
H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p")


def phone_clip(folder: Path, clip: Clip, ffmpeg: Tool, *, unreadable_first: bool = False) -> Path:
    """Make a clip with a track of ``apac``, as recent phones write; no ffmpeg decodes it."""
    source = clip(folder / "a.mp4", *H264, "-c:a", "aac", sound="1")
    tracks = ("-map", "0:v", "-map", "0:a", "-map", "1:a")
    if unreadable_first:
        tracks = ("-map", "0:v", "-map", "1:a", "-map", "0:a")
    path = folder / "phone.mp4"
    number = 0 if unreadable_first else 1
    tone = ("-f", "lavfi", "-i", "sine=660:d=1")
    ffmpeg("-i", source, *tone, *tracks, "-c", "copy", f"-c:a:{number}", "alac", path)
    data = path.read_bytes()
    assert b"alac" in data
    path.write_bytes(data.replace(b"alac", b"apac"))
    return path


def wide_clip(path: Path, ffmpeg: Tool, layout: str) -> Path:
    """Make a clip with PCM of many channels."""
    count = {"5.1.4": 10, "7.1": 8, "24 channels": 24, "11 channels": 11}[layout]
    noise = np.random.default_rng(1).integers(-3000, 3000, 44100 * count).astype("<i2")
    path.with_suffix(".pcm").write_bytes(noise.tobytes())
    tone = ("-f", "s16le", "-ar", "44100", "-ch_layout", layout, "-i", path.with_suffix(".pcm"))
    picture = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=10:d=1")
    ffmpeg(*picture, *tone, *H264, "-c:a", "pcm_s16le", path)
    return path


def choices_of(path: Path, suffix: str, **options: str) -> list[TrackChoice]:
    sounds = read_container(path).sounds
    return choose_tracks([path], sounds, suffix, begin=Fraction(0), **options)


def film_of(source: Path, film: Path, **options: str) -> FilmInfo:
    picture = source.parent / "picture.png"
    write_png(picture, np.full((48, 64, 3), 0.5, np.float32))
    sound = Soundtrack(probe_video(source), Fraction(0), **options)
    return encode_film([picture] * 10, film, fps=Fraction(10), sound=sound)


def test_a_track_that_nothing_decodes_is_left_out_and_named(
    tmp_path: Path, clip: Clip, ffmpeg: Tool, caplog: pytest.LogCaptureFixture
) -> None:
    source = phone_clip(tmp_path, clip, ffmpeg)
    readable, unreadable = choices_of(source, ".mp4")
    assert (readable.encoder, readable.note) == (("copy",), None)
    assert unreadable.encoder is None
    assert unreadable.note is not None
    assert unreadable.note.startswith("sound track 2 (")
    assert "apac" in unreadable.note
    with caplog.at_level(logging.WARNING):
        assert film_of(source, tmp_path / "film.mp4").has_audio
    assert "sound track 2" in caplog.text
    assert probe_video(tmp_path / "film.mp4").audio_codecs == ("aac",)


def test_first_takes_the_first_track_that_can_be_taken(
    tmp_path: Path, clip: Clip, ffmpeg: Tool
) -> None:
    source = phone_clip(tmp_path, clip, ffmpeg, unreadable_first=True)
    unreadable, readable = choices_of(source, ".mp4", tracks="first")
    assert (unreadable.encoder, readable.index, readable.encoder) == (None, 1, ("copy",))
    (tmp_path / "b").mkdir()
    source = phone_clip(tmp_path / "b", clip, ffmpeg)
    assert [choice.index for choice in choices_of(source, ".mp4", tracks="first")] == [0]
    film_of(source, tmp_path / "film.mkv", tracks="first")
    assert probe_video(tmp_path / "film.mkv").audio_codecs == ("aac",)


@pytest.mark.parametrize(
    ("layout", "suffix", "stored", "channels"),
    [
        ("5.1.4", ".mp4", "aac", 6),  # ten channels, which AAC here cannot hold
        ("5.1.4", ".mov", "pcm_s16le", 10),
        ("7.1", ".mp4", "aac", 8),
        ("11 channels", ".mp4", "aac", 2),  # without names there is no rule for mixing
        ("5.1.4", ".mkv", "pcm_s16le", 10),
    ],
)
def test_many_channels_are_kept_or_mixed_down(
    tmp_path: Path, ffmpeg: Tool, layout: str, suffix: str, stored: str, channels: int
) -> None:
    source = wide_clip(tmp_path / "a.mkv", ffmpeg, layout)
    (choice,) = choices_of(source, suffix)
    assert choice.encoder is not None
    assert (choice.note is not None) == (channels not in (8, 10))
    film_of(source, tmp_path / f"film{suffix}")
    (sound,) = read_container(tmp_path / f"film{suffix}").sounds
    assert (sound.codec, sound.channels) == (stored, channels)


def test_a_track_that_begins_late_is_kept(tmp_path: Path, clip: Clip, ffmpeg: Tool) -> None:
    source = clip(tmp_path / "a.mp4", *H264, "-c:a", "aac", sound="1")
    late = ("-i", source, "-itsoffset", "3", "-i", source, "-map", "0:v", "-map", "1:a")
    for codec in ("copy", "libvorbis"):
        ffmpeg(*late, "-c:v", "copy", "-c:a", codec, tmp_path / "late.mkv")
        (choice,) = choices_of(tmp_path / "late.mkv", ".mp4")
        assert choice.encoder is not None


def test_sound_that_fails_while_the_film_is_encoded_costs_the_sound_alone(
    tmp_path: Path, clip: Clip, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The video is on a disk that goes away after the plan was made."""
    source = clip(tmp_path / "a.mp4", *H264, "-c:a", "aac", sound="1")
    choices = Soundtrack.choices

    def choose_and_go(self: Soundtrack, suffix: str) -> list[TrackChoice]:
        found = choices(self, suffix)
        os.rename(source, tmp_path / "gone.mp4")
        return found

    monkeypatch.setattr(Soundtrack, "choices", choose_and_go)
    with caplog.at_level(logging.WARNING):
        info = film_of(source, tmp_path / "film.mp4")
    assert (info.frames, info.has_audio) == (10, False)
    assert "has no sound" in caplog.text
    assert probe_video(tmp_path / "film.mp4").frame_count == 10


def test_subtitles_that_cannot_be_converted_cost_the_subtitles_alone(
    tmp_path: Path, clip: Clip, ffmpeg: Tool, caplog: pytest.LogCaptureFixture
) -> None:
    """Words in another encoding than UTF-8, as old programs wrote them."""
    source = clip(tmp_path / "a.mp4", *H264, "-c:a", "aac", sound="1")
    (tmp_path / "a.srt").write_text("1\n00:00:00,200 --> 00:00:00,700\nabcdefgh\n\n")
    inputs = ("-i", source, "-i", tmp_path / "a.srt", "-map", "0", "-map", "1")
    ffmpeg(*inputs, "-c", "copy", "-c:s", "srt", tmp_path / "words.mkv")
    data = (tmp_path / "words.mkv").read_bytes()
    assert data.count(b"abcdefgh") == 1
    (tmp_path / "words.mkv").write_bytes(data.replace(b"abcdefgh", b"\xe9\xff\xe8\xfe" * 2))
    with caplog.at_level(logging.WARNING):
        assert film_of(tmp_path / "words.mkv", tmp_path / "film.mp4").has_audio
    info = probe_video(tmp_path / "film.mp4")
    assert (info.frame_count, info.audio_codecs) == (10, ("aac",))
    assert "has no subtitles" in caplog.text


def test_a_choice_does_for_every_file_of_a_recording(
    tmp_path: Path, clip: Clip, ffmpeg: Tool
) -> None:
    good = clip(tmp_path / "good.mp4", *H264, "-c:a", "aac", sound="1")
    bad = tmp_path / "bad.mp4"
    ffmpeg("-i", good, "-vn", "-c:a", "alac", bad)
    bad.write_bytes(bad.read_bytes().replace(b"alac", b"apac"))
    sounds = read_container(good).sounds
    begin = Fraction(1, 2)
    assert choose_tracks([good, good], sounds, ".mp4", begin=begin)[0].encoder == ("copy",)
    choice = choose_tracks([good, bad], sounds, ".webm", begin=begin)[0]
    assert choice.encoder is None
    assert "in bad.mp4" in (choice.note or "")


def test_says_which_subtitles_a_container_does_not_take() -> None:
    found = ["hdmv_pgs_subtitle", "subrip", "dvb_subtitle", "hdmv_pgs_subtitle"]
    assert dropped_subtitles(found, ".mp4") == ["dvb_subtitle", "hdmv_pgs_subtitle"]
    assert dropped_subtitles(found, ".mkv") == []
