"""Masks and label maps of every kind give the same answer in every command that reads them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from batch_analogy.jobs.semantic.model_files import load_model
from tests.support.command_line import HERE, QUICK, Call, picture, write_picture
from tests.support.semantic import disc_classes, write_disc

TRAINING = ["--size", "32", "--width", "4", "--iterations", "3"]
KINDS = ["transparent", "numbers", "turned"]
SAID = {
    "transparent": "transparent parts count as black",
    "numbers": "holds class numbers (0, 1)",
    "turned": "is turned as its orientation tag says",
}


def write_map(path: Path, inside: np.ndarray, kind: str) -> Path:
    """Write a map of two classes; ``inside`` is (H, W), true in the second one."""
    if kind == "transparent":
        clear = np.where(inside[..., None], (255, 255, 255, 255), (255, 255, 255, 0))
        Image.fromarray(clear.astype(np.uint8)).save(path)
    elif kind == "numbers":
        Image.fromarray(inside.astype(np.uint8)).save(path)
    else:
        stored = np.ascontiguousarray(np.rot90(inside))  # orientation 6 turns it back
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(stored.astype(np.uint8) * 255).save(path, exif=exif)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_pair(call: Call, tmp_path: Path, kind: str) -> None:
    a = write_picture(tmp_path / "a.png")
    left = np.zeros(picture(0).shape[:2], bool)
    left[:, : left.shape[1] // 2] = True
    for name, inside in (("left", left), ("right", ~left)):
        write_map(tmp_path / f"{name}.png", inside, kind)
        Image.fromarray(inside.astype(np.uint8) * 255).save(tmp_path / f"plain-{name}.png")
    flows = []
    for prefix in ("", "plain-"):
        out = tmp_path / f"out{prefix}"
        one, other = (tmp_path / f"{prefix}{side}.png" for side in ("left", "right"))
        masks = ["--mask-a", one, "--mask-b", other]
        ended = call("pair", a, a, "-o", out, "--save-flow", *masks, *QUICK)
        ended.assert_ended(0, *([] if prefix else [SAID[kind]]))
        flows.append(np.load(out / "flow_ab.npy"))
    assert np.array_equal(*flows)
    assert np.abs(flows[0][..., 0]).mean() > 8  # across the middle


@pytest.mark.parametrize("kind", KINDS)
def test_semantic_and_compare(call: Call, tmp_path: Path, kind: str) -> None:
    shown, _ = write_disc(tmp_path / "in")
    label = write_map(tmp_path / "label.png", disc_classes(16) > 0, kind)
    target = write_map(tmp_path / "target.png", disc_classes(24) > 0, kind)
    ended = call("semantic", shown, label, target, "-o", tmp_path / "o.png", *TRAINING)
    ended.assert_ended(0, "2 classes", SAID[kind])
    palette = load_model(tmp_path / "disc.semantic").palette
    assert len(palette) == 2
    out = tmp_path / "compared"
    ended = call("compare", shown, label, target, "-o", out, "--methods", "numbers", *TRAINING)
    ended.assert_ended(0, SAID[kind])
    assert len(json.loads((out / "compare.json").read_text())["cases"]) == 1
    made = np.asarray(Image.open(out / "maps" / "target.png")).reshape(-1, 3)
    assert len(np.unique(made, axis=0)) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_analogy_within_a_mask_and_by_numbers(call: Call, tmp_path: Path, kind: str) -> None:
    frame = write_picture(tmp_path / "frames" / "img0.png")
    painted = np.full((64, 80, 3), (250, 20, 20), np.uint8)
    Image.fromarray(painted).save(tmp_path / "painted.png")
    left = np.zeros((64, 80), bool)
    left[:, :40] = True
    mask = write_map(tmp_path / "mask.png", left, kind)
    words = ["--key", f"0={tmp_path / 'painted.png'}", "--mask", mask, "-o", tmp_path / "f/%d.png"]
    said = SAID[kind] if kind != "numbers" else "all but 0 count as white"
    call("analogy", frame.parent, *words, *HERE[2:]).assert_ended(0, said)
    made = np.asarray(Image.open(tmp_path / "f" / "0.png")).astype(int)
    assert np.abs(made[:, :36] - painted[:, :36]).mean() < 4
    assert np.abs(made[:, 44:] - picture(0)[:, 44:]).mean() < 4

    texture = np.where(left[..., None], (240, 200, 40), (20, 60, 120)).astype(np.uint8)
    Image.fromarray(texture).save(tmp_path / "land.png")
    other = write_map(tmp_path / "new.png", left[:, ::-1], kind)
    words = [mask, tmp_path / "land.png", other, "--preset", "numbers", "-o", tmp_path / "n/%d.png"]
    call("analogy", *words, *HERE[2:]).assert_ended(0, SAID[kind])
    made = np.asarray(Image.open(tmp_path / "n" / "0.png")).astype(int)
    assert np.abs(made[:, 44:] - (240, 200, 40)).mean() < 12
    assert np.abs(made[:, :36] - (20, 60, 120)).mean() < 12


def test_many_class_numbers_are_classes_of_their_own(call: Call, tmp_path: Path) -> None:
    shown, _ = write_disc(tmp_path / "in")
    label, target = tmp_path / "label.png", tmp_path / "t.png"
    numbers = (np.mgrid[:40, :48][1] // 8).astype(np.uint8)
    numbers[:2, :2] = 255  # rare, and a class all the same
    Image.fromarray(numbers).save(label)
    Image.fromarray(np.where(numbers == 3, 255, numbers).astype(np.uint8)).save(target)
    words = ["semantic", shown, label, target, *TRAINING, "-o"]
    call(*words, tmp_path / "o.png").assert_ended(0, "7 classes")
    rows, columns = np.mgrid[:40, :48]
    Image.fromarray((columns // 6 + 8 * (rows // 8)).astype(np.uint8)).save(label)
    call(*words, tmp_path / "p.png").assert_failed(1, "classes; a label map has 2 to 32")
