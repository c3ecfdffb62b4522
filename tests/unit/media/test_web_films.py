"""Films for web pages: VP9 with alpha, AV1, GIF and animated WebP, decoded by other programs."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from batch_analogy.config.codecs import CODECS, Codec, usual_codec
from batch_analogy.errors import UsageError
from batch_analogy.media.colour_tags import ColourSpace
from batch_analogy.media.encoding import EncodingOptions, Soundtrack, check_container
from batch_analogy.media.extract import extract_frames
from batch_analogy.media.ffmpeg import run_ffmpeg
from batch_analogy.media.film import encode_film
from batch_analogy.media.stills import read_still
from batch_analogy.media.video import probe_video

SHAPE = (46, 61)  # odd, because these need no even sides


def pictures(folder: Path, count: int = 4, *, holes: bool = False) -> list[Path]:
    """Write smooth pictures that differ; with holes, a moving third is transparent."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)
    paths = []
    for index in range(count):
        rgb = [40 + 3 * x, 60 + 3 * y, np.full_like(x, 50 * index), np.full_like(x, 255)]
        pixels = np.clip(np.stack(rgb, axis=-1), 0, 255).astype(np.uint8)
        if holes:
            pixels[:, 5 * index : 5 * index + 20, 3] = 0
        paths.append(folder / f"p{index}.png")
        Image.fromarray(pixels if holes else pixels[..., :3]).save(paths[-1])
    return paths


def frames_of(film: Path, mode: str = "RGB") -> list[np.ndarray]:
    """Decode a picture's frames with Pillow."""
    with Image.open(film) as image:
        found = []
        for index in range(getattr(image, "n_frames", 1)):
            image.seek(index)
            found.append(np.asarray(image.convert(mode), np.float32))
        return found


@pytest.mark.parametrize(("suffix", "levels"), [(".gif", 9), (".webp", 2.5)])
@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(10)])
def test_animated_pictures_have_the_frames_at_their_times(
    tmp_path: Path, suffix: str, levels: float, fps: Fraction
) -> None:
    paths, film = pictures(tmp_path), tmp_path / f"film{suffix}"
    codec = usual_codec(suffix)
    assert codec is not None
    info = encode_film(paths, film, fps=fps, encoding=EncodingOptions(codec))
    assert (info.frames, info.height, info.width, info.has_audio) == (4, *SHAPE, False)
    found = frames_of(film)
    assert len(found) == 4
    for pixels, path in zip(found, paths, strict=True):
        assert np.abs(pixels - np.asarray(Image.open(path))).mean() < levels
    with Image.open(film) as image:
        assert image.info["loop"] == 0
    read = probe_video(film)
    assert read.frame_count == 4
    assert abs(float(4 / read.fps) - float(4 / fps)) < 0.011


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [("webp", ".webp"), ("gif", ".gif"), ("vp9", ".webm"), ("av1", ".mp4")],
)
@pytest.mark.parametrize("holes", [False, True])
def test_frames_keep_their_own_times(
    tmp_path: Path, codec: Codec, suffix: str, holes: bool
) -> None:
    paths, film = pictures(tmp_path, holes=holes), tmp_path / f"film{suffix}"
    durations = [Fraction(1, 10), Fraction(3, 10), Fraction(1, 5), Fraction(7, 10)]
    encoding = EncodingOptions(codec)
    encode_film(paths, film, fps=Fraction(4), durations=durations, encoding=encoding)
    if codec == "webp":
        with Image.open(film) as image:
            shown = []
            for index in range(image.n_frames):
                image.seek(index)
                image.load()
                shown.append(image.info["duration"])
        assert shown == [100, 300, 200, 700]
        return  # PyAV may hold an older ffmpeg, which cannot decode these
    with av.open(str(film)) as container:
        times = [float(frame.time) for frame in container.decode(video=0)]
    assert times == pytest.approx([0, 0.1, 0.4, 0.6], abs=0.011)


def test_a_held_frame_of_webp_is_shown_longer(tmp_path: Path) -> None:
    one, two = pictures(tmp_path, 2)
    film = tmp_path / "film.webp"
    encode_film([one, one, one, two], film, fps=Fraction(10), encoding=EncodingOptions("webp"))
    with Image.open(film) as image:
        durations = []
        for index in range(image.n_frames):
            image.seek(index)
            image.load()
            durations.append(image.info["duration"])
    assert (sum(durations), durations[-1]) == (400, 100)


@pytest.mark.parametrize("name", CODECS)
def test_films_of_one_frame_and_of_equal_ones(tmp_path: Path, name: Codec) -> None:
    """A WebP of them is a still; and the smallest films that can be asked for."""
    (one,) = pictures(tmp_path, 1)
    film = tmp_path / f"film{CODECS[name].suffixes[0]}"
    for count, size in ((1, "full"), (3, "full"), (2, "20%")):
        encoding = EncodingOptions(name, size=size)
        info = encode_film([one] * count, film, fps=Fraction(10), encoding=encoding)
        assert (info.frames, film.stat().st_size > 0) == (count, True)


def test_lossless_webp_keeps_every_pixel(tmp_path: Path) -> None:
    paths, film = pictures(tmp_path, holes=True), tmp_path / "film.webp"
    encode_film(paths, film, fps=Fraction(10), encoding=EncodingOptions("webp", crf=0))
    for pixels, path in zip(frames_of(film, "RGBA"), paths, strict=True):
        wanted = np.asarray(Image.open(path), np.float32)
        assert np.array_equal(pixels[..., 3], wanted[..., 3])
        seen = wanted[..., 3] > 0
        assert np.array_equal(pixels[seen], wanted[seen])


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_animated_pictures_stay_transparent(tmp_path: Path, suffix: str) -> None:
    paths, film = pictures(tmp_path, holes=True), tmp_path / f"film{suffix}"
    codec = usual_codec(suffix)
    assert codec is not None
    encode_film(paths, film, fps=Fraction(10), encoding=EncodingOptions(codec))
    for pixels, path in zip(frames_of(film, "RGBA"), paths, strict=True):
        wanted = np.array(Image.open(path))[..., 3]
        if suffix == ".gif":
            wanted[0, 0] = 0  # or ffmpeg would leave an opaque frame under the next one
        assert np.array_equal(pixels[..., 3], wanted)


def test_vp9_stays_transparent(tmp_path: Path) -> None:
    paths, film = pictures(tmp_path, holes=True), tmp_path / "film.webm"
    encoding = EncodingOptions("vp9", depth=10)  # alpha has 8 bits, whatever is asked for
    encode_film(paths, film, fps=Fraction(10), encoding=encoding)
    info = probe_video(film)
    assert info.tags.has_alpha
    frames = extract_frames(info, tmp_path / "frames").paths
    assert len(frames) == 4
    alpha = np.asarray(Image.open(frames[2]))[..., 3]
    assert alpha[:46, 12:28].max() < 8
    assert min(alpha[:46, :8].min(), alpha[:46, 32:61].min()) > 247


@pytest.mark.parametrize(("codec", "suffix"), [("vp9", ".webm"), ("av1", ".mp4"), ("av1", ".webm")])
def test_lossless_video_differs_by_its_chroma_alone(
    tmp_path: Path, codec: Codec, suffix: str
) -> None:
    film = tmp_path / f"film{suffix}"
    encode_film(pictures(tmp_path), film, fps=Fraction(10), encoding=EncodingOptions(codec, crf=0))
    found = extract_frames(probe_video(film), tmp_path / "frames").paths
    for path, wanted in zip(found, pictures(tmp_path), strict=True):
        off = np.abs(read_still(path)[:44, :58] - read_still(wanted)[:44, :58]) * 255
        assert off.mean() < 1.0


@pytest.mark.parametrize(("codec", "suffix"), [("vp9", ".webm"), ("av1", ".mp4")])
def test_sound_fits_the_container(tmp_path: Path, codec: Codec, suffix: str) -> None:
    clip = tmp_path / "clip.mp4"
    made = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=10:d=1", "-f", "lavfi"]
    made += ["-i", "sine=d=1", "-c:a", "aac", "-shortest", str(clip)]
    assert run_ffmpeg(made).code == 0
    film = tmp_path / f"film{suffix}"
    info = encode_film(
        pictures(tmp_path, 10),
        film,
        fps=Fraction(10),
        encoding=EncodingOptions(codec),
        sound=Soundtrack(probe_video(clip), Fraction(0)),
    )
    assert info.has_audio
    with av.open(str(film)) as container:
        name = container.streams.audio[0].codec_context.codec.canonical_name
        assert name == {".webm": "opus", ".mp4": "aac"}[suffix]
        sound = [frame.to_ndarray() for frame in container.decode(audio=0)]
    assert np.abs(np.concatenate(sound, axis=-1)).max() > 0.05


def test_colours_of_a_wide_gamut_become_srgb(tmp_path: Path) -> None:
    """Pictures have no tags: red of BT.2020 primaries must not look dull."""
    Image.fromarray(np.full((32, 32, 3), (160, 32, 32), np.uint8)).save(tmp_path / "a.png")
    film = tmp_path / "film.webp"
    encode_film(
        [tmp_path / "a.png"] * 2,
        film,
        fps=Fraction(10),
        encoding=EncodingOptions("webp", crf=0),
        colours=ColourSpace("bt2020nc", "bt2020", "bt2020-10"),
    )
    red, green, _ = frames_of(film)[0][16, 16]
    assert red > 185
    assert green < 25


def test_animated_pictures_are_not_numbered(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds all frames in one file"):
        check_container(tmp_path / "out" / "%06d.webp", "webp")


@pytest.mark.parametrize("name", CODECS)
def test_every_suffix_has_a_usual_codec(name: Codec) -> None:
    for suffix in CODECS[name].suffixes:
        usual = usual_codec(suffix.upper())
        assert usual is not None
        assert suffix in CODECS[usual].suffixes
