"""Films of every codec, depth and colour space, with frame durations, audio and subtitles."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from batch_analogy.config.codecs import CODECS, Codec
from batch_analogy.errors import FilmError, UsageError
from batch_analogy.media.colour_tags import ColourSpace
from batch_analogy.media.encoding import EncodingOptions, Soundtrack, dropped_subtitles
from batch_analogy.media.extract import extract_frames
from batch_analogy.media.ffmpeg import run_ffmpeg
from batch_analogy.media.film import encode_film
from batch_analogy.media.stills import FloatPixels, read_still, write_png
from batch_analogy.media.verify import verify_film
from batch_analogy.media.video import probe_video

Clip = Callable[..., Path]
Tool = Callable[..., bytes]
H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p")
FPS = Fraction(24000, 1001)
BARS = [(0.75, 0.75, 0.75), (0.75, 0.75, 0), (0, 0.75, 0.75), (0.75, 0, 0.75), (0, 0, 0.75)]


def bars(path: Path, depth: int = 8) -> FloatPixels:
    """Write bars 32 px wide."""
    row = np.repeat(np.asarray(BARS, np.float32), 32, axis=0)
    pixels = np.ascontiguousarray(np.broadcast_to(row, (64, *row.shape)))
    write_png(path, pixels, 16 if depth > 8 else 8)
    return pixels


def decoded(film: Path) -> list[FloatPixels]:
    frames = extract_frames(probe_video(film), film.parent / f"{film.name}.frames")
    return [read_still(frame) for frame in frames.paths]


def assert_bars_alike(found: FloatPixels, wanted: FloatPixels, levels: float) -> None:
    """Compare the middle of each bar; beside an edge, subsampled chroma mixes two bars."""
    for bar in range(len(BARS)):
        inside = (slice(8, -8), slice(32 * bar + 12, 32 * bar + 20))
        assert np.abs(found[inside] - wanted[inside]).max() * 255 <= levels


FILMS = [
    (name, suffix, bits, pixels)
    for name, codec in CODECS.items()
    if not codec.animation
    for bits, pixels in codec.pixel_formats.items()
    for suffix in codec.suffixes[:: len(codec.suffixes) - 1 or 1]
]
"""Every codec in every depth, in its usual container and in the last one: (…, pixel format)."""

LOSSIER = ("vp9", "av1")  # at the default quality


@pytest.mark.parametrize(("codec", "suffix", "depth", "pixels"), FILMS)
def test_each_codec_keeps_colours(
    tmp_path: Path, codec: Codec, suffix: str, depth: int, pixels: str
) -> None:
    wanted = bars(tmp_path / "a.png")
    film = tmp_path / f"film{suffix}"
    encode_film([tmp_path / "a.png"] * 3, film, fps=FPS, encoding=EncodingOptions(codec, depth))
    info = probe_video(film)
    assert (info.fps, info.frame_count, info.tags.pixel_format) == (FPS, 3, pixels)
    # Where Y, Cb and Cr have 8 bits, a colour that came from RGB may be two levels off.
    levels = 4.0 if codec in LOSSIER else 2.0 if pixels == "yuv420p" else 1.0
    assert_bars_alike(decoded(film)[1], wanted, levels)


@pytest.mark.parametrize(
    ("codec", "suffix", "pixels"),
    [
        ("h264", ".mp4", "yuv420p"),
        ("h265", ".mp4", "yuv420p10le"),
        ("ffv1", ".mkv", "gbrp16le"),
        ("prores", ".mkv", "yuv422p10le"),
    ],
)
def test_chooses_the_depth_for_frames_of_sixteen_bits(
    tmp_path: Path, codec: Codec, suffix: str, pixels: str
) -> None:
    wanted = bars(tmp_path / "a.png", 16)
    film = tmp_path / f"film{suffix}"
    encode_film([tmp_path / "a.png"] * 2, film, fps=FPS, encoding=EncodingOptions(codec))
    assert probe_video(film).tags.pixel_format == pixels
    assert_bars_alike(decoded(film)[0], wanted, 2.0)


def test_ten_bits_keep_a_finer_ramp(tmp_path: Path) -> None:
    ramp = np.broadcast_to((0.4 + np.arange(512) / 5120)[None, :, None], (64, 512, 3))
    write_png(tmp_path / "a.png", ramp.astype(np.float32), 16)
    steps = {}
    for depth in (8, 10):
        film = tmp_path / f"{depth}.mkv"
        encode_film(
            [tmp_path / "a.png"], film, fps=FPS, encoding=EncodingOptions("h265", depth, crf=0)
        )
        steps[depth] = len(np.unique(decoded(film)[0][32, :, 1]))
    assert steps[10] > 3 * steps[8]


def test_ffv1_is_lossless_even_for_odd_sizes(tmp_path: Path) -> None:
    noise = np.random.default_rng(5).random((47, 63, 3), dtype=np.float32)
    for depth in (8, 16):
        write_png(tmp_path / "a.png", noise, 16 if depth == 16 else 8)
        film = tmp_path / f"{depth}.mkv"
        encode_film([tmp_path / "a.png"] * 2, film, fps=FPS, encoding=EncodingOptions("ffv1"))
        assert np.array_equal(decoded(film)[1], read_still(tmp_path / "a.png"))


def test_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    bars(tmp_path / "a.png")
    for codec, spec in CODECS.items():
        films = [tmp_path / f"{n}{spec.suffixes[0]}" for n in range(2)]
        for film in films:
            encode_film([tmp_path / "a.png"] * 5, film, fps=FPS, encoding=EncodingOptions(codec))
        assert films[0].read_bytes() == films[1].read_bytes()


@pytest.mark.parametrize(
    ("codec", "name"), [("prores", "a.mp4"), ("ffv1", "a.mov"), ("h265", "a.avi")]
)
def test_rejects_containers_that_do_not_take_the_codec(
    tmp_path: Path, codec: Codec, name: str
) -> None:
    bars(tmp_path / "a.png")
    with pytest.raises(UsageError, match=r"must end in one of \."):
        encode_film([tmp_path / "a.png"], tmp_path / name, fps=FPS, encoding=EncodingOptions(codec))


COLOURS = [
    ColourSpace(),
    ColourSpace("smpte170m", "smpte170m", "smpte170m"),
    ColourSpace("bt470bg", "bt470bg", "smpte170m", full_range=True),
    ColourSpace("bt2020nc", "bt2020", "bt2020-10"),
    ColourSpace("bt709", "bt709", "iec61966-2-1", full_range=True),
]


@pytest.mark.parametrize("colours", COLOURS)
@pytest.mark.parametrize(
    ("codec", "suffix"), [("h264", ".mp4"), ("h265", ".mkv"), ("prores", ".mov"), ("ffv1", ".mkv")]
)
def test_colours_are_tagged_and_do_not_shift(
    tmp_path: Path, codec: Codec, suffix: str, colours: ColourSpace
) -> None:
    wanted = bars(tmp_path / "a.png", 16)
    film = tmp_path / f"film{suffix}"
    encoding = EncodingOptions(codec, None if codec == "prores" else 10, crf=4)
    encode_film([tmp_path / "a.png"] * 2, film, fps=FPS, encoding=encoding, colours=colours)
    tags = probe_video(film).tags
    assert (tags.primaries, tags.transfer) == (colours.primaries, colours.transfer)
    assert tags.matrix == ("gbr" if codec == "ffv1" else colours.matrix)
    assert_bars_alike(decoded(film)[1], wanted, 1.0)


@pytest.mark.parametrize(
    ("matrix", "tags", "pixels"),
    [
        ("bt709", "colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv", "yuv420p"),
        (
            "smpte170m",
            "colorspace=smpte170m:color_primaries=smpte170m:color_trc=smpte170m:range=tv",
            "yuv422p",
        ),
        (
            "bt470bg",
            "colorspace=bt470bg:color_primaries=bt470bg:color_trc=smpte170m:range=pc",
            "yuv420p",
        ),
        (
            "bt2020",
            "colorspace=bt2020nc:color_primaries=bt2020:color_trc=bt2020-10:range=tv",
            "yuv420p10le",
        ),
    ],
)
def test_videos_of_every_colour_space_keep_their_colours(
    tmp_path: Path, ffmpeg: Tool, matrix: str, tags: str, pixels: str
) -> None:
    """Extract a video's frames and encode them: the film has the video's tags and colours."""
    source = tmp_path / "in.mkv"
    limits = tags.rpartition("range=")[2]
    scale = f"scale=out_color_matrix={matrix}:out_range={limits}:flags=accurate_rnd"
    filters = f"format=gbrp,{scale},format={pixels},setparams={tags}"
    made = ("-f", "lavfi", "-i", "smptebars=s=336x192:r=10:d=0.2")
    ffmpeg(*made, "-vf", filters, "-c:v", "ffv1", source)
    info = probe_video(source)
    frames = extract_frames(info, tmp_path / "in")
    film = tmp_path / "film.mp4"
    encoding = EncodingOptions("h264", 10 if info.tags.is_deep else 8, crf=12)
    encode_film(frames.paths, film, fps=info.fps, colours=info.colours, encoding=encoding)
    assert probe_video(film).colours == info.colours
    before, after = read_still(frames.paths[1]), decoded(film)[1]
    inside = (slice(8, 120), [24 + 48 * bar for bar in range(7)])
    assert np.abs(before[inside] - after[inside]).max() * 255 <= 1.0


def shown_at(film: Path) -> list[Fraction]:
    """Read the times of a film's packets without the code under test."""
    listing = run_ffmpeg(["-i", str(film), "-map", "0:v", "-c", "copy", "-f", "framecrc", "-"])
    base = re.search(r"#tb 0: (\d+)/(\d+)", listing.output)
    assert base is not None
    lines = [line for line in listing.output.splitlines() if line[0] == "0"]
    return [Fraction(t * int(base[1]), int(base[2])) for t in sorted(_tick(x) for x in lines)]


def _tick(line: str) -> int:
    return int(line.split(",")[2])


@pytest.mark.parametrize(
    ("codec", "suffix"), [("h264", ".mp4"), ("h264", ".mkv"), ("h265", ".mov"), ("prores", ".mov")]
)
@pytest.mark.parametrize("clock", [15360, 90000, 1000])
def test_each_frame_is_shown_for_its_own_duration(
    tmp_path: Path, codec: Codec, suffix: str, clock: int
) -> None:
    ticks = [0, 512, 700, 2048, 2049 + clock // 100, 4096, 9000]
    begins = [Fraction(tick, clock) for tick in ticks]
    durations = [b - a for a, b in itertools.pairwise(begins)]
    paths = []
    for index in range(len(durations)):
        paths.append(tmp_path / f"{index}.png")
        write_png(paths[-1], np.full((48, 64, 3), 0.1 * index + 0.1, np.float32))
    film = tmp_path / f"film{suffix}"
    made = encode_film(
        paths, film, fps=Fraction(12), durations=durations, encoding=EncodingOptions(codec)
    )
    assert made.duration_seconds == pytest.approx(float(begins[-1]))
    rounding = Fraction(1, 2000) if suffix == ".mkv" else 0
    for found, wanted in zip(shown_at(film), begins, strict=False):
        assert abs(found - wanted) <= rounding
    info = probe_video(film)
    assert float(info.times.duration) == pytest.approx(float(begins[-1]), abs=0.0011)
    assert [round(float(p.mean()), 1) for p in decoded(film)] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]


def test_verification_detects_wrong_times(tmp_path: Path) -> None:
    bars(tmp_path / "a.png")
    film = tmp_path / "film.mp4"
    encode_film([tmp_path / "a.png"] * 3, film, fps=Fraction(10))
    facts = {"count": 3, "size": (64, 160), "pixel_format": "yuv420p", "colours": ColourSpace()}
    verify_film(film, film, times=[Fraction(n, 10) for n in range(3)], **facts)
    with pytest.raises(FilmError, match="frame 2 is not shown at its time"):
        verify_film(film, film, times=[Fraction(n, 10) for n in (0, 1, 3)], **facts)


def tracks(path: Path) -> list[str]:
    """Return language, kind and codec of each stream, as ffmpeg prints them."""
    found = re.findall(
        r"Stream #0:\d+(?:\[\w+\])?(?:\((\w+)\))?: (\w+): (\w+)",
        run_ffmpeg(["-i", str(path)]).messages,
    )
    return [" ".join(parts) for parts in found]


SUBTITLES = "1\n00:00:00,200 --> 00:00:00,700\nHello\n\n"


def talking_clip(folder: Path, ffmpeg: Tool, *audio: str, text: str = "subrip") -> Path:
    """Make a clip with audio in three languages and a subtitle."""
    (folder / "words.srt").write_text(SUBTITLES)
    source = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=10:d=1"]
    for pitch in (440, 550, 660):
        source += ["-f", "lavfi", "-i", f"sine=frequency={pitch}:duration=1"]
    source += ["-i", str(folder / "words.srt")]
    maps = [option for index in range(5) for option in ("-map", str(index))]
    names = [("a:0", "eng"), ("a:1", "ita"), ("a:2", "fra"), ("s:0", "spa")]
    tags = [part for s, name in names for part in (f"-metadata:s:{s}", f"language={name}")]
    path = folder / "talk.mkv"
    ffmpeg(*source, *maps, *tags, *H264, *(audio or ("-c:a", "aac")), "-c:s", text, path)
    return path


def film_of(source: Path, film: Path, frames: int = 10) -> None:
    write_png(source.parent / "a.png", np.full((48, 64, 3), 0.5, np.float32))
    info = probe_video(source)
    paths = [source.parent / "a.png"] * frames
    encode_film(paths, film, fps=info.fps, sound=Soundtrack(info, Fraction(0)))


@pytest.mark.parametrize(
    ("suffix", "text"), [(".mp4", "mov_text"), (".mov", "mov_text"), (".mkv", "subrip")]
)
def test_copies_all_audio_and_subtitle_streams(
    tmp_path: Path, ffmpeg: Tool, suffix: str, text: str
) -> None:
    source = talking_clip(tmp_path, ffmpeg)
    film = tmp_path / f"film{suffix}"
    film_of(source, film)
    assert tracks(film)[1:] == [
        "eng Audio aac",
        "ita Audio aac",
        "fra Audio aac",
        f"spa Subtitle {text}",
    ]
    words = ffmpeg("-i", film, "-map", "0:s:0", "-f", "srt", "-").decode()
    assert "00:00:00,200 --> 00:00:00,700" in words
    assert "Hello" in words


def test_copies_or_encodes_each_audio_stream_separately(tmp_path: Path, ffmpeg: Tool) -> None:
    source = talking_clip(tmp_path, ffmpeg, "-c:a:0", "aac", "-c:a:1", "flac", "-c:a:2", "mp3")
    film_of(source, tmp_path / "film.mp4")
    kinds = [track.split()[-1] for track in tracks(tmp_path / "film.mp4")]
    assert kinds == ["h264", "aac", "aac", "mp3", "mov_text"]


def test_mp4_text_becomes_a_matroska_subtitle(tmp_path: Path, ffmpeg: Tool) -> None:
    first = talking_clip(tmp_path, ffmpeg)
    source = tmp_path / "talk.mp4"
    ffmpeg("-i", first, "-map", "0", "-c", "copy", "-c:s", "mov_text", source)
    film_of(source, tmp_path / "film.mkv")
    assert tracks(tmp_path / "film.mkv")[-1] == "spa Subtitle subrip"


def test_picture_subtitles_need_mkv(
    tmp_path: Path, ffmpeg: Tool, caplog: pytest.LogCaptureFixture
) -> None:
    info = probe_video(talking_clip(tmp_path, ffmpeg))
    sound = Soundtrack(dataclasses.replace(info, subtitle_codecs=("dvd_subtitle",)), Fraction(0))
    bars(tmp_path / "a.png")
    film = tmp_path / "film.mp4"
    with caplog.at_level(logging.WARNING):
        encode_film([tmp_path / "a.png"] * 10, film, fps=info.fps, sound=sound)
    assert "dvd_subtitle; a .mkv can" in caplog.text
    assert [track.split()[-1] for track in tracks(film)] == ["h264", "aac", "aac", "aac"]
    assert dropped_subtitles(sound.video.subtitle_codecs, ".mkv") == []
