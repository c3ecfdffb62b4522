from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from batch_analogy.media.stills import read_depth, read_still, write_png
from tests.support.command_line import QUICK, Call, picture, run, write_picture


@pytest.mark.smoke
def test_pair_writes_both_pictures_at_full_size(call: Call, tmp_path: Path) -> None:
    a = write_picture(tmp_path / "a.png", 0, 64, 90)
    bp = write_picture(tmp_path / "bp.jpg", 9, 80, 70)
    out = tmp_path / "out"
    everything = ["--save-flow", "--save-confidence", "--sheet"]
    ended = call("pair", a, bp, "-o", out, *everything, *QUICK)
    ended.assert_ended(0)
    names = ["a_prime.png", "b.png", "flow_ab.npy", "flow_ba.npy"]
    names += ["confidence_a.png", "confidence_b.png", "sheet.png"]
    assert ended.out.splitlines() == [str(out / name) for name in names]
    assert {path.name for path in out.iterdir()} == set(names)
    assert Image.open(out / "a_prime.png").size == (90, 64)
    assert Image.open(out / "b.png").size == (70, 80)
    assert Image.open(out / "confidence_a.png").size == (90, 64)
    flow = np.load(out / "flow_ab.npy")
    assert (flow.shape, flow.dtype) == ((64, 90, 2), np.float32)
    x = np.arange(90)[None] + flow[..., 0]  # dx first: matches lie within B'
    y = np.arange(64)[:, None] + flow[..., 1]
    assert x.min() > -1
    assert x.max() < 70
    assert y.min() > -1
    assert y.max() < 80


def test_a_picture_with_itself_stays_itself(call: Call, tmp_path: Path) -> None:
    a = write_picture(tmp_path / "a.png")
    call("pair", a, a, "-o", tmp_path, "--save-flow", *QUICK).assert_ended(0)
    ap = np.asarray(Image.open(tmp_path / "a_prime.png")).astype(float)
    assert np.abs(ap - picture(0)).mean() < 2
    assert np.abs(np.load(tmp_path / "flow_ab.npy")).mean() < 1


def test_the_same_command_twice_gives_the_same_bytes(call: Call, tmp_path: Path) -> None:
    a, bp = write_picture(tmp_path / "a.png", 0), write_picture(tmp_path / "bp.png", 9)
    first, second = tmp_path / "first", tmp_path / "second"
    call("pair", a, bp, "-o", first, "--save-flow", *QUICK).assert_ended(0)
    run("pair", a, bp, "-o", second, "--save-flow", *QUICK).assert_ended(0)  # another process
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes(), path.name


def test_json_lists_levels_and_result(call: Call, tmp_path: Path) -> None:
    a = write_picture(tmp_path / "a.png")
    lines = call("pair", a, a, "-o", tmp_path / "out", "--json", *QUICK).json
    assert [line["level"] for line in lines if line["event"] == "level-done"] == [4, 3, 2, 1]
    assert lines[-1]["event"] == "result"
    assert lines[-1]["exit_code"] == 0
    assert Path(lines[-1]["outputs"]["a_prime"]).is_file()


def test_a_dry_run_writes_nothing(call: Call, tmp_path: Path) -> None:
    a, bp = write_picture(tmp_path / "a.png"), write_picture(tmp_path / "bp.png", 9, 70, 66)
    out = tmp_path / "out"
    ended = call("pair", a, bp, "-o", out, "--dry-run", "--size", "0.0041")
    ended.assert_ended(0, "80x64", "66x70", str(out / "a_prime.png"))
    assert not out.exists()


def test_existing_output_is_overwritten_only_on_request(call: Call, tmp_path: Path) -> None:
    a, out = write_picture(tmp_path / "a.png"), tmp_path / "out"
    out.mkdir()
    (out / "b.png").write_text("precious")
    call("pair", a, a, "-o", out, *QUICK).assert_failed(2, "b.png exists", "--overwrite")
    assert (out / "b.png").read_text() == "precious"
    assert not (out / "a_prime.png").exists()
    call("pair", a, a, "-o", out, "--overwrite", *QUICK).assert_ended(0)
    assert Image.open(out / "b.png").size == (80, 64)


def test_an_input_is_never_overwritten(call: Call, tmp_path: Path) -> None:
    a = write_picture(tmp_path / "a_prime.png")
    before = a.read_bytes()
    call("pair", a, a, "-o", tmp_path, "--overwrite", *QUICK).assert_failed(2, "replace an input")
    assert a.read_bytes() == before


def test_a_panorama_of_20000_pixels_keeps_its_size(call: Call, tmp_path: Path) -> None:
    a = write_picture(tmp_path / "panorama.png", 0, 40, 20_000)
    bp = write_picture(tmp_path / "bp.png", 9)
    call("pair", a, bp, "-o", tmp_path / "out", *QUICK).assert_ended(0)
    assert Image.open(tmp_path / "out" / "a_prime.png").size == (20_000, 40)


def test_masks_scales_and_mirror_change_the_result(call: Call, tmp_path: Path) -> None:
    a = write_picture(tmp_path / "a.png")
    mask = np.zeros((*picture(0).shape[:2], 3), np.uint8)
    mask[:, : mask.shape[1] // 2] = (255, 0, 0)
    for name, pixels in (("left.png", mask), ("right.png", mask[:, ::-1])):
        Image.fromarray(np.ascontiguousarray(pixels)).save(tmp_path / name)
    masks = ["--mask-a", tmp_path / "left.png", "--mask-b", tmp_path / "right.png"]
    out = tmp_path / "out"
    call("pair", a, a, "-o", out, "--save-flow", *masks, *QUICK).assert_ended(0)
    assert np.abs(np.load(out / "flow_ab.npy")[..., 0]).mean() > 8  # across the middle
    more = ["--scales", "0.8,1", "--mirror", "--smoothness", "0"]
    call("pair", a, a, "-o", tmp_path / "more", *more, *QUICK).assert_ended(0)
    ap = np.asarray(Image.open(tmp_path / "more" / "a_prime.png")).astype(float)
    assert np.abs(ap - picture(0)).mean() < 4


def test_rejects_a_single_mask_and_masks_without_a_common_colour(
    call: Call, tmp_path: Path
) -> None:
    a = write_picture(tmp_path / "a.png")
    for name, colour in (("red.png", (255, 0, 0)), ("blue.png", (0, 0, 255))):
        Image.new("RGB", (40, 30), colour).save(tmp_path / name)
    red, blue = tmp_path / "red.png", tmp_path / "blue.png"
    out = tmp_path / "out"
    call("pair", a, a, "-o", out, "--mask-a", red, *QUICK).assert_failed(2, "--mask-b")
    both = ["--mask-a", red, "--mask-b", blue]
    call("pair", a, a, "-o", out, *both, *QUICK).assert_failed(2, "#ff0000", "#0000ff")


def deep_picture(path: Path, index: int) -> Path:
    """Write the waves of ``picture`` with 65536 levels."""
    noise = np.random.default_rng(index).uniform(0, 1, (64, 80, 3))
    write_png(path, ((picture(index) * 0.9 + noise * 20) / 255).astype(np.float32), 16)
    return path


def levels(path: Path) -> int:
    return len(np.unique(read_still(path)))


def test_the_16_bits_of_a_photo_are_kept(call: Call, tmp_path: Path) -> None:
    a, bp = deep_picture(tmp_path / "a.png", 0), write_picture(tmp_path / "bp.png", 9)
    photo = ["--preset", "photo-to-photo", *QUICK]
    call("pair", a, bp, "-o", tmp_path / "auto", *photo).assert_ended(0)
    assert read_depth(tmp_path / "auto" / "a_prime.png") == 16  # as A
    assert read_depth(tmp_path / "auto" / "b.png") == 8  # as B'
    assert levels(tmp_path / "auto" / "a_prime.png") > 4096
    call("pair", a, bp, "-o", tmp_path / "eight", "--depth", "8", *photo).assert_ended(0)
    assert read_depth(tmp_path / "eight" / "a_prime.png") == 8
    difference = read_still(tmp_path / "auto/a_prime.png") - read_still(
        tmp_path / "eight/a_prime.png"
    )
    assert np.abs(difference).max() <= 0.51 / 255


def test_a_style_has_8_bits_unless_more_are_requested(call: Call, tmp_path: Path) -> None:
    a, bp = deep_picture(tmp_path / "a.png", 0), deep_picture(tmp_path / "bp.png", 9)
    call("pair", a, bp, "-o", tmp_path / "auto", *QUICK).assert_ended(0)
    assert read_depth(tmp_path / "auto" / "a_prime.png") == 8
    call("pair", a, bp, "-o", tmp_path / "deep", "--depth", "16", *QUICK).assert_ended(0)
    assert read_depth(tmp_path / "deep" / "a_prime.png") == 16
    assert levels(tmp_path / "deep" / "a_prime.png") > 4096


def test_tiff_is_written_on_request(call: Call, tmp_path: Path) -> None:
    a, bp = deep_picture(tmp_path / "a.png", 0), write_picture(tmp_path / "bp.png", 9)
    out = tmp_path
    options = ["--preset", "photo-to-photo", "--format", "tiff", "--sheet", *QUICK]
    ended = call("pair", a, bp, "-o", out, *options)
    ended.assert_ended(0)
    names = ["a_prime.tif", "b.tif", "sheet.png"]
    assert ended.out.splitlines() == [str(out / name) for name in names]
    with Image.open(out / "a_prime.tif") as image:
        assert image.format == "TIFF"
    assert (read_depth(out / "a_prime.tif"), read_depth(out / "b.tif")) == (16, 8)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_missing_gpu_is_an_error_of_the_machine(call: Call, tmp_path: Path) -> None:
    a = write_picture(tmp_path / "a.png")
    words = ["pair", a, a, "-o", tmp_path / "out", *QUICK, "--gpus-per-worker"]
    call(*words, "1").assert_failed(4, "PyTorch cannot use", "without --gpus-per-worker")
    call(*words, "0").assert_ended(0)
