"""Films whose ending chooses the codec: WebM, GIF and animated WebP, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import av
import pytest
from PIL import Image

from tests.support.command_line import HERE, Call, write_frames, write_picture

pytestmark = pytest.mark.timeout(300)


def test_the_ending_chooses_the_codec(call: Call, tmp_path: Path) -> None:
    """A time-lapse as WebM; then the same frames as GIF and WebP, without making them again."""
    frames = write_frames(tmp_path / "frames", 3)
    look = write_picture(tmp_path / "look.png", 5)
    film = tmp_path / "night.webm"
    call("timelapse", look, frames, "-o", film, "--fps", "10", *HERE).assert_ended(0)
    with av.open(str(film)) as container:
        assert container.streams.video[0].codec_context.codec.canonical_name == "vp9"
        assert sum(1 for _ in container.decode(video=0)) == 3
    for name in ("small.gif", "small.webp"):
        other = tmp_path / name
        done = call("assemble", tmp_path / "night.run", "-o", other, "--film-size", "50%")
        done.assert_ended(0, name)
        with Image.open(other) as image:
            assert (image.n_frames, image.size) == (3, (40, 32))
    chosen = tmp_path / "small.mp4"
    call("assemble", tmp_path / "night.run", "-o", chosen, "--codec", "av1").assert_ended(0)
    with av.open(str(chosen)) as container:
        assert container.streams.video[0].codec_context.codec.canonical_name == "av1"


def test_refuses_while_planning_what_a_gif_cannot_show(call: Call, tmp_path: Path) -> None:
    frames, look = write_frames(tmp_path / "frames", 3), write_picture(tmp_path / "look.png", 5)
    film = ["-o", tmp_path / "fast.gif", "--fps", "60", *HERE]
    for command in (["timelapse"], ["plan", "--dry-run"]):
        words = ("60 frames/s", "--fps 50")
        call(*command, look, frames, *film).assert_failed(2, *words)
    inside = frames / "film.webp"
    call("timelapse", look, frames, "-o", inside, *HERE).assert_failed(2, "lies among the frames")
    numbered = tmp_path / "out" / "%06d.webp"
    call("timelapse", look, frames, "-o", numbered, *HERE).assert_failed(2, "all frames in one")
    wrong = ["-o", tmp_path / "film.webm", "--codec", "h264"]
    call("timelapse", look, frames, *wrong, *HERE).assert_failed(2, ".mp4, .mov, .mkv to hold")
    unknown = tmp_path / "film.avi"
    call("timelapse", look, frames, "-o", unknown, *HERE).assert_failed(2, ".mp4", ".webm", ".gif")
    assert not (tmp_path / "fast.run").exists()


def test_says_that_a_gif_of_a_video_is_silent(call: Call, tmp_path: Path) -> None:
    from batch_analogy.media.ffmpeg import run_ffmpeg

    clip = tmp_path / "clip.mp4"
    made = ["-f", "lavfi", "-i", "testsrc2=s=80x64:r=10:d=0.3", "-f", "lavfi"]
    assert run_ffmpeg([*made, "-i", "sine=d=0.3", str(clip)]).code == 0
    look = write_picture(tmp_path / "look.png", 5)
    film = tmp_path / "film.gif"
    done = call("stylize", look, clip, "-o", film, *HERE)
    done.assert_ended(0, "GIF has no sound")
    with Image.open(film) as image:
        assert image.n_frames == 3
