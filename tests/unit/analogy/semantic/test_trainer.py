"""The trainer and its models: losses, resumption, pictures and their detail."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from batch_analogy.analogy.features.vgg import Vgg19
from batch_analogy.analogy.semantic.detail import Detail
from batch_analogy.analogy.semantic.model import SemanticModel
from batch_analogy.analogy.semantic.trainer import Trainer
from batch_analogy.config.semantic import SemanticConfig
from batch_analogy.errors import ConfigError, InputError
from tests.support.semantic import TWO, TrainingSample, striped_disc


@pytest.fixture
def pictured(network: Vgg19, restore_threads: None) -> TrainingSample:
    torch.set_num_threads(1)
    return striped_disc(network)


def assert_same_state(one: Trainer, other: Trainer) -> None:
    ours, theirs = one.state()[0], other.state()[0]
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


def test_each_kind_of_iteration_has_its_losses(pictured: TrainingSample) -> None:
    trainer = pictured.trainer(iterations=12)
    done = [trainer.step() for _ in range(12)]
    assert {d.kind for d in done} == {"reconstruction", "sampling", "random layout"}
    both = {"adversarial", "discriminator"}
    matched = {"feature_matching", "perceptual"}
    apart = {"alignment", "coherence"}
    for step in done:
        wanted = {
            "reconstruction": both | matched | {"reconstruction", "fixed_point", "segmenter"},
            "sampling": both | matched | apart,
            "random layout": both | apart,
        }[step.kind]
        assert step.losses.keys() == wanted
        assert step.is_finite


def test_resumed_training_equals_uninterrupted_training(pictured: TrainingSample) -> None:
    whole, first, second = (pictured.trainer() for _ in range(3))
    for _ in range(6):
        whole.step()
    for _ in range(3):
        first.step()
    second.restore(*first.state())
    for _ in range(3):
        second.step()
    assert_same_state(whole, second)


def test_seeds_give_different_trainings(pictured: TrainingSample) -> None:
    one, other = pictured.trainer().step(), pictured.trainer(seed=1).step()
    assert one.losses != other.losses


def test_alignment_loss_changes_the_generator(pictured: TrainingSample) -> None:
    """In the published code, its gradients never reach the generator."""
    only = {"adversarial": 0, "feature_matching": 0, "coherence": 0, "perceptual": 0}
    taught = pictured.trainer(**only, reconstruct_every=1000, ema_decay=0)
    plain = pictured.trainer(**only, reconstruct_every=1000, ema_decay=0, alignment=0)
    for trainer in (taught, plain):
        trainer.iteration = 1  # not a reconstruction
        trainer.step()
    moved = taught.state()[0]["generator.last.convolution.weight"]
    still = plain.state()[0]["generator.last.convolution.weight"]
    assert not torch.equal(moved, still)


def test_pictures_have_the_size_of_their_map(pictured: TrainingSample) -> None:
    model = pictured.trainer().model()
    for size in ((45, 61), (33, 90), (17, 19)):
        made = model.apply(np.zeros(size, np.int64))
        assert made.shape == (1, 3, *size)
        assert made.dtype == torch.float32
        assert made.min() >= 0
        assert made.max() <= 1
        assert model.segment(made).shape == (1, *size)


def test_pictures_do_not_depend_on_thread_count(pictured: TrainingSample) -> None:
    model, made = pictured.trainer().model(), []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        made.append(
            SemanticModel.from_parts(model.tensors(), model.metadata()).apply(pictured.classes)
        )
    assert torch.equal(made[0], made[1])
    assert torch.equal(made[0], made[2])


@pytest.mark.parametrize("searched_px", [400_000, 1200])  # at its size, and brought up to it
def test_detail_consists_of_pieces_of_the_picture(
    pictured: TrainingSample, searched_px: int
) -> None:
    model = pictured.trainer().model()
    target = torch.from_numpy(np.roll(pictured.classes, 12, axis=1))[None]
    made = model.apply(target)
    sharp = Detail(model, searched_px=searched_px).add(made, target)
    assert sharp.shape == made.shape
    own = pictured.image[0].flatten(1).T
    away = torch.cdist(sharp[0].flatten(1).T, own).amin(dim=1)
    assert away.mean() < 0.05  # of pieces of it, mixed where they meet
    assert torch.equal(sharp, Detail(model, searched_px=searched_px).add(made, target))


def test_mirrored_pieces_give_an_outline_that_the_picture_cuts_off(
    network: Vgg19,
) -> None:
    """A red thing with a white left rim continues beyond the picture's right edge."""
    x = np.broadcast_to(np.arange(60), (40, 60))
    classes = (x >= 30).astype(np.int64)
    rim = (x >= 30) & (x < 34)
    colours = np.where(classes[..., None] == 1, (0.8, 0.1, 0.1), (0.1, 0.1, 0.6))
    colours[rim] = 1.0
    image = torch.from_numpy(colours.astype(np.float32)).permute(2, 0, 1)[None]
    target = torch.from_numpy(((x >= 10) & (x < 40)).astype(np.int64))[None]

    def right_rim(flip: float) -> float:
        model = TrainingSample(image, classes, network).trainer(flip=flip).model()
        sharp = Detail(model).add(model.apply(target), target)
        return float(sharp[0, 1, 5:-5, 36:40].mean())

    assert right_rim(0.5) > 0.7
    assert right_rim(0.0) < 0.5


def test_colours_and_classes_give_the_same_picture(pictured: TrainingSample) -> None:
    trainer = pictured.trainer()
    model = trainer.model()
    made = model.apply(pictured.classes)
    trainer.step()
    again = SemanticModel.from_parts(model.tensors(), model.metadata()).to("cpu")
    assert torch.equal(again.apply(TWO.paint(pictured.classes)), made)


def test_rejects_a_map_of_unknown_classes(pictured: TrainingSample) -> None:
    model = pictured.trainer().model()
    with pytest.raises(InputError, match="class 2, but the label map has 2"):
        model.apply(np.full((20, 20), 2))
    with pytest.raises(InputError, match="#00ff00"):
        model.apply(np.full((20, 20, 3), (0, 255, 0), np.uint8))


@pytest.mark.parametrize("encoding", ["one-hot", "rgb"])
def test_both_encodings_train_and_apply(pictured: TrainingSample, encoding: str) -> None:
    trainer = pictured.trainer(encoding=encoding, iterations=2, generator_steps=2)
    assert trainer.step().is_finite
    assert trainer.model().apply(pictured.classes).shape == (1, 3, 45, 61)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 8}, "size is 8; it must lie between 32 and"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"encoding": "hsv"}, "encoding is 'hsv'; it must be one of one-hot, rgb"),
        ({"coherence": -1.0}, "coherence is -1; it must lie between 0"),
    ],
)
def test_rejects_invalid_settings(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SemanticConfig(**changes)  # type: ignore[arg-type]


def test_qualities_and_presets_set_their_values() -> None:
    paper = SemanticConfig.for_quality("paper")
    assert (paper.iterations, paper.generator_steps, paper.perceptual) == (2500, 10, 0.0)
    assert SemanticConfig.for_quality("draft", "animation", seed=3).seed == 3
    with pytest.raises(ConfigError, match="quality is 'best'"):
        SemanticConfig.for_quality("best")  # type: ignore[arg-type]
