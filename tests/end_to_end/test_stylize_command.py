"""The command stylize: what is kept of a video, and awkward videos."""

from __future__ import annotations

import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import pytest
from PIL import Image

from batch_analogy.media.ffmpeg import run_ffmpeg
from batch_analogy.media.video import probe_video
from tests.support.command_line import HERE, Call, picture

H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p")


def make(path: Path, *options: str, source: str = "testsrc2=s=80x64:r=10:d=0.3") -> Path:
    tool = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-f", "lavfi", "-i", source]
    target = f"file:{path}"
    subprocess.run([*tool, *(options or H264), target], check=True)
    return path


def test_rate_sound_and_time_range_are_kept(call: Call, reference: Path, tmp_path: Path) -> None:
    sound = ("-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac")
    clip = make(tmp_path / "clip.mov", *sound, *H264, source="testsrc2=s=80x64:r=24000/1001:d=1")
    film = tmp_path / "film.mov"
    part = ["--start", "0.5", "--end", "00:00:00:15", "--codec", "prores"]
    call("stylize", reference, clip, "-o", film, *part, *HERE).assert_ended(0)
    info = probe_video(film)
    assert (info.fps, info.frame_count) == (Fraction(24000, 1001), 3)
    assert (info.tags.pixel_format, info.has_audio) == ("yuv422p10le", True)
    ended = call("assemble", tmp_path / "film.run", "--codec", "h265", "--depth", "10")
    ended.assert_ended(0)
    assert probe_video(film).tags.pixel_format == "yuv420p10le"
    pictures = tmp_path / "pictures"
    call("assemble", tmp_path / "film.run", "-o", f"{pictures}/").assert_ended(0, "%06d.png")
    assert sorted(p.name for p in pictures.iterdir()) == [f"{n:06d}.png" for n in range(3)]


def test_the_plan_shows_times_and_time_range(call: Call, reference: Path, tmp_path: Path) -> None:
    uneven = ("-vf", "select='not(eq(n,1))'", "-fps_mode", "vfr", *H264)
    clip = make(tmp_path / "clip.mp4", *uneven, source="testsrc2=s=80x64:r=10:d=0.6")
    command = ["plan", reference, clip, "--as", "stylize", "--dry-run", "-o", tmp_path / "f.mp4"]
    call(*command).assert_ended(0, "about 5 in", "at the video's own times")
    call(*command, "--end", "0.2").assert_ended(0, "about 1 in", "from the beginning to 0.2 s")


@pytest.mark.parametrize("name", ["-clip.mp4", "http:clip.mp4", "concat:a|b.mp4", "a %03d.mp4"])
def test_file_names_may_look_like_options_or_patterns(
    call: Call, reference: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    command = ["stylize", *HERE, "--end", "0.1", "-o", tmp_path / "film.mp4"]
    call(*command, "--", reference, name).assert_ended(0)
    assert probe_video(tmp_path / "film.mp4").frame_count == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--start", "9"], ["lasts 0.300 s", "--start"]),
        (["--end", "noon"], ["'noon' is not a time"]),
        (["--codec", "ffv1", "-o", "f.mp4"], ["f.mp4", ".mkv", "FFV1"]),
        (["--codec", "prores", "--depth", "8"], ["ProRes has 10 bits"]),
        (["--depth", "12"], ["depth is 12", "8 or 10"]),
        (["-o", "out/%d-%d.png"], ["more than one number"]),
    ],
)
def test_rejects_impossible_film_options(
    call: Call,
    reference: Path,
    tmp_path: Path,
    options: list[str],
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    clip = make(tmp_path / "clip.mp4")
    call("stylize", reference, clip, *HERE, *options).assert_failed(2, *words)
    assert not list(tmp_path.glob("*.run"))


def test_web_addresses_are_not_opened(call: Call, reference: Path, tmp_path: Path) -> None:
    command = ["stylize", *HERE, "-o", tmp_path / "film.mp4", reference]
    ended = call(*command, "http://localhost:1/clip.mp4")
    ended.assert_failed(2, "does not exist", "addresses are not opened")


def test_rejects_a_video_without_frames(call: Call, reference: Path, tmp_path: Path) -> None:
    clip = make(tmp_path / "clip.mkv", *H264, "-frames:v", "0")
    ended = call("stylize", reference, clip, *HERE, "-o", tmp_path / "film.mp4")
    ended.assert_failed(1, "clip.mkv", "cannot be decoded as a video")


@pytest.mark.parametrize(
    "options",
    [
        ("-vf", "format=rgba,colorchannelmixer=aa=0.5", "-c:v", "png"),
        ("-vf", "scale=79:63", "-c:v", "ffv1"),
        (
            "-vf",
            "format=yuv420p10le,setparams=colorspace=bt2020nc:color_primaries=bt2020:"
            "color_trc=arib-std-b67:range=tv",
            "-c:v",
            "ffv1",
        ),
        ("-vf", "tinterlace=interleave_top,setfield=tff", *H264, "-flags", "+ilme+ildct"),
    ],
    ids=["alpha", "odd", "hdr", "interlaced"],
)
def test_awkward_videos_become_films(
    call: Call, reference: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    clip = make(tmp_path / "clip.mkv", *options)
    film = tmp_path / "film.mp4"
    call("stylize", reference, clip, "-o", film, "--end", "0.15", *HERE).assert_ended(0)
    assert probe_video(film).frame_count in (1, 2)


def test_a_corrupt_packet_costs_only_its_frames(
    call: Call, reference: Path, tmp_path: Path
) -> None:
    every = ("-g", "2", *H264)
    clip = make(tmp_path / "clip.ts", *every, source="testsrc2=s=80x64:r=10:d=0.6")
    data = bytearray(clip.read_bytes())
    middle = slice(len(data) // 2, len(data) // 2 + 1500)
    data[middle] = bytes((byte * 7 + 13) & 255 for byte in data[middle])
    clip.write_bytes(data)
    film = tmp_path / "film.mp4"
    ended = call("stylize", reference, clip, "-o", film, *HERE)
    ended.assert_ended(0)
    info = probe_video(film)
    assert 3 <= info.frame_count <= 6
    assert float(info.times.duration) == pytest.approx(0.6, abs=0.15)


def test_frames_of_a_changing_size_are_scaled_to_the_first(
    call: Call, reference: Path, tmp_path: Path
) -> None:
    parts = [
        make(tmp_path / f"{height}.ts", source=f"testsrc2=s=80x{height}:r=10:d=0.2").read_bytes()
        for height in (64, 48)
    ]
    clip, film = tmp_path / "clip.ts", tmp_path / "film.mp4"
    clip.write_bytes(b"".join(parts))
    call("stylize", reference, clip, "-o", film, *HERE).assert_ended(0)
    info = probe_video(film)
    assert (info.width, info.height, info.frame_count) == (80, 64, 4)


@pytest.mark.parametrize("count", [0, 3])
def test_every_sound_track_is_kept(call: Call, reference: Path, tmp_path: Path, count: int) -> None:
    pitches = [f"sine=frequency={pitch}:d=0.3" for pitch in (440, 550, 660)[:count]]
    sounds = [word for pitch in pitches for word in ("-f", "lavfi", "-i", pitch)]
    maps = [word for stream in range(count + 1) for word in ("-map", str(stream))]
    clip = make(tmp_path / "clip.mkv", *sounds, *maps, *H264)
    film = tmp_path / "film.mp4"
    call("stylize", reference, clip, "-o", film, "--end", "0.15", *HERE).assert_ended(0)
    streams = run_ffmpeg(["-i", str(film)]).messages
    assert streams.count("Audio:") == count
    assert probe_video(film).has_audio == bool(count)


def test_a_track_that_cannot_be_read_is_named_while_planning(
    call: Call, reference: Path, tmp_path: Path
) -> None:
    """Recent phones write a second track that no ffmpeg decodes."""
    sounds = ("-f", "lavfi", "-i", "sine=d=0.3", "-f", "lavfi", "-i", "sine=d=0.3")
    maps = ("-map", "0", "-map", "1", "-map", "2", "-c:a:0", "aac", "-c:a:1", "alac")
    clip = make(tmp_path / "clip.mov", *sounds, *maps, *H264)
    clip.write_bytes(clip.read_bytes().replace(b"alac", b"apac"))
    film = tmp_path / "film.mp4"
    command = ["stylize", reference, clip, "-o", film, "--end", "0.15", *HERE]
    call(*command, "--dry-run").assert_ended(
        0, "sound track 1 (aac) is copied", "sound track 2", "is left out", "apac"
    )
    call(*command).assert_ended(0, "WARNING: sound track 2")
    assert probe_video(film).audio_codecs == ("aac",)
    call("assemble", tmp_path / "film.run", "--sound", "none").assert_ended(0)
    assert not probe_video(film).has_audio
    call("assemble", tmp_path / "film.run", "--sound", "first").assert_ended(0)
    assert probe_video(film).audio_codecs == ("aac",)


def test_an_animated_picture_is_a_film(call: Call, reference: Path, tmp_path: Path) -> None:
    images = [Image.fromarray(picture(index)) for index in range(3)]
    clip, film = tmp_path / "clip.webp", tmp_path / "film.mp4"
    images[0].save(clip, save_all=True, append_images=images[1:], duration=[100, 300, 100])
    call("stylize", reference, clip, "-o", film, *HERE).assert_ended(0, "3 of 3 frames done")
    assert probe_video(film).times.seconds == [0, Fraction(1, 10), Fraction(4, 10)]
    frames = tmp_path / "frames"
    frames.mkdir()
    for index in range(2):
        shutil.copy(clip, frames / f"img{index}.webp")
    command = ["timelapse", clip, frames, "-o", tmp_path / "stills.mp4", *HERE, "--dry-run"]
    call(*command).assert_ended(0, "2 in", "clip.webp is animated", "img0.webp is animated")
