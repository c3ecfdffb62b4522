"""OpenEXR: light without a limit at white, read and written to within a half float's step."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batch_analogy.colour import to_linear
from batch_analogy.errors import FrameError, MachineError, OutputDiskError
from batch_analogy.media import stills
from batch_analogy.media.numbered_output import check_pattern, write_numbered
from batch_analogy.media.openexr import write_exr

oiio = pytest.importorskip("OpenImageIO")
H, W = 24, 40


def light(channels: int = 3, kind: type = np.float32) -> np.ndarray:
    """Return light from 0 to 16, in steps that grow with it."""
    steps = np.geomspace(1e-5, 16, H * W * channels).reshape(H, W, channels)
    steps[0, 0] = 0
    return steps.astype(kind)


def save(path: Path, pixels: np.ndarray, names: str = "RGB", **attributes: Any) -> Path:
    """Write light as OpenImageIO does, whatever the code under test does."""
    kinds = {np.dtype(np.float16): oiio.HALF, np.dtype(np.float32): oiio.FLOAT}
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], kinds[pixels.dtype])
    spec.channelnames = tuple(names.split(",")) if "," in names else tuple(names)
    if "A" in spec.channelnames:
        spec.alpha_channel = spec.channelnames.index("A")
    for name, value in attributes.items():
        if name == "chromaticities":
            spec.attribute(name, "float[8]", value)
        else:
            setattr(spec, name, value)
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec), output.geterror()
    assert output.write_image(np.ascontiguousarray(pixels)), output.geterror()
    assert output.close()
    return path


def load(path: Path) -> np.ndarray:
    image = oiio.ImageInput.open(str(path))
    pixels = image.read_image(0, 0, 0, image.spec().nchannels, oiio.FLOAT)
    image.close()
    return np.asarray(pixels)


def assert_alike(found: np.ndarray, wanted: np.ndarray) -> None:
    """Compare light within a step of half floats."""
    wanted = wanted.astype(np.float32)
    step = np.spacing(np.abs(wanted).astype(np.float16)).astype(np.float32)
    assert (np.abs(found - wanted) / step).max() <= 1


def read_light(path: Path) -> np.ndarray:
    return to_linear(stills.read_layers(path, beyond_white=True)[0])


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_light_beyond_white_is_read_and_written(tmp_path: Path, kind: type) -> None:
    path = save(tmp_path / "a.exr", light(kind=kind))
    assert stills.read_size(path) == (H, W)
    depth = stills.read_depth(path)
    assert depth == (16 if kind is np.float16 else 32)
    pixels, opacity = stills.read_layers(path, beyond_white=True)
    assert opacity is None
    assert pixels.max() > 3
    stored = light(kind=kind).astype(np.float32)
    np.testing.assert_allclose(to_linear(pixels), stored, rtol=1e-5, atol=1e-9)
    write_exr(tmp_path / "b.exr", pixels, depth)
    assert_alike(load(tmp_path / "b.exr"), light(kind=kind))
    assert stills.read_depth(tmp_path / "b.exr") == depth


def test_other_readers_see_white_where_it_is_brighter(tmp_path: Path) -> None:
    path = save(tmp_path / "a.exr", light())
    pixels = stills.read_still(path)
    assert pixels.max() == 1.0
    np.testing.assert_allclose(to_linear(pixels), np.minimum(light(), 1), atol=1e-6)
    assert stills.read_layers(path)[0].max() == 1.0


def test_half_float_light_is_an_srgb_picture(tmp_path: Path) -> None:
    save(tmp_path / "a.exr", np.full((H, W, 3), 0.2159, np.float16))
    assert round(float(stills.read_still(tmp_path / "a.exr")[0, 0, 0]) * 255) == 128


def test_alpha_is_premultiplied_in_the_file(tmp_path: Path) -> None:
    stored = np.full((H, W, 4), 0.5, np.float32)
    stored[: H // 2] = (2, 0, 0, 1)
    path = save(tmp_path / "a.exr", stored, "RGBA")
    assert stills.read_has_alpha(path)
    pixels, opacity = stills.read_layers(path, beyond_white=True)
    assert opacity is not None
    assert opacity[-1, 0] == 0.5
    np.testing.assert_allclose(to_linear(pixels)[-1, 0], [1, 1, 1], atol=1e-5)
    write_exr(tmp_path / "b.exr", np.dstack([pixels, opacity]), 32)
    np.testing.assert_allclose(load(tmp_path / "b.exr"), stored, atol=1e-5)


@pytest.mark.parametrize(
    ("names", "order"),
    [
        ("Layer.R,Layer.G,Layer.B", [0, 1, 2]),
        ("r,g,b", [0, 1, 2]),
        ("B,G,R", [2, 1, 0]),
        ("Y", [0, 0, 0]),
    ],
)
def test_finds_the_channels_that_are_colours(tmp_path: Path, names: str, order: list[int]) -> None:
    stored = light(len(names.split(",")))
    path = save(tmp_path / "a.exr", stored, names)
    stored_names = oiio.ImageInput.open(str(path)).spec().channelnames
    found = load(path)
    position = {name.rpartition(".")[2].upper(): n for n, name in enumerate(stored_names)}
    wanted = found if names == "Y" else found[..., [position[c] for c in "RGB"]]
    np.testing.assert_allclose(
        read_light(path), np.broadcast_to(wanted, (H, W, 3)), rtol=1e-4, atol=1e-8
    )
    assert len(order) == 3


def test_data_are_placed_into_the_display_window(tmp_path: Path) -> None:
    path = save(
        tmp_path / "a.exr", light(), x=3, y=-2, full_x=0, full_y=0, full_width=50, full_height=30
    )
    assert stills.read_size(path) == (30, 50)
    found = read_light(path)
    assert found.shape == (30, 50, 3)
    np.testing.assert_allclose(found[: H - 2, 3 : 3 + W], light()[2:], rtol=1e-4, atol=1e-8)
    assert found[H:].max() == 0
    assert found[:, :3].max() == 0


def test_primaries_are_converted(tmp_path: Path) -> None:
    bt2020 = (0.708, 0.292, 0.17, 0.797, 0.131, 0.046, 0.3127, 0.329)
    path = save(tmp_path / "a.exr", light(), chromaticities=bt2020)
    matrix = np.array(  # ITU-R BT.2407, from BT.2020 to BT.709
        [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
    )
    np.testing.assert_allclose(read_light(path), light() @ matrix.T, rtol=2e-3, atol=2e-3)


def test_equal_pictures_are_equal_files(tmp_path: Path) -> None:
    for name in "ab":
        write_exr(tmp_path / f"{name}.exr", np.ones((H, W, 3), np.float32), 16)
    assert (tmp_path / "a.exr").read_bytes() == (tmp_path / "b.exr").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.exr", "b.exr"]


def test_numbered_exr_keeps_what_is_brighter_than_white(tmp_path: Path) -> None:
    for name, factor in (("a", 1), ("b", 3)):
        save(tmp_path / f"{name}.exr", light() * np.float32(factor))
    frames = [tmp_path / "a.exr", (tmp_path / "a.exr", tmp_path / "b.exr")]
    write_numbered(frames, tmp_path / "out/%03d.exr")
    assert (tmp_path / "out/000.exr").read_bytes() == (tmp_path / "a.exr").read_bytes()
    np.testing.assert_allclose(load(tmp_path / "out/001.exr"), light() * 2, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("content", ["cut", "empty", "text", "depth"])
def test_what_is_no_picture_is_refused(tmp_path: Path, content: str) -> None:
    path = save(tmp_path / "a.exr", light())
    data = path.read_bytes()
    if content == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif content == "depth":
        save(path, light(1), "Z")
    else:
        path.write_bytes(b"" if content == "empty" else b"no picture\n" * 30)
    with pytest.raises(FrameError) as caught:
        stills.read_still(path)
    words = {"cut": "truncated", "empty": "empty", "text": "not a picture", "depth": "Z"}
    assert words[content] in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("folder", [os.fsdecode(b"caf\xe9"), "plain"])
@pytest.mark.parametrize("name", [os.fsdecode(b"caf\xe9.exr"), "a?b=1 [x] %04d.exr", "http:a.exr"])
def test_any_name_is_read_and_written(tmp_path: Path, folder: str, name: str) -> None:
    path = tmp_path / folder / name
    write_exr(path, np.full((H, W, 3), 0.5, np.float32), 32)
    assert os.listdir(path.parent) == [name]
    np.testing.assert_allclose(stills.read_still(path), 0.5, atol=1e-6)


def test_a_full_disk_is_told(tiny_disk: Path) -> None:
    noise = np.random.default_rng(0).random((256, 256, 3)).astype(np.float32)
    with pytest.raises(OutputDiskError, match="disk is full"):
        write_exr(tiny_disk / "a.exr", noise, 32)
    assert os.listdir(tiny_disk) == []


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match="No such file"):
        stills.read_size(tmp_path / "none.exr")


def test_without_the_extra_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "a.exr", light())
    monkeypatch.setitem(sys.modules, "OpenImageIO", None)
    with pytest.raises(FrameError, match=r"batch-analogy\[exr\]"):
        stills.read_still(path)
    with pytest.raises(MachineError, match=r"batch-analogy\[exr\]"):
        check_pattern(tmp_path / "out/%03d.exr")
