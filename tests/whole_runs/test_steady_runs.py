"""Coherent runs: the same bytes in any order, also around frames that cannot be read."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data

from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.config.run import RunConfig
from batch_analogy.jobs.drive.open_run import open_run
from batch_analogy.jobs.plan import dependencies
from batch_analogy.media.stills import read_still, write_png
from tests.support.runs import frame_bytes, sample_config

FRAMES = 11
EVERY = 4  # frames from one anchor to the next
PAN = (1.3, 0.4)  # pixels to the right and down, from frame to frame


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a slow pan over a cat."""
    root = tmp_path_factory.mktemp("camera")
    cat = skimage.data.chelsea()
    for index in range(FRAMES):
        view = np.float32([[0.3, 0, -20 - PAN[0] * index], [0, 0.3, -8 - PAN[1] * index]])
        frame = cv2.warpAffine(cat, view, (80, 64), flags=cv2.INTER_AREA)
        write_png(root / "in" / f"img{index:02d}.png", frame)
    write_png(root / "reference.png", cv2.resize(skimage.data.coffee(), (70, 66)))
    return root


def film(camera: Path, root: Path, **settings: Any) -> RunConfig:
    """Return a coherent run over a copy of the frames."""
    shutil.copytree(camera, root, dirs_exist_ok=True)
    short = {"segment_frames": EVERY, "anchor_frames": EVERY}
    return sample_config(root, FRAMES, **{"temporal": "on", **short, **settings})


def run(config: RunConfig, **settings: Any) -> dict[str, bytes]:
    result = open_run(config, **settings).execute()
    assert not result.interrupted
    return frame_bytes(config.run_dir)


@pytest.fixture(scope="module")
def whole(camera: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the frames of an undisturbed run, which leaves no cache behind."""
    config = film(camera, tmp_path_factory.mktemp("whole"))
    frames = run(config)
    assert len(frames) == FRAMES
    assert not (config.run_dir / "state").exists()
    return frames


def test_segments_do_not_affect_pixels(
    camera: Path, tmp_path: Path, whole: dict[str, bytes]
) -> None:
    assert run(film(camera, tmp_path, segment_frames=3)) == whole


def test_frames_may_be_made_from_the_middle_first(
    camera: Path, tmp_path: Path, whole: dict[str, bytes]
) -> None:
    config = film(camera, tmp_path)
    opened = open_run(config)
    with opened:
        opened.only({9}).execute()
    with open_run(config) as opened:
        opened.only({2, 6}).execute()
    assert run(config) == whole


class EndedError(Exception):
    """An error that ends a run in the middle, like a kill."""


@pytest.mark.parametrize("frames", [2, 6])
def test_a_run_that_ended_half_way_continues_to_the_same_bytes(
    camera: Path, tmp_path: Path, whole: dict[str, bytes], frames: int
) -> None:
    config = film(camera, tmp_path)

    def stop(event: object) -> None:
        if len(frame_bytes(config.run_dir)) > frames:
            raise EndedError

    with pytest.raises(EndedError):
        open_run(config).execute(stop)
    assert 0 < len(frame_bytes(config.run_dir)) < FRAMES
    assert run(config) == whole


def test_cached_anchors_may_be_lost_or_damaged(
    camera: Path, tmp_path: Path, whole: dict[str, bytes]
) -> None:
    config = film(camera, tmp_path)
    with open_run(config) as opened:
        opened.only({1, 5}).execute()
    state = config.run_dir / "state"
    (state / "anchor-000000.safetensors").unlink()
    (state / "anchor-000004.safetensors").write_bytes(b"damaged")
    assert run(config) == whole


def test_a_film_of_photographs_continues_from_cached_anchors(camera: Path, tmp_path: Path) -> None:
    """In light that turns blue, an anchor depends on the look of the one before."""
    look = AnalogyConfig(**{**sample_config(tmp_path, FRAMES).analogy.__dict__, "refine": "affine"})
    at_once, later = (film(camera, tmp_path / name, analogy=look) for name in ("a", "b"))
    for index in range(EVERY, FRAMES):
        for config in (at_once, later):
            path = Path(config.source) / f"img{index:02d}.png"
            tint = np.array([0.9, 1.0, 1.1]) ** (index // EVERY)
            write_png(path, np.uint8((255 * read_still(path) * tint).clip(0, 255)))
    with open_run(later) as opened:
        opened.only({1, EVERY + 1}).execute()
    assert run(later) == run(at_once)


def test_skips_a_frame_that_cannot_be_decoded(camera: Path, tmp_path: Path) -> None:
    config = film(camera, tmp_path)
    torn = tmp_path / "in" / f"img{EVERY:02d}.png"  # an anchor
    torn.write_bytes(torn.read_bytes()[:-2000])
    result = open_run(config).execute()
    assert (result.done, [index for index, _, _ in result.failed]) == (FRAMES - 1, [EVERY])


def test_equal_frames_give_equal_pictures(camera: Path, tmp_path: Path) -> None:
    config = film(camera, tmp_path)
    for index in range(2, 8):
        shutil.copy(tmp_path / "in" / "img01.png", tmp_path / "in" / f"img{index:02d}.png")
    frames = run(config)
    alike = {frames[f"a_prime/{index:06d}.png"] for index in range(1, 8)}
    assert len(alike) == 1


def test_an_independent_anchor_is_the_same_from_both_sides(
    camera: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, bytes]
) -> None:
    monkeypatch.setattr(dependencies, "SPANS_PER_RESET", 2)
    forward, scattered = film(camera, tmp_path / "a"), film(camera, tmp_path / "b")
    with open_run(scattered) as opened:
        opened.only({9, 10}).execute()
    frames = run(forward)
    assert run(scattered) == frames
    assert frames != whole
    early = [name for name in whole if name < "a_prime/000004.png"]
    assert all(frames[name] == whole[name] for name in early)


@pytest.mark.parametrize("refine", ["none", "affine"])
def test_both_targets_are_coherent(camera: Path, tmp_path: Path, refine: str) -> None:
    plain = sample_config(tmp_path, FRAMES).analogy
    look = AnalogyConfig(**{**plain.__dict__, "refine": refine})
    few = tmp_path / "few"
    shutil.copytree(camera, few)
    for index in range(EVERY + 2, FRAMES):
        (few / "in" / f"img{index:02d}.png").unlink()
    steady = film(few, tmp_path / "on", target="both", analogy=look)
    apart = film(few, tmp_path / "off", target="both", analogy=look, temporal="off")
    on, off = run(steady), run(apart)
    for output, moved in (("a_prime", PAN), ("b", (0.0, 0.0))):
        assert change(on, output, moved) < 0.6 * change(off, output, moved)


@pytest.mark.parametrize("refine", ["none", "affine"])
def test_the_references_scene_is_still_and_takes_the_look_of_each_frame(
    camera: Path, tmp_path: Path, refine: str
) -> None:
    """Frames of one scene follow each other; a frame of another scene is matched alone."""
    mixed, foreign = tmp_path / "mixed", EVERY + 2
    shutil.copytree(camera, mixed)
    other = cv2.resize(skimage.data.rocket(), (80, 64), interpolation=cv2.INTER_AREA)
    write_png(mixed / "in" / f"img{foreign:02d}.png", other)
    for index in range(foreign + 1, FRAMES):
        (mixed / "in" / f"img{index:02d}.png").unlink()
    plain = sample_config(tmp_path, FRAMES).analogy
    look = AnalogyConfig(**{**plain.__dict__, "refine": refine})
    wanted = {"target": "reference", "analogy": look, "shots": "off"}
    on, off = (
        run(film(mixed, tmp_path / temporal, temporal=temporal, **wanted))
        for temporal in ("on", "off")
    )
    last = f"b/{foreign:06d}.png"
    assert np.abs(pixels(on[last]) - pixels(off[last])).mean() < 2.0
    del on[last], off[last]
    assert change(on, "b", (0.0, 0.0)) < 0.6 * change(off, "b", (0.0, 0.0))


def pixels(data: bytes) -> np.ndarray:
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(decoded, np.float32)


def change(frames: dict[str, bytes], output: str, moved: tuple[float, float]) -> float:
    """Return the mean square change from picture to picture apart from its known motion."""
    pictures = [
        pixels(data) for name, data in sorted(frames.items()) if name.startswith(f"{output}/")
    ]
    back = np.float32([[1, 0, -moved[0]], [0, 1, -moved[1]]])
    size = pictures[0].shape[1::-1]
    warped = [cv2.warpAffine(picture, back, size)[6:-6, 6:-6] for picture in pictures]
    pairs = zip(warped, pictures[1:], strict=False)
    return float(np.mean([np.square(a - b[6:-6, 6:-6]).mean() for a, b in pairs]))
