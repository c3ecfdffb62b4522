"""Videos in many containers, and videos with odd properties, as the real ffmpeg writes them."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import imageio_ffmpeg

_PLAIN = ("-f", "lavfi", "-i", "testsrc2=size=48x32:rate=10:duration=0.2")
_TONE = ("-f", "lavfi", "-i", "sine=frequency=440:duration=0.2")

CONTAINERS: dict[str, tuple[str, ...]] = {
    "h264.mp4": ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac"),
    "start.mp4": ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-movflags", "+faststart"),
    "pieces.mp4": ("-c:v", "libx264", "-movflags", "+frag_keyframe+empty_moov", "-g", "2"),
    "h265.mov": ("-c:v", "libx265", "-x265-params", "log-level=none", "-c:a", "pcm_s16le"),
    "prores.mov": ("-c:v", "prores_ks", "-c:a", "aac"),
    "h264.mkv": ("-c:v", "libx264", "-c:a", "flac"),
    "ffv1.mkv": ("-c:v", "ffv1", "-level", "3", "-c:a", "libopus"),
    "vp9.webm": ("-c:v", "libvpx-vp9", "-cpu-used", "8", "-c:a", "libopus"),
    "mpeg4.avi": ("-c:v", "mpeg4", "-c:a", "mp3"),
    "mjpeg.avi": ("-c:v", "mjpeg", "-c:a", "pcm_s16le"),
    "mpeg2.ts": ("-c:v", "mpeg2video", "-c:a", "mp2"),
    "mpeg2.mpg": ("-c:v", "mpeg2video", "-c:a", "mp2", "-r", "25"),
    "wmv2.wmv": ("-c:v", "wmv2", "-c:a", "wmav2"),
    "flv1.flv": ("-c:v", "flv1", "-an"),
    "raw.y4m": ("-pix_fmt", "yuv420p", "-an"),
    "animated.gif": ("-an",),
}


def make_clips(folder: Path) -> dict[str, Path]:
    """Write one clip of each container; return name → path."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, options in CONTAINERS.items():
        assert _run(*_PLAIN, *_TONE, *options, folder / name), name
    return {name: folder / name for name in CONTAINERS}


def make_odd_video(rng: random.Random, folder: Path) -> Path:
    """Write an intact video with odd properties."""
    while True:
        suffix = rng.choice((".mp4", ".mov", ".mkv", ".webm", ".avi", ".gif"))
        path = folder / f"odd{suffix}"
        if _run(*_odd_source(rng), *_odd_codec(rng, suffix), *_odd_tags(rng), path) and _run(
            "-i", path, "-map", "0:v:0", "-f", "null", "-"
        ):  # ffmpeg reads what it has written
            return path


def _odd_source(rng: random.Random) -> list[str]:
    width, height = rng.randint(16, 90), rng.randint(16, 70)
    rate = rng.choice(("1", "10", "24000/1001", "30000/1001", "120", "1000", "1/3"))
    source = f"testsrc2=size={width}x{height}:rate={rate}"
    if rng.random() < 0.3:  # ffmpeg's own times, uneven
        source += f",setpts=PTS+{rng.randint(0, 3)}*random({rng.randint(0, 9)})/TB/50"
    if rng.random() < 0.3:
        source += f",setsar={rng.choice(('4/3', '1/2', '64/45', '3/1'))}"
    words = ["-f", "lavfi", "-i", source]
    if rng.random() < 0.5:
        layout = rng.choice(("mono", "stereo", "5.1"))
        seconds = rng.choice(("0.05", "0.3", "3"))
        tone = f"anoisesrc=d={seconds}:a=0.1,aformat=channel_layouts={layout}"
        words += ["-f", "lavfi", "-i", tone, "-map", "0:v", "-map", "1:a"]
        if rng.random() < 0.3:
            words += ["-map", "1:a"]
    return [*words, "-frames:v", str(rng.randint(1, 2))]


def _odd_codec(rng: random.Random, suffix: str) -> list[str]:
    if suffix == ".gif":
        return []
    if suffix == ".webm":
        pixels = rng.choice(("yuv420p", "yuva420p"))
        return ["-c:v", "libvpx-vp9", "-cpu-used", "8", "-pix_fmt", pixels]
    deep = ("yuv420p10le", "yuv422p10le", "yuv444p")
    codecs: list[tuple[str, tuple[str, ...]]] = [
        ("libx264", ("yuv420p", "yuv422p", "gray", "yuvj420p", *deep)),
        ("mjpeg", ("yuvj420p", "yuvj444p")),
    ]
    if suffix in (".mov", ".mkv"):
        codecs += [("prores_ks", ("yuv422p10le", "yuva444p10le")), ("qtrle", ("argb", "rgb24"))]
        codecs += [("png", ("rgba", "rgb48be", "monob", "pal8"))]
    if suffix in (".mkv", ".avi"):
        codecs += [("ffv1", ("bgr0", "bgra", "gbrp12le", "gray16le", "yuv411p", "yuva420p", *deep))]
        codecs += [("rawvideo", ("rgb24", "bgra", "gray", "yuv420p")), ("huffyuv", ("rgb24",))]
    codec, formats = rng.choice(codecs)
    words = ["-c:v", codec, "-pix_fmt", rng.choice(formats), "-strict", "-2"]
    return words + (["-bf", "2"] if codec == "libx264" and rng.random() < 0.5 else [])


def _odd_tags(rng: random.Random) -> list[str]:
    words: list[str] = []
    if rng.random() < 0.5:
        words += ["-colorspace", rng.choice(("bt709", "smpte170m", "bt470bg", "fcc", "bt2020nc"))]
    if rng.random() < 0.4:
        words += ["-color_trc", rng.choice(("bt709", "smpte2084", "arib-std-b67", "linear", "log"))]
    if rng.random() < 0.4:
        words += ["-color_primaries", rng.choice(("bt709", "bt2020", "smpte432", "film"))]
    if rng.random() < 0.3:
        words += ["-color_range", rng.choice(("tv", "pc"))]
    if rng.random() < 0.3:
        words += ["-metadata", "title=Stream #0:0: Video: h264, 9x9, 1 fps\n  Stream #0:1"]
    if rng.random() < 0.2:
        words += ["-timecode", "01:00:00:00"]
    if rng.random() < 0.2:
        words += ["-metadata:s:v", f"rotate={rng.choice((90, 180, 270, 45))}"]
    return words


def _run(*words: str | Path) -> bool:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, words)]
    done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False)
    return done.returncode == 0
