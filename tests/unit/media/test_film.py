"""Films: size, order, rate, colours, audio, and no incomplete files."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from batch_analogy.errors import FilmError, InputError, OutputDiskError, UsageError
from batch_analogy.media import film as film_module
from batch_analogy.media.encoding import EncodingOptions, Soundtrack
from batch_analogy.media.extract import extract_frames
from batch_analogy.media.ffmpeg import run_ffmpeg
from batch_analogy.media.film import FilmInfo, encode_film
from batch_analogy.media.stills import read_still, write_png
from batch_analogy.media.timing import TimeRange
from batch_analogy.media.video import VideoInfo, probe_video

Clip = Callable[..., Path]
Tool = Callable[..., bytes]
H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p")
FPS = Fraction(24000, 1001)


def sound_of(path: Path) -> Soundtrack:
    info = probe_video(path)
    return Soundtrack(info, Fraction(info.start_seconds).limit_denominator(10**6))


def frames_of(info: VideoInfo, folder: Path) -> list[Path]:
    """Extract the frames' pictures."""
    return extract_frames(info, folder).paths


def paint(folder: Path, values: list[float], height: int = 48, width: int = 64) -> list[Path]:
    """Write grey frames that differ in brightness."""
    paths = []
    for index, value in enumerate(values):
        paths.append(folder / f"in{index}.png")
        write_png(paths[-1], np.full((height, width, 3), value, np.float32))
    return paths


def raw_film(path: Path, ffmpeg: Tool, width: int, height: int) -> np.ndarray:
    """Read the film's luma and chroma values as stored: (frames, H·W·3/2)."""
    data = ffmpeg("-i", path, "-map", "0:v", "-fps_mode", "passthrough", "-f", "rawvideo", "-")
    return np.frombuffer(data, np.uint8).reshape(-1, width * height * 3 // 2)


def brightness(path: Path, folder: Path) -> list[float]:
    frames = frames_of(probe_video(path), folder)
    return [round(float(read_still(frame).mean()), 1) for frame in frames]


def describe(path: Path) -> str:
    """Return ffmpeg's description of a file."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


def container_seconds(path: Path) -> float:
    match = re.search(r"Duration: (\d+):(\d+):([\d.]+)", describe(path))
    assert match is not None
    return int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_film_info_matches_the_file(tmp_path: Path, suffix: str) -> None:
    frames = paint(tmp_path, [0.1, 0.5, 0.9])
    output = tmp_path / "new" / f"film{suffix}"
    seen: list[int] = []
    info = encode_film(frames, output, fps=FPS, on_frame=seen.append)
    assert info == FilmInfo(
        path=output,
        frames=3,
        height=48,
        width=64,
        fps=FPS,
        duration_seconds=float(3 / FPS),
        bytes=output.stat().st_size,
        has_audio=False,
        scaled=False,
    )
    assert seen == [1, 2, 3]
    assert os.listdir(output.parent) == [output.name]
    probed = probe_video(output)
    assert (probed.fps, probed.frame_count, probed.variable_rate) == (FPS, 3, False)
    assert "yuv420p(tv, bt709, progressive), 64x48 [SAR 1:1" in describe(output)


@pytest.mark.parametrize("rate", ["24", "30000/1001", "60000/1001", "25/2", "1/2", "165/14"])
def test_keeps_the_exact_rate(tmp_path: Path, rate: str) -> None:
    fps = Fraction(rate)
    encode_film(paint(tmp_path, [0.1, 0.4, 0.9, 0.2]), tmp_path / "film.mp4", fps=fps)
    listing = run_ffmpeg(
        ["-i", str(tmp_path / "film.mp4"), "-c", "copy", "-f", "framecrc", "-"]
    ).output
    base = re.search(r"#tb 0: (\d+)/(\d+)", listing)
    assert base is not None
    times = sorted(int(line.split(",")[2]) for line in listing.splitlines() if line[0] == "0")
    steps = {Fraction((b - a) * int(base[1]), int(base[2])) for a, b in itertools.pairwise(times)}
    assert steps == {1 / fps}


def test_index_is_at_the_start_of_an_mp4(tmp_path: Path) -> None:
    encode_film(paint(tmp_path, [0.5]), tmp_path / "film.mp4", fps=FPS)
    data = (tmp_path / "film.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize(("height", "width"), [(47, 64), (48, 63), (135, 241), (17, 17)])
def test_pads_odd_sizes(tmp_path: Path, ffmpeg: Tool, height: int, width: int) -> None:
    y, x = np.mgrid[:height, :width]
    stripes = np.where((x // 2 + y // 2) % 2, 0.9, 0.1)[..., None] * np.ones(3)
    write_png(tmp_path / "a.png", stripes.astype(np.float32))
    output = tmp_path / "film.mp4"
    info = encode_film([tmp_path / "a.png"], output, fps=FPS, encoding=EncodingOptions(crf=1))
    even_height, even_width = height + height % 2, width + width % 2
    assert (info.height, info.width, info.scaled) == (even_height, even_width, False)
    luma = raw_film(output, ffmpeg, even_width, even_height)[0, : even_height * even_width]
    picture = luma.reshape(even_height, even_width).astype(float)
    expected = np.pad(16 + 219 * stripes[..., 0], ((0, height % 2), (0, width % 2)), mode="edge")
    assert np.abs(picture - expected).max() < 12  # rescaling would blur the stripes to grey


KR, KB = 0.2126, 0.0722


@pytest.mark.parametrize(
    "rgb", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1), (0, 0, 0), (0.8, 0.5, 0.3)]
)
@pytest.mark.parametrize("size", [(48, 64), (720, 96)])
def test_colours_are_stored_as_bt709(
    tmp_path: Path, ffmpeg: Tool, rgb: tuple[float, float, float], size: tuple[int, int]
) -> None:
    height, width = size
    pixels = np.broadcast_to(np.float32(rgb), (height, width, 3)).astype(np.float32)
    write_png(tmp_path / "a.png", pixels)
    output = tmp_path / "film.mp4"
    encode_film([tmp_path / "a.png"] * 2, output, fps=FPS, encoding=EncodingOptions(crf=4))
    stored = raw_film(output, ffmpeg, width, height)[1].astype(float)
    area = height * width
    red, green, blue = rgb
    luma = KR * red + (1 - KR - KB) * green + KB * blue
    assert np.abs(stored[:area] - (16 + 219 * luma)).max() <= 2
    cb, cr = stored[area : area * 5 // 4], stored[area * 5 // 4 :]
    assert np.abs(cb - (128 + 224 * (blue - luma) / (2 * (1 - KB)))).max() <= 2
    assert np.abs(cr - (128 + 224 * (red - luma) / (2 * (1 - KR)))).max() <= 2
    decoded = read_still(frames_of(probe_video(output), tmp_path / "f")[1])
    np.testing.assert_allclose(decoded, pixels, atol=4 / 255)


def test_keeps_order_and_repeats(tmp_path: Path) -> None:
    a, b, c = paint(tmp_path, [0.1, 0.5, 0.9])
    encode_film([c, a, a, a, b, c], tmp_path / "film.mp4", fps=Fraction(10))
    assert brightness(tmp_path / "film.mp4", tmp_path / "f") == [0.9, 0.1, 0.1, 0.1, 0.5, 0.9]


def test_gaps_in_the_numbering_do_not_end_the_film(tmp_path: Path) -> None:
    frames = paint(tmp_path, [0.1, 0.3, 0.5, 0.7, 0.9])
    frames[2].unlink()
    info = encode_film([*frames[:2], *frames[3:]], tmp_path / "film.mp4", fps=Fraction(10))
    assert info.frames == 4
    assert brightness(tmp_path / "film.mp4", tmp_path / "f") == [0.1, 0.3, 0.7, 0.9]


def test_same_frames_give_the_same_bytes(tmp_path: Path, clip: Clip) -> None:
    frames = frames_of(probe_video(clip(tmp_path / "a.mp4", size="128x128")), tmp_path / "f")
    for name in ("one.mp4", "two.mp4"):
        encode_film(frames, tmp_path / name, fps=FPS)
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "two.mp4").read_bytes()


def test_scales_frames_that_are_too_wide_for_h264(tmp_path: Path) -> None:
    frames = paint(tmp_path, [0.5], height=40, width=20_000)
    info = encode_film(frames, tmp_path / "film.mp4", fps=FPS)
    assert (info.width, info.height, info.scaled) == (16384, 34, True)
    assert probe_video(tmp_path / "film.mp4").width == 16384


def loudness(path: Path, ffmpeg: Tool) -> np.ndarray:
    """Decode audio as int16 samples, 8000 a second."""
    data = ffmpeg("-i", path, "-map", "0:a", "-ac", "1", "-ar", "8000", "-f", "s16le", "-")
    return np.frombuffer(data, np.int16)


@pytest.mark.parametrize("sound_seconds", ["3", "0.4"])
def test_film_lasts_as_long_as_its_frames(
    tmp_path: Path, clip: Clip, ffmpeg: Tool, sound_seconds: str
) -> None:
    source = clip(tmp_path / "a.mp4", *H264, "-c:a", "aac", sound=sound_seconds)
    frames = frames_of(probe_video(source), tmp_path / "f")
    info = encode_film(frames, tmp_path / "film.mp4", fps=Fraction(10), sound=sound_of(source))
    assert info.has_audio
    assert probe_video(tmp_path / "film.mp4").frame_count == 10
    assert container_seconds(tmp_path / "film.mp4") == pytest.approx(1, abs=0.05)
    heard = len(loudness(tmp_path / "film.mp4", ffmpeg)) / 8000
    assert heard == pytest.approx(min(1, float(sound_seconds)), abs=0.1)


@pytest.mark.parametrize(
    ("codec", "suffix", "stored"),
    [
        ("aac", ".mp4", "aac"),
        ("libmp3lame", ".mp4", "mp3"),
        ("pcm_s16le", ".mp4", "aac"),
        ("libvorbis", ".mp4", "aac"),
        ("libopus", ".mkv", "opus"),
        ("flac", ".mov", "aac"),
    ],
)
def test_copies_audio_or_encodes_it_as_aac(
    tmp_path: Path, clip: Clip, ffmpeg: Tool, codec: str, suffix: str, stored: str
) -> None:
    source = clip(tmp_path / "a.mkv", *H264, "-c:a", codec, sound="1")
    output = tmp_path / f"film{suffix}"
    encode_film(paint(tmp_path, [0.2] * 10), output, fps=Fraction(10), sound=sound_of(source))
    assert probe_video(output).audio_codecs == (stored,)
    assert np.abs(loudness(output, ffmpeg)).max() > 1000


def test_copied_audio_is_unchanged(tmp_path: Path, clip: Clip, ffmpeg: Tool) -> None:
    source = clip(tmp_path / "a.mp4", *H264, "-c:a", "aac", sound="1")
    output = tmp_path / "film.mp4"
    encode_film(paint(tmp_path, [0.2] * 10), output, fps=Fraction(10), sound=sound_of(source))
    before, after = loudness(source, ffmpeg), loudness(output, ffmpeg)
    assert np.array_equal(before[:7000], after[:7000])


def test_audio_that_begins_before_the_picture_stays_in_sync(tmp_path: Path, ffmpeg: Tool) -> None:
    """The picture begins half a second into the file; the audio must be cut to match."""
    beep = "aevalsrc='0.8*sin(2*PI*440*t)*gte(t,1)':d=2:s=8000"
    picture = ["-itsoffset", "0.5", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=10:d=1.5"]
    source = tmp_path / "a.mkv"
    ffmpeg(*picture, "-f", "lavfi", "-i", beep, "-c:v", "libx264", "-c:a", "pcm_s16le", source)
    info = probe_video(source)
    assert info.start_seconds == pytest.approx(0.5, abs=0.01)
    frames = paint(tmp_path, [0.5] * info.frame_count)
    encode_film(frames, tmp_path / "film.mkv", fps=info.fps, sound=sound_of(source))
    heard = np.abs(loudness(tmp_path / "film.mkv", ffmpeg).astype(int))
    assert int(np.argmax(heard > 5000)) / 8000 == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("name", "codecs"),
    [
        ("a.mp4", ("-c:v", "libx264", "-c:a", "aac")),
        ("a.avi", ("-c:v", "mpeg4", "-bf", "2", "-c:a", "pcm_s16le")),
        ("a.ts", ("-c:v", "libx264", "-c:a", "mp2")),
        ("a.mkv", ("-c:v", "libx264", "-c:a", "flac")),
    ],
)
@pytest.mark.parametrize("start", [0, 9])
def test_audio_stays_in_sync(
    tmp_path: Path, ffmpeg: Tool, name: str, codecs: tuple[str, ...], start: int
) -> None:
    """The beep of frame 12 is heard with it, whichever frame the film begins with."""
    beep = "aevalsrc='0.8*sin(2*PI*440*t)*gte(t,0.5005)':d=1.5:s=48000"
    picture = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=24000/1001:d=1.5"]
    ffmpeg(*picture, "-f", "lavfi", "-i", beep, *codecs, "-pix_fmt", "yuv420p", tmp_path / name)
    info = probe_video(tmp_path / name)
    part = TimeRange(start / info.fps)
    frames = extract_frames(info, tmp_path / "f", time_range=part)
    film = tmp_path / "film.mkv"
    encode_film(frames.paths, film, fps=info.fps, sound=Soundtrack(info, frames.begin))
    assert probe_video(film).start_seconds == 0
    padded = ("-af", "aresample=async=1:first_pts=0", "-ar", "8000", "-ac", "1")
    heard = ffmpeg("-i", film, "-map", "0:a", *padded, "-f", "s16le", "-")
    onset = int(np.argmax(np.abs(np.frombuffer(heard, np.int16).astype(int)) > 5000)) / 8000
    assert onset == pytest.approx((12 - start) * float(1 / info.fps), abs=float(0.9 / info.fps))


def test_variable_rate_keeps_the_duration(tmp_path: Path, clip: Clip) -> None:
    uneven = "select='lt(n,12)+gte(n,12)*not(mod(n,4))'"
    options = ("-vf", uneven, "-fps_mode", "vfr", *H264, "-c:a", "aac")
    source = clip(tmp_path / "a.mkv", *options, rate="30", seconds="2", sound="1.9")
    info = probe_video(source)
    frames = frames_of(info, tmp_path / "f")
    made = encode_film(frames, tmp_path / "film.mp4", fps=info.fps, sound=sound_of(source))
    assert made.frames == 24
    assert made.duration_seconds == pytest.approx(info.duration_seconds)
    assert container_seconds(tmp_path / "film.mp4") == pytest.approx(1.9, abs=0.12)


def test_silent_source_gives_a_silent_film(tmp_path: Path, clip: Clip) -> None:
    source = clip(tmp_path / "a.mp4")
    output = tmp_path / "film.mp4"
    info = encode_film(paint(tmp_path, [0.2]), output, fps=FPS, sound=sound_of(source))
    assert not info.has_audio
    assert not probe_video(output).has_audio


def test_accepts_names_with_special_characters(tmp_path: Path) -> None:
    output = tmp_path / "100% %d: [é].mp4"
    encode_film(paint(tmp_path, [0.2]), output, fps=FPS)
    assert probe_video(output).frame_count == 1


@pytest.mark.parametrize("name", ["film", "film.avi", "film.png"])
def test_rejects_other_suffixes(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"must end in one of \.mp4, \.mov, \.mkv"):
        encode_film(paint(tmp_path, [0.2]), tmp_path / name, fps=FPS)


def test_rejects_a_folder(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        encode_film(paint(tmp_path, [0.2]), tmp_path / "film.mp4", fps=FPS)


def assert_old_film_survives(tmp_path: Path, frames: list[Path], words: str) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    (folder / "film.mp4").write_bytes(b"old")
    with pytest.raises(FilmError, match=words):
        encode_film(frames, folder / "film.mp4", fps=FPS)
    assert os.listdir(folder) == ["film.mp4"]
    assert (folder / "film.mp4").read_bytes() == b"old"


def test_rejects_a_film_without_frames(tmp_path: Path) -> None:
    assert_old_film_survives(tmp_path, [], "no frames")


def test_rejects_a_missing_frame(tmp_path: Path) -> None:
    frames = paint(tmp_path, [0.1, 0.2, 0.3])
    frames[1].unlink()
    assert_old_film_survives(tmp_path, frames, r"cannot be assembled.*in1\.png")


def test_rejects_a_frame_of_another_size(tmp_path: Path) -> None:
    frames = paint(tmp_path, [0.1, 0.2])
    write_png(frames[1], np.zeros((48, 66, 3), np.float32))
    assert_old_film_survives(tmp_path, frames, r"in1\.png is 66×48 px .* 64×48")


def test_rejects_a_film_that_lacks_a_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The encoder loses a frame and still exits with 0."""
    whole = film_module.FfmpegPipe
    monkeypatch.setattr(
        film_module,
        "FfmpegPipe",
        lambda command, reads: whole([*command[:-2], "-frames:v", "2", *command[-2:]], reads=reads),
    )
    assert_old_film_survives(tmp_path, paint(tmp_path, [0.1, 0.2, 0.3]), "2 of 3 frames")


def test_rejects_sound_from_a_text_file(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no video")
    with pytest.raises(InputError, match="cannot be decoded"):
        encode_film(
            paint(tmp_path, [0.1]),
            tmp_path / "film.mp4",
            fps=FPS,
            sound=sound_of(tmp_path / "a.mp4"),
        )


def test_reports_a_read_only_disk(tmp_path: Path, read_only_disk: Path) -> None:
    with pytest.raises(OutputDiskError, match="read-only"):
        encode_film(paint(tmp_path, [0.1]), read_only_disk / "film.mp4", fps=FPS)


def test_reports_a_full_disk(tmp_path: Path, tiny_disk: Path) -> None:
    frames = []
    for seed in range(4):
        noise = np.random.default_rng(seed).random((256, 256, 3), dtype=np.float32)
        frames.append(tmp_path / f"noise{seed}.png")
        write_png(frames[-1], noise)
    with pytest.raises(OutputDiskError, match=r"film\.mp4: the disk is full; free some space"):
        encode_film(frames, tiny_disk / "film.mp4", fps=FPS, encoding=EncodingOptions(crf=1))
    assert os.listdir(tiny_disk) == []
    assert all(frame.is_file() for frame in frames)


def test_interruption_leaves_no_file(tmp_path: Path) -> None:
    def stop(done: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    folder = tmp_path / "films"
    with pytest.raises(KeyboardInterrupt):
        encode_film(paint(tmp_path, [0.1] * 5), folder / "film.mp4", fps=FPS, on_frame=stop)
    assert os.listdir(folder) == []
