"""Several files as the frames: parts of a recording, and pictures that a shell listed."""

from __future__ import annotations

import glob
import subprocess
from pathlib import Path

import imageio_ffmpeg

from batch_analogy.media.video import probe_video
from tests.support.command_line import HERE, Call, write_frames, write_picture

H264 = ("-c:v", "libx264", "-g", "2", "-pix_fmt", "yuv420p")


def record(folder: Path) -> list[Path]:
    """Record four frames with sound in two files, named as a GoPro does."""
    tool = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y"]
    source = ["-f", "lavfi", "-i", "testsrc2=s=80x64:r=10:d=0.4", "-f", "lavfi", "-i", "sine=d=0.4"]
    whole = folder / "whole.mp4"
    subprocess.run([*tool, *source, *H264, "-c:a", "aac", str(whole)], check=True)
    split = ["-c", "copy", "-f", "segment", "-segment_times", "0.2", "-reset_timestamps", "1"]
    subprocess.run([*tool, "-i", str(whole), *split, str(folder / "%d.mp4")], check=True)
    parts = [folder / "GX010042.MP4", folder / "GX020042.MP4"]
    for number, part in enumerate(parts):
        (folder / f"{number}.mp4").rename(part)
    whole.unlink()
    return parts


def test_the_parts_of_a_recording_are_one_film(call: Call, reference: Path, tmp_path: Path) -> None:
    parts = record(tmp_path)
    film = tmp_path / "film.mp4"
    words = ["stylize", reference, *reversed(sorted(parts)), "-o", film, *HERE]
    pattern = ["stylize", reference, f"{tmp_path}/GX*.MP4", "-o", film, *HERE]
    call(*pattern, "--dry-run").assert_ended(0, "2 files of a recording", "GX020042.MP4")
    ended = call(*pattern)
    ended.assert_ended(0, "in this order: GX010042.MP4, GX020042.MP4")
    info = probe_video(film)
    assert (info.frame_count, info.fps, info.audio_codecs) == (4, 10, ("aac",))
    listed = ["stylize", reference, *parts, "-o", film, *HERE]
    call(*listed).assert_ended(0, "4 frames done before")
    call(*words).assert_failed(2, "was begun with other frames")
    for part in parts:
        part.unlink()
    call("assemble", tmp_path / "film.run", "-o", tmp_path / "again.mp4").assert_ended(0)
    assert (tmp_path / "again.mp4").read_bytes() == film.read_bytes()


def test_a_part_that_is_missing_is_named(call: Call, reference: Path, tmp_path: Path) -> None:
    parts = record(tmp_path)
    parts[1].unlink()
    ended = call("stylize", reference, *parts, "-o", tmp_path / "film.mp4", *HERE)
    ended.assert_failed(2, "GX020042.MP4 does not exist", "write -o")


def test_frames_that_a_shell_listed_are_frames(call: Call, reference: Path, tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "frames", 11)
    write_picture(folder / "other.png", 3)
    (folder / "notes.txt").write_text("words")
    listed = sorted(glob.glob(f"{folder}/img*"))  # img1, img10, img2, as a shell sorts
    film = tmp_path / "film.mp4"
    words = ["timelapse", reference, *listed, folder / "notes.txt", "-o", film, *HERE]
    call(*words, "--dry-run").assert_ended(0, "11 in", "12 paths in")
    call("plan", *words[1:]).assert_ended(0, "11 in")
    call("preview", *words[1:], "--frames", "1").assert_ended(0, "1 of 1 frames done")
    names = [line for line in (tmp_path / "film.run/plan.json").read_text().split('"name":')[1:]]
    assert [name.split('"')[1] for name in names] == [f"img{n}.png" for n in range(11)]
    call("timelapse", *listed, "-o", film, *HERE).assert_failed(2, "looks like one of the frames")


def test_painted_frames_may_be_listed_too(call: Call, tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "frames", 3)
    key = write_picture(tmp_path / "painted.png", 1)
    listed = [folder / f"img{n}.png" for n in range(3)]
    words = ["analogy", *listed, "--key", f"img1.png={key}", "-o", tmp_path / "film.mp4"]
    call(*words, "--address", "none", "--dry-run").assert_ended(0, "3 in", "painted.png over")


def test_further_videos_of_a_file_and_subtitles_are_told(
    call: Call, reference: Path, tmp_path: Path
) -> None:
    """Cameras of two lenses write two videos into one file."""
    words, both = tmp_path / "a.srt", tmp_path / "both.mkv"
    words.write_text("1\n00:00:00,000 --> 00:00:00,200\nHello\n")
    lens = ["-f", "lavfi", "-i", "testsrc2=s=80x64:r=10:d=0.4"]
    maps = ["-map", "0", "-map", "1", "-map", "2", *H264]
    tool = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *lens, *lens, "-i", str(words)]
    subprocess.run([*tool, *maps, "-c:s", "srt", str(both)], check=True)
    made = ["stylize", reference, both, "-o", tmp_path / "film.mp4", "--dry-run", *HERE]
    call(*made).assert_ended(0, "both.mkv holds 2 videos", "subtitles kept (subrip)")
