"""WebM videos with an alpha channel, which ffmpeg's own decoders ignore."""

from __future__ import annotations

import subprocess
from pathlib import Path

import imageio_ffmpeg
import pytest

from batch_analogy.media.extract import extract_frames
from batch_analogy.media.stills import read_still
from batch_analogy.media.video import probe_video

HALF_RED = (
    "color=red:s=64x48:r=10:d=0.3,format=yuva420p,"
    "geq=lum='lum(X,Y)':cb='cb(X,Y)':cr='cr(X,Y)':a='if(lt(X,32),255,0)'"
)


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
def test_composites_transparent_video_over_white(codec: str, tmp_path: Path) -> None:
    video = tmp_path / "half.webm"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", HALF_RED]
    command += ["-c:v", codec, "-auto-alt-ref", "0", "-pix_fmt", "yuva420p", str(video)]
    subprocess.run(command, check=True)
    info = probe_video(video)
    assert info.tags.has_alpha
    assert (info.width, info.height, info.frame_count, info.fps) == (64, 48, 3, 10)
    frames = extract_frames(info, tmp_path / "frames").paths
    assert len(frames) == 3
    for path in frames:
        pixels = read_still(path)
        assert pixels[8:40, 36:].min() > 0.97  # white
        assert pixels[8:40, :28, 1:].max() < 0.05  # red
