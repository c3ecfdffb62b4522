"""Training on one picture: reconstruction and sampling alternate.

Departures from the published loop, each a field of ``SemanticConfig`` and off in ``paper`` quality:
random layouts (``random_layouts``), realism by class (``by_label``), a perceptual loss, and
averaged weights. In every quality the learning rates are lower than published, as there is no batch
norm.

Source: docs/method.md, "Training samples", "Training loop", "Optimiser".
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from batch_analogy.analogy.features.vgg import Vgg19
from batch_analogy.analogy.semantic import losses
from batch_analogy.analogy.semantic.augmentation import (
    Augmenter,
    Sample,
    add_noise,
    augmentation_strength,
    random_layout,
    random_numbers,
)
from batch_analogy.analogy.semantic.label_maps import Palette, channels_of, encode
from batch_analogy.analogy.semantic.model import SemanticModel
from batch_analogy.analogy.semantic.networks import (
    Discriminator,
    Generated,
    Generator,
    Segmenter,
    to_device,
)
from batch_analogy.analogy.semantic.validation import Measures, Patience, ValidationSet
from batch_analogy.analogy.semantic.working_size import (
    crop_or_mirror,
    padded_size,
    reduce_classes,
    reduce_picture,
    scaled_size,
)
from batch_analogy.config.semantic import SemanticConfig

Kind = Literal["reconstruction", "sampling", "random layout"]

_INITIAL = -1  # tells the random numbers of initialisation from those of iterations
_BETAS = (0.0, 0.9)
_LAST_RATE = 0.1  # share of the learning rates at the last iteration


@dataclass(frozen=True)
class IterationResult:
    """Unweighted losses of one iteration; of several generator steps, those of the last."""

    iteration: int  # number of iterations done
    kind: Kind
    losses: dict[str, float]

    @property
    def is_finite(self) -> bool:
        """Tell whether all losses are finite, so that training can continue."""
        return all(math.isfinite(value) for value in self.losses.values())


@dataclass(frozen=True)
class TrainerState:
    """Values that a trainer must restore besides its tensors."""

    iteration: int
    best_score: float  # of the validations so far; infinite before the first
    without_gain: int  # validations since the best


@dataclass(frozen=True)
class _Task:
    """Inputs of one iteration."""

    kind: Kind
    source: Sample
    target: Tensor  # (1, H, W) classes
    truth: Sample  # a real picture; it has the target's layout unless that is random


class Trainer:
    """Owns the networks, the optimisers and everything else that changes during training.

    All random numbers come from the seed and the iteration. A trainer that restores ``state``
    therefore continues to the same bits, on one type of device and with ``config.threads`` threads.
    On a CPU the caller of ``step`` sets these, as ``torch.set_num_threads`` is global.

    Args:
        image: (1, 3, H, W) float32 RGB in [0, 1], I at its full size.
        classes: (1, H, W) int64, P.
        palette: colours of the classes.
        config: settings of the training.
        network: VGG-19, on the device to train on.
    """

    def __init__(
        self,
        image: Tensor,
        classes: Tensor,
        palette: Palette,
        config: SemanticConfig,
        network: Vgg19,
    ) -> None:
        self.config, self.palette, self.iteration = config, palette, 0
        self.patience = Patience()
        self._network, self._device = network, network.device
        self._blank = SemanticModel(image, classes, palette, config)
        self._picture = self._on_canvas(image, classes)
        self._augmenter = Augmenter(self._picture)
        channels = channels_of(palette, config.encoding)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(random_numbers(config.seed, _INITIAL).initial_seed())
            self.generator = to_device(Generator(channels, config.width), self._device)
            self.discriminator = to_device(
                Discriminator(len(palette), by_label=config.by_label), self._device
            )
            self.segmenter = to_device(Segmenter(len(palette)), self._device)
        self._averaged = copy.deepcopy(self.generator)
        self._optimisers = {
            "generator": _adam(self.generator, config.learning_rate),
            "discriminator": _adam(self.discriminator, config.discriminator_rate),
            "segmenter": _adam(self.segmenter, config.learning_rate),
        }
        self._coherence = losses.Coherence(
            network, self._picture.image, self._picture.classes, by_label=config.by_label
        )
        self._fixed = ValidationSet(self._picture, self._augmenter, config, len(palette))

    @property
    def finished(self) -> bool:
        """Tell whether all iterations are done, or patience has run out."""
        waited, most = self.patience.without_gain, self.config.patience
        return self.iteration >= self.config.iterations or (0 < most <= waited)

    def step(self) -> IterationResult:
        """Do one iteration: draw a sample and update each network on it."""
        numbers = random_numbers(self.config.seed, self.iteration)
        task = self._task(numbers)
        self._set_rates()
        found: dict[str, Tensor] = {}
        if task.kind == "reconstruction":
            found["segmenter"] = self._step_segmenter(task)
        made = self._generate(task, numbers)
        found["discriminator"] = self._step_discriminator(task, made)
        for _ in range(self.config.generator_steps - 1):
            found |= self._step_generator(task, made, numbers)
            made = self._generate(task, numbers)
        found |= self._step_generator(task, made, numbers)
        if self.config.generator_steps > 1:  # as published
            found["discriminator"] = self._step_discriminator(task, made)
        self.iteration += 1
        values = {name: float(value) for name, value in found.items()}
        return IterationResult(self.iteration, task.kind, values)

    def measure(self) -> tuple[Measures, list[Tensor]]:
        """Validate, see ``ValidationSet.measure``; the result counts for early stopping."""
        found, shown = self._fixed.measure(
            self.iteration,
            self._chosen,
            self.segmenter,
            encoded=self._encoded,
            coherence=self._coherence,
            network=self._network,
        )
        self.patience = self.patience.after(found.score)
        return found, shown

    def is_finite(self) -> bool:
        """Tell whether all weights are finite, so that training can continue."""
        modules = (self.generator, self._averaged, self.discriminator, self.segmenter)
        return all(bool(p.isfinite().all()) for m in modules for p in m.parameters())

    @property
    def _chosen(self) -> Generator:
        return self._averaged if self.config.ema_decay else self.generator

    def model(self) -> SemanticModel:
        """Return the model trained so far; later steps do not change it."""
        return SemanticModel(
            self._blank.image,
            self._blank.classes,
            self.palette,
            self.config,
            generator=copy.deepcopy(self._chosen).eval(),
            segmenter=copy.deepcopy(self.segmenter).eval(),
        )

    def state(self) -> tuple[dict[str, Tensor], TrainerState]:
        """Return all that ``restore`` needs."""
        tensors = {
            f"{name}.{key}": value.detach().cpu().contiguous()
            for name, module in self._modules().items()
            for key, value in module.state_dict().items()
        }
        for name, optimiser in self._optimisers.items():
            for index, moments in optimiser.state_dict()["state"].items():
                for key, value in moments.items():
                    tensors[f"adam.{name}.{index}.{key}"] = value.detach().cpu().contiguous()
        state = TrainerState(self.iteration, self.patience.best, self.patience.without_gain)
        return tensors, state

    def restore(self, tensors: Mapping[str, Tensor], state: TrainerState) -> None:
        """Restore the state of another trainer with the same picture and configuration."""
        for name, module in self._modules().items():
            prefix = f"{name}."
            module.load_state_dict(
                {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
            )
        for name, optimiser in self._optimisers.items():
            _restore_moments(optimiser, f"adam.{name}.", tensors)
        self.iteration = state.iteration
        self.patience = Patience(state.best_score, state.without_gain)

    def _modules(self) -> dict[str, nn.Module]:
        return {
            "generator": self.generator,
            "averaged": self._averaged,
            "discriminator": self.discriminator,
            "segmenter": self.segmenter,
        }

    def _on_canvas(self, image: Tensor, classes: Tensor) -> Sample:
        full = int(classes.shape[1]), int(classes.shape[2])
        small = scaled_size(*full, self._blank.scale)
        canvas = padded_size(small)
        picture = reduce_picture(image.to(self._device), small)
        labels = reduce_classes(classes.to(self._device), len(self.palette), small)
        return Sample(
            crop_or_mirror(picture, canvas, centred=False),
            crop_or_mirror(labels, canvas, centred=False),
        )

    def _task(self, numbers: torch.Generator) -> _Task:
        config = self.config
        share = augmentation_strength(self.iteration, config.ramp)
        changed = self._augmenter.augment(self._picture, config, share, numbers)
        swapped, drawn = torch.rand(2, generator=numbers).tolist()
        if self.iteration % config.reconstruct_every == 0:
            return _Task("reconstruction", changed, changed.classes, changed)
        source, truth = (changed, self._picture) if swapped < 0.5 else (self._picture, changed)
        if drawn < config.random_layouts * share:
            layout = random_layout(truth.classes, len(self.palette), numbers)
            return _Task("random layout", source, layout, truth)
        return _Task("sampling", source, truth.classes, truth)

    def _set_rates(self) -> None:
        """Set the learning rates: constant, then falling linearly to a tenth at the end."""
        constant = self.config.constant_rate_share * self.config.iterations
        left = max(1.0, self.config.iterations - constant)
        fallen = min(1.0, max(0.0, (self.iteration - constant) / left))
        factor = 1.0 - (1.0 - _LAST_RATE) * fallen
        for name, optimiser in self._optimisers.items():
            slow = name == "discriminator"
            rate = self.config.discriminator_rate if slow else self.config.learning_rate
            for group in optimiser.param_groups:
                group["lr"] = rate * factor

    def _generate(self, task: _Task, numbers: torch.Generator) -> Generated:
        source = add_noise(task.source.image, numbers)
        with self._half_precision():
            own = self.generator.labels(self._encoded(task.source.classes))
            same = task.target is task.source.classes
            target = own if same else self.generator.labels(self._encoded(task.target))
            picture = self.generator.encode_picture(source)
            made: Generated = self.generator(picture, own, target)
        return made

    def _encoded(self, classes: Tensor) -> Tensor:
        return encode(classes, self.palette, self.config.encoding)

    def _shares(self, classes: Tensor) -> Tensor:
        return encode(classes, self.palette, "one-hot")

    def _half_precision(self) -> torch.autocast:
        """Use bfloat16 on a GPU; it has the range of float32, so no loss has to be scaled."""
        on = self._device.type == "cuda"
        return torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=on)

    def _step_segmenter(self, task: _Task) -> Tensor:
        with self._half_precision():
            logits = self.segmenter(task.truth.image)
        loss = losses.alignment(logits, self._shares(task.truth.classes))
        self._descend("segmenter", loss)
        return loss.detach()

    def _step_discriminator(self, task: _Task, made: Generated) -> Tensor:
        with self._half_precision():
            real = self.discriminator(task.truth.image, self._shares(task.truth.classes))
            fake = self.discriminator(made.image.detach(), self._shares(task.target))
        loss = losses.adversarial(real, real=True) + losses.adversarial(fake, real=False)
        self._descend("discriminator", loss)
        return loss.detach()

    def _step_generator(
        self, task: _Task, made: Generated, numbers: torch.Generator
    ) -> dict[str, Tensor]:
        with _frozen(self.discriminator), _frozen(self.segmenter):
            with self._half_precision():
                found = self._judge(task, made, numbers)
            total = torch.stack([getattr(self.config, k) * v for k, v in found.items()]).sum()
            self._descend("generator", total)
        self._average()
        return {name: value.detach() for name, value in found.items()}

    def _judge(self, task: _Task, made: Generated, numbers: torch.Generator) -> dict[str, Tensor]:
        """Compute the generator's losses by name, unweighted."""
        config, found = self.config, {}
        judged = self.discriminator(made.image, self._shares(task.target))
        found["adversarial"] = losses.adversarial(judged, real=True)
        if task.kind != "random layout":
            with torch.no_grad():
                real = self.discriminator(task.truth.image, self._shares(task.truth.classes))
            found["feature_matching"] = losses.feature_matching(judged, real)
        if task.kind == "reconstruction":
            found["reconstruction"] = losses.reconstruction(made.image, task.truth.image)
            found["fixed_point"] = losses.fixed_point(made.translations)
        elif config.alignment:
            logits = self.segmenter(made.image)
            found["alignment"] = losses.alignment(logits, self._shares(task.target))
        return found | self._judge_features(task, made.image, numbers)

    def _judge_features(
        self, task: _Task, made: Tensor, numbers: torch.Generator
    ) -> dict[str, Tensor]:
        """Compute the losses on VGG-19 features whose weight is above 0."""
        config, found = self.config, {}
        coherence = bool(config.coherence) and task.kind != "reconstruction"
        perceptual = bool(config.perceptual) and task.kind != "random layout"
        if not (coherence or perceptual):
            return {}
        levels = (*losses.COHERENCE_LEVELS, *(losses.PERCEPTUAL_LEVELS if perceptual else ()))
        features = losses.vgg_features(self._network, made, levels)
        if coherence:
            found["coherence"] = self._coherence(
                features, task.target, count=config.patches, numbers=numbers
            )
        if perceptual:
            with torch.no_grad():
                real = losses.vgg_features(self._network, task.truth.image, levels)
            found["perceptual"] = losses.perceptual(features, real)
        return found

    def _descend(self, name: str, loss: Tensor) -> None:
        optimiser = self._optimisers[name]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    @torch.no_grad()
    def _average(self) -> None:
        """Move the averaged weights towards the generator's; early on, faster."""
        decay = min(self.config.ema_decay, (1.0 + self.iteration) / (10.0 + self.iteration))
        averaged, current = self._averaged.parameters(), self.generator.parameters()
        torch._foreach_lerp_(list(averaged), list(current), 1.0 - decay)


class _frozen:  # noqa: N801 - a context manager
    """Freezes a network's weights for a while; gradients still pass through it."""

    def __init__(self, module: nn.Module) -> None:
        self._parameters = list(module.parameters())

    def __enter__(self) -> None:
        for parameter in self._parameters:
            parameter.requires_grad_(False)

    def __exit__(self, *_: object) -> None:
        for parameter in self._parameters:
            parameter.requires_grad_(True)


def _adam(module: nn.Module, rate: float) -> torch.optim.Adam:
    return torch.optim.Adam(module.parameters(), lr=rate, betas=_BETAS, fused=True)


def _restore_moments(
    optimiser: torch.optim.Optimizer, prefix: str, tensors: Mapping[str, Tensor]
) -> None:
    """Restore the moments of an optimiser, in the memory format of its parameters."""
    parameters = optimiser.param_groups[0]["params"]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith(prefix):
            index, moment = name.removeprefix(prefix).split(".")
            like = parameters[int(index)]
            restored = torch.empty_like(like).copy_(value) if value.dim() else value
            state.setdefault(int(index), {})[moment] = restored
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})
