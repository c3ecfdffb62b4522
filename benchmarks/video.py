"""Rate, sound, times and colours of a video after decoding and encoding, and the time it takes.

    python -m benchmarks.video [--seconds 10] [--frames 48]

Frames are decoded and encoded again without change, by the functions that a run uses. So all
differences come from decoding and encoding. Colours are compared as 8-bit levels: ``areas`` is the
middle of each bar; ``whole`` includes the bars' edges, where subsampled chroma mixes two colours.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from batch_analogy.config.codecs import Codec
from batch_analogy.media.encoding import EncodingOptions, Soundtrack
from batch_analogy.media.extract import ExtractedFrames, extract_frames
from batch_analogy.media.film import encode_film
from batch_analogy.media.stills import read_still
from batch_analogy.media.timing import WHOLE_VIDEO, TimeRange
from batch_analogy.media.video import VideoInfo, probe_video
from benchmarks.common import peak_memory_bytes, report

FPS = Fraction(24000, 1001)
SAMPLES = 48000
BAR_PX = 48

SOURCES = {  # name → pixel format, matrix for the scaler, and tags
    "BT.601 525 lines": ("yuv420p", "bt601", "smpte170m", "smpte170m", "smpte170m", "tv"),
    "BT.601 625 lines, full range": ("yuv420p", "bt601", "bt470bg", "bt470bg", "smpte170m", "pc"),
    "BT.709": ("yuv420p", "bt709", "bt709", "bt709", "bt709", "tv"),
    "BT.2020, 10 bits": ("yuv420p10le", "bt2020", "bt2020nc", "bt2020", "bt2020-10", "tv"),
}
CODINGS: dict[str, tuple[str, EncodingOptions]] = {
    "default (H.264, crf 16)": (".mp4", EncodingOptions()),
    "H.264 10 bits, crf 16": (".mp4", EncodingOptions(depth=10)),
    "H.265 10 bits, crf 16": (".mp4", EncodingOptions("h265", 10)),
    "H.265 10 bits, crf 0": (".mp4", EncodingOptions("h265", 10, 0)),
    "ProRes": (".mov", EncodingOptions("prores")),
    "FFV1": (".mkv", EncodingOptions("ffv1")),
}


def ffmpeg(*arguments: str | Path) -> bytes:
    """Run ffmpeg directly, without the code under test."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True).stdout


def again(
    source: Path,
    film: Path,
    encoding: EncodingOptions | None = None,
    *,
    time_range: TimeRange = WHOLE_VIDEO,
) -> tuple[VideoInfo, ExtractedFrames]:
    """Decode a video and encode its frames unchanged."""
    info = probe_video(source)
    frames = extract_frames(info, film.parent / f"{film.name}.frames", time_range=time_range)
    ends = [*frames.times.seconds[1:], frames.times.duration]
    durations = [end - begin for begin, end in zip(frames.times.seconds, ends, strict=True)]
    encode_film(
        frames.paths,
        film,
        fps=info.fps,
        durations=durations if frames.times.rate([info.fps])[1] else None,
        encoding=encoding or EncodingOptions(),
        colours=info.colours,
        sound=Soundtrack(info, frames.begin),
    )
    return info, frames


def flash_offsets(film: Path) -> list[float]:
    """Return the seconds from each white frame to its beep."""
    info = probe_video(film)
    data = ffmpeg("-i", film, "-map", "0:v", "-fps_mode", "passthrough", "-vf", "scale=1:1",
                  "-f", "rawvideo", "-pix_fmt", "gray", "-")  # fmt: skip
    white = np.frombuffer(data, np.uint8) > 128
    times = [info.start_seconds + float(t) for t in info.times.seconds]
    flashes = [t for t, is_white in zip(times, white, strict=True) if is_white]
    heard = ffmpeg("-i", film, "-map", "0:a:0", "-af", "aresample=async=1:first_pts=0", "-ac", "1",
                   "-ar", str(SAMPLES), "-f", "s16le", "-")  # fmt: skip
    loud = np.abs(np.frombuffer(heard, np.int16).astype(np.int32)) > 8000
    onsets = np.flatnonzero(loud) / SAMPLES
    near = [onsets[np.abs(onsets - t) < 0.5] for t in flashes[1:]]  # sound may fade in at 0
    return [float(found[0]) - t for found, t in zip(near, flashes[1:], strict=True) if len(found)]


def measure_sound(folder: Path, seconds: int) -> dict[str, Any]:
    """Measure whether flashes and beeps stay in sync at 23.976 frames a second."""
    every = float(48 / FPS)
    picture = f"color=black:s=320x180:r=24000/1001:d={seconds},"
    picture += "drawbox=t=fill:color=white:enable='lt(mod(n,48),1)'"
    beep = f"aevalsrc='0.9*sin(2*PI*1000*t)*lt(mod(t,{every}),0.05)':d={seconds}:s={SAMPLES}"
    results = {}
    for name, codec, suffix, time_range in (
        ("mp4, AAC", "aac", ".mp4", WHOLE_VIDEO),
        ("mkv, PCM to mp4", "pcm_s16le", ".mkv", WHOLE_VIDEO),
        ("mp4, AAC, from 3.3 s", "aac", ".mp4", TimeRange(start=Fraction(33, 10))),
        ("AVI, PCM", "pcm_s16le", ".avi", WHOLE_VIDEO),
        ("ts, AAC", "aac", ".ts", WHOLE_VIDEO),
    ):
        source = folder / f"sound{len(results)}{suffix}"
        pictures = ["mpeg4", "-bf", "2"] if suffix == ".avi" else ["libx264"]
        made = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", beep, "-c:v", *pictures]
        ffmpeg(*made, "-pix_fmt", "yuv420p", "-c:a", codec, source)
        film = folder / f"again{len(results)}.mp4"
        _, frames = again(source, film, time_range=time_range)
        before, after = flash_offsets(source), flash_offsets(film)
        info = probe_video(film)
        off = float(abs(info.times.duration - frames.times.duration) * FPS)
        results[name] = {
            "fps": str(info.fps),
            "frames": info.frame_count,
            "duration_off_frames": round(off, 4),
            "beeps": len(after),
            "source_offset_frames": round(max(map(abs, before)) * float(FPS), 3),
            "film_offset_frames": round(max(map(abs, after)) * float(FPS), 3),
        }
    return results


def measure_times(folder: Path) -> dict[str, Any]:
    """Measure the error of each frame's time for 24 frames at uneven times."""
    source = folder / "uneven.mp4"
    uneven = "select='lt(n,12)+gte(n,12)*not(mod(n,4))'"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x180:r=30:d=2", "-vf", uneven, "-fps_mode", "vfr",
           "-c:v", "libx264", "-pix_fmt", "yuv420p", source)  # fmt: skip
    results = {}
    for suffix, codec in ((".mp4", "h264"), (".mov", "prores"), (".mkv", "ffv1")):
        film = folder / f"uneven-{codec}{suffix}"
        _, frames = again(source, film, EncodingOptions(codec))
        found = probe_video(film).times
        pairs = zip(found.seconds, frames.times.seconds, strict=True)
        results[f"{codec} in {suffix}"] = {
            "frames": len(found.ticks),
            "most_off_ms": round(max(abs(float(a - b)) for a, b in pairs) * 1000, 3),
        }
    return results


def measure_colours(folder: Path) -> dict[str, Any]:
    """Return the largest difference of decoded colour bars, in levels of 255."""
    results: dict[str, Any] = {}
    for name, (pixels, scaler, matrix, primaries, transfer, limits) in SOURCES.items():
        source = folder / f"bars{len(results)}.mkv"
        scale = f"scale=out_color_matrix={scaler}:out_range={limits}:flags=accurate_rnd"
        tags = f"setparams=colorspace={matrix}:color_primaries={primaries}"
        tags += f":color_trc={transfer}:range={limits}"
        ffmpeg("-f", "lavfi", "-i", f"smptebars=s={7 * BAR_PX}x240:r=10:d=0.3", "-vf",
               f"format=gbrp,{scale},format={pixels},{tags}", "-c:v", "ffv1", source)  # fmt: skip
        results[name] = {}
        for coding_name, (suffix, encoding) in CODINGS.items():
            film = folder / f"bars{len(results)}-{len(results[name])}{suffix}"
            info, frames = again(source, film, encoding)
            copy = probe_video(film)
            decoded = extract_frames(copy, folder / f"{film.name}.again")
            off = np.abs(read_still(frames.paths[1]) - read_still(decoded.paths[1])) * 255
            results[name][coding_name] = {
                "areas": round(float(middles(off).max()), 2),
                "whole": round(float(off.max()), 2),
                "pixels": copy.tags.pixel_format,
                "primaries_and_transfer_kept": (copy.tags.primaries, copy.tags.transfer)
                == (info.tags.primaries, info.tags.transfer),
            }
    return results


def middles(picture: NDArray[Any]) -> NDArray[Any]:
    """Return the pixels in the middle of each of the seven upper bars."""
    height = picture.shape[0]
    columns = [c for bar in range(7) for c in range(BAR_PX * bar + 16, BAR_PX * (bar + 1) - 16)]
    return np.asarray(picture[height // 8 : height // 2, columns])


def measure_work(frames: int) -> dict[str, Any]:
    """Measure frame rates at 1280×720, and the memory of this program and of ffmpeg."""
    command = [sys.executable, "-m", "benchmarks.video", "--work"]
    lengths = (frames, 4 * frames)
    return {
        f"{count} frames": json.loads(
            subprocess.run([*command, str(count)], check=True, capture_output=True).stdout
        )
        for count in lengths
    }


def work(count: int) -> dict[str, Any]:
    """Decode and encode a clip of ``count`` frames."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "clip.mp4"
        ffmpeg("-f", "lavfi", "-i", f"testsrc2=s=1280x720:r=24:d={count / 24}", "-c:v", "libx264",
               "-preset", "ultrafast", "-pix_fmt", "yuv420p", source)  # fmt: skip
        info = probe_video(source)
        start = time.perf_counter()
        frames = extract_frames(info, folder / "frames")
        rates = {"unpacking": count / (time.perf_counter() - start)}
        codecs: dict[Codec, str] = {
            "h264": ".mp4", "h265": ".mp4", "prores": ".mov", "ffv1": ".mkv"
        }  # fmt: skip
        for codec, suffix in codecs.items():
            start = time.perf_counter()
            encode_film(
                frames.paths,
                folder / f"film{suffix}",
                fps=info.fps,
                encoding=EncodingOptions(codec),
            )
            rates[f"{codec}, checked"] = count / (time.perf_counter() - start)
    return {
        "frames_per_second": {name: round(rate, 1) for name, rate in rates.items()},
        "own_peak_mb": round(peak_memory_bytes() / 1e6),
        "ffmpeg_peak_mb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--work", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        print(json.dumps(work(options.work)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        results = {
            "sound": measure_sound(folder, options.seconds),
            "times": measure_times(folder),
            "colours": measure_colours(folder),
        }
    report("video", {**results, "work": measure_work(options.frames)})


if __name__ == "__main__":
    main()
