"""Containers whose streams ffmpeg lists in unusual places, or beside text that looks like them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from batch_analogy.errors import InputError
from batch_analogy.media.container import SoundStream, read_container
from batch_analogy.media.extract import extract_frames
from batch_analogy.media.sequence import is_video
from batch_analogy.media.video import probe_video

Clip = Callable[..., Path]
Tool = Callable[..., bytes]
H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p")
IMITATION = (
    "x\n  Stream #0:9: Video: vp9, rgba(pc, bt2020nc), 8x8, 99 fps, 99 tbr\n    alpha_mode : 1"
)
CHAPTERS = ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/10\nSTART=0\nEND=5\ntitle=One\n"


def talking(path: Path, clip: Clip) -> Path:
    return clip(path, *H264, "-c:a", "aac", sound="1")


def two_programs(folder: Path, clip: Clip, ffmpeg: Tool) -> Path:
    """Make a broadcast of two programs; ffmpeg lists each one's streams below its name."""
    source = talking(folder / "a.mp4", clip)
    programs = ("-program", "title=one:st=0:st=1", "-program", "title=two:st=2:st=3")
    maps = ("-map", "0:v", "-map", "0:a", "-map", "1:v", "-map", "1:a")
    ffmpeg("-i", source, "-i", source, *maps, "-c", "copy", *programs, folder / "x.ts")
    return folder / "x.ts"


def test_reads_a_video_with_a_timecode_track(tmp_path: Path, clip: Clip, ffmpeg: Tool) -> None:
    """ffmpeg 9 lists such streams below "Stream group"."""
    source = talking(tmp_path / "a.mp4", clip)
    for name in ("tc.mp4", "tc.mov"):
        ffmpeg("-i", source, "-c", "copy", "-timecode", "01:00:00:00", tmp_path / name)
        info = probe_video(tmp_path / name)
        assert (info.fps, info.frame_count, info.audio_codecs) == (Fraction(10), 10, ("aac",))
        assert len(extract_frames(info, tmp_path / f"{name}.frames").paths) == 10


def test_reads_a_broadcast_of_two_programs(tmp_path: Path, clip: Clip, ffmpeg: Tool) -> None:
    path = two_programs(tmp_path, clip, ffmpeg)
    container = read_container(path)
    assert [video.codec for video in container.videos] == ["h264", "h264"]
    info = probe_video(path)
    assert (info.frame_count, info.audio_codecs) == (10, ("aac", "aac"))


def test_reads_chapters_fonts_and_covers(tmp_path: Path, clip: Clip, ffmpeg: Tool) -> None:
    source = talking(tmp_path / "a.mp4", clip)
    (tmp_path / "chapters.txt").write_text(CHAPTERS)
    (tmp_path / "a.ttf").write_bytes(b"no font")
    cover = clip(tmp_path / "cover.png", "-frames:v", "1", size="32x32")
    font = ("-attach", tmp_path / "a.ttf", "-metadata:s:t", "mimetype=font/ttf")
    inputs = ("-i", source, "-i", tmp_path / "chapters.txt", "-map_metadata", "1")
    ffmpeg(*inputs, "-c", "copy", *font, tmp_path / "x.mkv")
    first = ("-i", cover, "-i", source, "-map", "0", "-map", "1", "-c", "copy")
    ffmpeg(*first, "-disposition:v:0", "attached_pic", tmp_path / "x.mp4")
    for name in ("x.mkv", "x.mp4"):
        info = probe_video(tmp_path / name)
        assert (info.width, info.frame_count, info.audio_codecs) == (64, 10, ("aac",))


def test_a_title_that_imitates_a_stream_is_no_stream(
    tmp_path: Path, clip: Clip, ffmpeg: Tool
) -> None:
    source = talking(tmp_path / "a.mp4", clip)
    tags = ("-metadata", f"title={IMITATION}", "-metadata:s:v:0", f"title={IMITATION}")
    ffmpeg("-i", source, "-c", "copy", *tags, tmp_path / "x.mkv")
    info = probe_video(tmp_path / "x.mkv")
    assert (info.fps, info.decoder, info.tags.pixel_format) == (Fraction(10), (), "yuv420p")


def test_reads_tags_that_are_no_utf8(tmp_path: Path, clip: Clip, ffmpeg: Tool) -> None:
    path = tmp_path / "x.mkv"
    ffmpeg("-i", talking(tmp_path / "a.mp4", clip), "-c", "copy", "-metadata", "title=abc", path)
    data = path.read_bytes()
    assert data.count(b"abc") == 1
    path.write_bytes(data.replace(b"abc", b"\xe9\xff\xe8"))
    assert probe_video(path).frame_count == 10


MPEG = ("-c:v", "mpeg2video", "-c:a", "mp2")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.vob", (*MPEG, "-f", "vob")),
        ("a.MOD", (*MPEG, "-f", "vob")),
        ("a.tod", (*MPEG, "-f", "mpegts")),
        ("a.m2v", ("-c:v", "mpeg2video", "-an", "-f", "mpeg2video")),
        ("a.dv", ("-vf", "scale=720:576,fps=25", "-ar", "48000", "-ac", "2", "-f", "dv")),
        ("a.asf", ("-c:v", "wmv2", "-c:a", "wmav2")),
        ("a.f4v", (*H264, "-f", "flv")),
        ("a.insv", (*H264, "-f", "mp4")),
        ("a.360", (*H264, "-f", "mp4")),
        ("a.LRV", (*H264, "-f", "mp4")),
        ("a", (*H264, "-f", "mp4")),
        ("a.2024-05-01", (*H264, "-f", "matroska")),
        ("a.jpg", (*H264, "-f", "mp4")),  # not what its name says
    ],
)
def test_a_video_is_known_by_its_content(
    tmp_path: Path, clip: Clip, name: str, options: tuple[str, ...]
) -> None:
    path = clip(tmp_path / name, *options, sound="1")
    assert is_video(path)
    assert probe_video(path).frame_count in (10, 25)


def test_stills_sound_and_text_are_no_videos(tmp_path: Path, clip: Clip, ffmpeg: Tool) -> None:
    flat = Image.new("RGB", (64, 48))
    for name, kind in [("a", "JPEG"), ("b", "PNG"), ("c", "AVIF"), ("d", "WEBP"), ("e", "TIFF")]:
        flat.save(tmp_path / name, format=kind)
    flat.save(tmp_path / "f.ico", format="ICO")
    (tmp_path / "g.txt").write_text("words\n" * 50)
    (tmp_path / "h.nfo").write_text("words\n" * 50)
    (tmp_path / "i").write_bytes(np.random.default_rng(1).bytes(50_000))
    (tmp_path / "j").touch()
    ffmpeg("-f", "lavfi", "-i", "sine=d=0.2", tmp_path / "k.mp3")
    cover = ("-i", tmp_path / "k.mp3", "-i", tmp_path / "a", "-map", "0", "-map", "1", "-c", "copy")
    ffmpeg(*cover, "-disposition:v", "attached_pic", tmp_path / "l.mp3")
    assert [path.name for path in sorted(tmp_path.iterdir()) if is_video(path)] == []


@pytest.mark.parametrize(
    ("options", "interlaced", "deep", "alpha"),
    [
        (("-flags", "+ilme+ildct", "-vf", "setfield=tff", *H264), True, False, False),
        (("-c:v", "prores_ks", "-pix_fmt", "yuva444p10le"), False, True, True),
        (("-c:v", "ffv1", "-pix_fmt", "gbrp16le"), False, True, False),
        (("-c:v", "ffv1", "-pix_fmt", "gray10le"), False, True, False),
        (("-c:v", "mjpeg", "-pix_fmt", "yuvj420p"), False, False, False),
    ],
)
def test_reads_fields_depth_and_alpha(
    tmp_path: Path, clip: Clip, options: tuple[str, ...], interlaced: bool, deep: bool, alpha: bool
) -> None:
    tags = read_container(clip(tmp_path / "a.mkv", *options)).videos[0].tags
    assert (tags.interlaced, tags.is_deep, tags.has_alpha) == (interlaced, deep, alpha)
    assert tags.full_range == (options[-1] in ("gbrp16le", "gray10le", "yuvj420p"))


def test_names_the_language_and_channels_of_sound(tmp_path: Path, clip: Clip, ffmpeg: Tool) -> None:
    source = talking(tmp_path / "a.mp4", clip)
    spoken = ("-metadata:s:a:0", "language=ita", "-ac", "2", "-c:a", "flac")
    ffmpeg("-i", source, "-c:v", "copy", *spoken, tmp_path / "x.mkv")
    assert read_container(tmp_path / "x.mkv").sounds == (
        SoundStream(codec="flac", language="ita", channels=2),
    )
    assert read_container(source).sounds[0].language is None


def test_a_playlist_opens_no_address(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n")
    with pytest.raises(InputError, match=r"cannot be decoded|neither video nor sound"):
        probe_video(path)


def test_reads_when_a_recording_began(tmp_path: Path, clip: Clip, ffmpeg: Tool) -> None:
    """Apple's tag has the clock of the place; clocks that were never set tell nothing."""
    source = talking(tmp_path / "a.mp4", clip)
    utc = ("-metadata", "creation_time=2024-05-31T16:03:12.5Z")
    place = "com.apple.quicktime.creationdate=2024-05-31T18:03:12+0200"
    apple = ("-movflags", "use_metadata_tags", "-metadata", place)
    late = (*apple[:3], "com.apple.quicktime.creationdate=9999-12-31T23:59:59.95")
    unset = ("-metadata", "creation_time=1904-01-02T00:00:00Z")
    wrong = ("-metadata", "creation_time=yesterday")
    found = []
    tagged = [("a.mkv", utc), ("b.mov", (*utc, *apple)), ("c.mkv", unset), ("d.mkv", wrong)]
    tagged.append(("e.mov", late))
    for name, tags in tagged:
        ffmpeg("-i", source, "-c", "copy", *tags, tmp_path / name)
        found.append(read_container(tmp_path / name).created)
    assert found == [
        "2024-05-31T16:03:12.500000+00:00",
        "2024-05-31T18:03:12.000000+02:00",
        None,
        None,
        None,
    ]
    assert probe_video(tmp_path / "b.mov").created == found[1]
    assert read_container(source).created is None
