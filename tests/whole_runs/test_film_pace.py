"""--hold and --blend: other films of the same finished frames."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray

from batch_analogy.errors import ConfigError
from batch_analogy.jobs.drive.open_run import load_finished
from batch_analogy.media.blend import read_blend
from batch_analogy.media.stills import to_uint8, write_png
from batch_analogy.media.video import probe_video
from tests.support.runs import frame_identity, picture, run_here, sample_config, worked_on

FFMPEG = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y"]


def decoded(film: Path, height: int = 64, width: int = 80) -> NDArray[np.int16]:
    """Decode a film to (N, H, W, 3) int16."""
    shown = ["-i", str(film), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run([*FFMPEG, *shown], check=True, capture_output=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3).astype(np.int16)


def test_holds_and_blends_without_making_a_frame_again(tmp_path: Path) -> None:
    config = sample_config(
        tmp_path, 5, blend=2, codec="ffv1", output=tmp_path / "film.mkv", shots=(0, 3)
    )
    run_here(config)
    frames = [config.run_dir / "frames" / "a_prime" / f"{index:06d}.png" for index in range(5)]
    film, identity = decoded(config.output), frame_identity(config.run_dir)
    for place, together in enumerate(([0, 1], [2], [3, 4])):  # the second shot begins at 3
        mean = to_uint8(read_blend(tuple(frames[index] for index in together)))
        assert np.abs(film[place] - mean).max() <= 1
    assert len(film) == 3

    _, events = run_here(dataclasses.replace(config, blend=1, hold=3))
    assert worked_on(events) == []
    film = decoded(config.output)
    assert len(film) == 15
    assert np.array_equal(film[0], film[2])
    assert not np.array_equal(film[2], film[3])

    load_finished(config.run_dir, output=tmp_path / "smeared.mkv", hold=1, blend=3).execute()
    assert len(decoded(tmp_path / "smeared.mkv")) == 2
    load_finished(config.run_dir, blend=5).execute()  # as before: each shown three times
    assert len(decoded(config.output)) == 6
    assert frame_identity(config.run_dir) == identity


def test_a_video_at_another_pace_keeps_its_times_without_sound(tmp_path: Path) -> None:
    write_png(tmp_path / "reference.png", picture(40, 70, 66))
    (tmp_path / "in").mkdir()  # so that sample_config makes none
    source = ["-f", "lavfi", "-i", "testsrc2=s=80x64:r=10:d=0.8", "-f", "lavfi", "-i", "sine=d=0.8"]
    uneven = ["-vf", "select='lt(n,2)+eq(n,4)'", "-fps_mode", "vfr", "-c:v", "libx264"]
    clip = tmp_path / "clip.mkv"  # frames at 0, 0.1 and 0.4 s
    subprocess.run([*FFMPEG, *source, *uneven, str(clip)], check=True)
    config = sample_config(
        tmp_path, 0, source=str(clip), command="stylize", keep_audio=True, shots="off"
    )
    run_here(config)
    assert probe_video(config.output).has_audio

    def seconds(**pace: int) -> list[float]:
        run_here(dataclasses.replace(config, **pace))
        info = probe_video(config.output)
        assert not info.has_audio
        return [round(float(time), 3) for time in [*info.times.seconds, info.times.duration]]

    assert seconds(blend=2) == [0, 0.4, 0.5]
    assert seconds(hold=2) == [0, 0.1, 0.2, 0.5, 0.8, 0.9, 1.0]


@pytest.mark.parametrize("pace", [{"hold": 0}, {"blend": -1}, {"hold": 1001}])
def test_rejects_invalid_paces(tmp_path: Path, pace: dict[str, int]) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(ConfigError, match="frames; it must lie between 1 and 1000"):
        sample_config(tmp_path, 0, **pace)
