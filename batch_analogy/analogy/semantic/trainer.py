"""Training on one picture: reconstruction and sampling by turns.

Departures from the published loop, each a field of ``SemanticConfig`` and off in ``paper`` quality:
layouts that no picture has (``imagined``), realism by class (``by_label``), a perceptual loss, and
averaged weights. Everywhere: the generator's rate is lower, as there is no batch norm.

Source: semantic facts §1, "Data", "Loop", "Optimiser".
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

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
    place,
)
from batch_analogy.analogy.semantic.validation import Measures, Patience, ValidationSet
from batch_analogy.analogy.semantic.working_size import (
    laid_out,
    padded_size,
    reduce_classes,
    reduce_picture,
    scaled,
)
from batch_analogy.config.semantic import SemanticConfig

Kind = Literal["reconstruction", "sampling", "imagined"]

_INITIAL = -1  # what random numbers are for, beside iterations
_BETAS = (0.0, 0.9)
_LAST_RATE = 0.1


@dataclass(frozen=True)
class IterationResult:
    """One iteration's losses, unweighted, as the last of its generator steps had them."""

    iteration: int  # how many are done now
    kind: Kind
    losses: dict[str, float]

    @property
    def is_finite(self) -> bool:
        """Whether training still makes sense."""
        return all(math.isfinite(value) for value in self.losses.values())


@dataclass(frozen=True)
class _Task:
    """What the generator is to do in one iteration."""

    kind: Kind
    source: Sample
    target: Tensor  # (1, H, W) classes
    truth: Sample  # what is real: of the target's layout, unless that is imagined


class Trainer:
    """Networks, optimisers and all that changes while they learn.

    Everything random comes from the seed and the iteration, so a trainer that takes up ``state``
    goes on to the same bits, on one kind of device and with ``config.threads`` threads. Whoever
    calls ``step`` on a CPU sets those: ``torch.set_num_threads`` is the process's, not ours.

    Args:
        image: (1, 3, H, W) float32 RGB in [0, 1], I at its full size.
        classes: (1, H, W) int64, P.
        palette: the classes' colours.
        config: how to train.
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
        self._warper = Augmenter(self._picture)
        channels = channels_of(palette, config.encoding)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(random_numbers(config.seed, _INITIAL).initial_seed())
            self.generator = place(Generator(channels, config.width), self._device)
            self.discriminator = place(
                Discriminator(len(palette), by_label=config.by_label), self._device
            )
            self.segmenter = place(Segmenter(len(palette)), self._device)
        self._averaged = copy.deepcopy(self.generator)
        self._optimisers = {
            "generator": _adam(self.generator, config.learning_rate),
            "discriminator": _adam(self.discriminator, config.discriminator_rate),
            "segmenter": _adam(self.segmenter, config.learning_rate),
        }
        self._coherence = losses.Coherence(
            network, self._picture.image, self._picture.classes, by_label=config.by_label
        )
        self._fixed = ValidationSet(self._picture, self._warper, config, len(palette))

    @property
    def finished(self) -> bool:
        """Whether all iterations are done, or nothing was gained for long."""
        waited, most = self.patience.without_gain, self.config.patience
        return self.iteration >= self.config.iterations or (0 < most <= waited)

    def step(self) -> IterationResult:
        """Do one iteration: a new sample, and steps of each network on it."""
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
        """Measure the fixed set, as ``ValidationSet.measure``; that counts towards ending early."""
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
        """Whether all weights are numbers, so that going on makes sense."""
        modules = (self.generator, self._averaged, self.discriminator, self.segmenter)
        return all(bool(p.isfinite().all()) for m in modules for p in m.parameters())

    @property
    def _chosen(self) -> Generator:
        return self._averaged if self.config.average else self.generator

    def model(self) -> SemanticModel:
        """What has been learnt so far; later steps do not change it."""
        return SemanticModel(
            self._blank.image,
            self._blank.classes,
            self.palette,
            self.config,
            generator=copy.deepcopy(self._chosen).eval(),
            segmenter=copy.deepcopy(self.segmenter).eval(),
        )

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that ``restore`` needs: tensors, and plain JSON values."""
        tensors = {
            f"{name}.{key}": value.detach().cpu().contiguous()
            for name, module in self._modules().items()
            for key, value in module.state_dict().items()
        }
        for name, optimiser in self._optimisers.items():
            for index, moments in optimiser.state_dict()["state"].items():
                for key, value in moments.items():
                    tensors[f"adam.{name}.{index}.{key}"] = value.detach().cpu().contiguous()
        return tensors, {
            "iteration": self.iteration,
            "patience": [self.patience.best, self.patience.without_gain],
        }

    def restore(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Go on where another trainer, of the same picture and configuration, had got to."""
        for name, module in self._modules().items():
            prefix = f"{name}."
            module.load_state_dict(
                {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
            )
        for name, optimiser in self._optimisers.items():
            _restore_moments(optimiser, f"adam.{name}.", tensors)
        self.iteration = int(facts["iteration"])
        best, without_gain = facts["patience"]
        self.patience = Patience(float(best), int(without_gain))

    def _modules(self) -> dict[str, nn.Module]:
        return {
            "generator": self.generator,
            "averaged": self._averaged,
            "discriminator": self.discriminator,
            "segmenter": self.segmenter,
        }

    def _on_canvas(self, image: Tensor, classes: Tensor) -> Sample:
        full = int(classes.shape[1]), int(classes.shape[2])
        small = scaled(*full, self._blank.scale)
        canvas = padded_size(small)
        picture = reduce_picture(image.to(self._device), small)
        labels = reduce_classes(classes.to(self._device), len(self.palette), small)
        return Sample(
            laid_out(picture, canvas, centred=False), laid_out(labels, canvas, centred=False)
        )

    def _task(self, numbers: torch.Generator) -> _Task:
        config = self.config
        share = augmentation_strength(self.iteration, config.ramp)
        changed = self._warper.augment(self._picture, config, share, numbers)
        swapped, imagined = torch.rand(2, generator=numbers).tolist()
        if self.iteration % config.reconstruct_every == 0:
            return _Task("reconstruction", changed, changed.classes, changed)
        source, truth = (changed, self._picture) if swapped < 0.5 else (self._picture, changed)
        if imagined < config.imagined * share:
            layout = random_layout(truth.classes, len(self.palette), numbers)
            return _Task("imagined", source, layout, truth)
        return _Task("sampling", source, truth.classes, truth)

    def _set_rates(self) -> None:
        """Constant, then linearly down to a tenth at the last iteration."""
        steady = self.config.constant_rate_share * self.config.iterations
        left = max(1.0, self.config.iterations - steady)
        fallen = min(1.0, max(0.0, (self.iteration - steady) / left))
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
            made: Generated = self.generator(self.generator.begin(source), own, target)
        return made

    def _encoded(self, classes: Tensor) -> Tensor:
        return encode(classes, self.palette, self.config.encoding)

    def _shares(self, classes: Tensor) -> Tensor:
        return encode(classes, self.palette, "one-hot")

    def _half_precision(self) -> torch.autocast:
        """bfloat16 on a GPU; its range is float32's, so no loss has to be scaled."""
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
        """The generator's losses by name, unweighted."""
        config, found = self.config, {}
        judged = self.discriminator(made.image, self._shares(task.target))
        found["adversarial"] = losses.adversarial(judged, real=True)
        if task.kind != "imagined":
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
        """The losses on VGG-19 features; those that weigh nothing are not worked out."""
        config, found = self.config, {}
        coherent = bool(config.coherence) and task.kind != "reconstruction"
        alike = bool(config.perceptual) and task.kind != "imagined"
        if not (coherent or alike):
            return {}
        levels = (*losses.COHERENCE_LEVELS, *(losses.PERCEPTUAL_LEVELS if alike else ()))
        features = losses.vgg_features(self._network, made, levels)
        if coherent:
            found["coherence"] = self._coherence(
                features, task.target, count=config.patches, numbers=numbers
            )
        if alike:
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
        """Move the averaged weights towards the generator's; early on by more."""
        kept = min(self.config.average, (1.0 + self.iteration) / (10.0 + self.iteration))
        averaged, current = self._averaged.parameters(), self.generator.parameters()
        torch._foreach_lerp_(list(averaged), list(current), 1.0 - kept)


class _frozen:  # noqa: N801 - a context manager
    """Leaves a network without gradients of its own for a while; they still pass through it."""

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
    """Give an optimiser the moments it had, laid out in memory as its parameters are."""
    parameters = optimiser.param_groups[0]["params"]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith(prefix):
            index, moment = name.removeprefix(prefix).split(".")
            like = parameters[int(index)]
            laid_out = torch.empty_like(like).copy_(value) if value.dim() else value
            state.setdefault(int(index), {})[moment] = laid_out
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})
