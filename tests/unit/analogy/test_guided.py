"""Guided synthesis: what it must keep, and that it puts things where the guides say."""

from __future__ import annotations

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.guided import Guide, GuidedConfig, cpu, reference, synthesise
from batch_analogy.analogy.guided.spec import SearchSpec, radii_of
from batch_analogy.errors import ConfigError

QUICK = GuidedConfig(rounds=2, iterations=2)


def picture(size: tuple[int, int], seed: int) -> Tensor:
    """(1, 3, H, W): noise, coarse and fine."""
    generator = torch.Generator().manual_seed(seed)
    coarse = F.interpolate(torch.rand(1, 3, 5, 7, generator=generator), size=size, mode="bicubic")
    return (0.7 * coarse + 0.3 * torch.rand(1, 3, *size, generator=generator)).clamp(0, 1)


def psnr(x: Tensor, y: Tensor) -> float:
    return float(-10 * torch.log10((x - y).square().mean().clamp_min(1e-15)))


def test_the_same_guide_gives_the_same_picture() -> None:
    a = picture((40, 52), 1)
    made = synthesise(a, [Guide(a, a)], QUICK)
    assert psnr(made.picture, a) > 40
    assert tuple(made.field.shape) == (1, 2, 40, 52)
    assert tuple(made.cost.shape) == (1, 1, 40, 52)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patch": 4}, "patch is 4"),
        ({"patch": 1}, "patch is 1"),
        ({"rounds": 0}, "rounds is 0"),
        ({"iterations": 0}, "iterations is 0"),
        ({"uniformity": -1.0}, "uniformity is -1"),
        ({"coherence": float("nan")}, "coherence is nan"),
        ({"levels": 0}, "levels is 0"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(
    change: dict[str, float], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        GuidedConfig(**change)  # type: ignore[arg-type]


def test_a_changed_configuration_is_checked_too() -> None:
    with pytest.raises(ConfigError):
        dataclasses.replace(QUICK, stop=-0.1)


A, B = picture((20, 24), 2), picture((30, 26), 3)
MASK = torch.ones(1, 1, 30, 26, dtype=torch.bool)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: synthesise(A, [], QUICK), "no guide"),
        (lambda: synthesise(A[0], [Guide(A, B)], QUICK), "style"),
        (lambda: synthesise(A.double(), [Guide(A, B)], QUICK), "float32"),
        (lambda: synthesise(A.repeat(1, 2, 1, 1), [Guide(A, B)], QUICK), "6 channels"),
        (lambda: synthesise(A, [Guide(B, B)], QUICK), "guide 1's source is 26x30"),
        (lambda: synthesise(A, [Guide(A, B[:, :1])], QUICK), "guide 1's target has 1 channels"),
        (lambda: synthesise(A, [Guide(A, B), Guide(A, A)], QUICK), "guide 2's target is 24x20"),
        (lambda: synthesise(A, [Guide(A, B, -1.0)], QUICK), "weight is -1"),
        (lambda: synthesise(A, [Guide(A, B * torch.nan)], QUICK), "not finite"),
        (lambda: synthesise(A, [Guide(A, B)], QUICK, mask=MASK.float()), "mask must be"),
        (lambda: synthesise(A, [Guide(A, B)], QUICK, base=A), "base is 24x20"),
        (lambda: synthesise(A, [Guide(A, B)], QUICK, start=B[:, :1]), "start has 1 channels"),
        (
            lambda: synthesise(A, [Guide(A, B)], QUICK, usable=torch.zeros(1, 1, 20, 24) > 0),
            "no pixel of A' is usable",
        ),
        (
            lambda: synthesise(A, [Guide(A, B, 0.0)], GuidedConfig(style_weight=0.0)),
            "all guides weigh 0",
        ),
    ],
)
def test_what_does_not_fit_is_said(call: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        call()  # type: ignore[operator]


def search_case(seed: int, channels: int = 5) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Source, target, field, usable and active, of odd sizes and with all kinds of pixels."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int, most: int) -> Tensor:
        return torch.randint(0, most, shape, generator=generator)

    source = drawn(21, 33, channels, most=900).to(torch.int16)
    target = drawn(27, 19, channels, most=900).to(torch.int16)
    target[3:20, 2:16] = source[2:19, 15:29]  # something to be found
    usable = drawn(21, 33, most=8) > 0
    active = torch.where(drawn(27, 19, most=6) > 0, 2, drawn(27, 19, most=2)).to(torch.int8)
    places = usable.flatten().nonzero()[:, 0]
    chosen = places[drawn(27, 19, most=len(places))]
    return source, target, torch.stack([chosen // 33, chosen % 33]).int(), usable, active


@pytest.mark.parametrize("patch", [3, 5])
@pytest.mark.parametrize(
    ("crowding", "coherence"), [(0.0, 0.0), (3e5, 0.0), (0.0, 2.0), (1e5, 0.7)]
)
def test_the_kernels_search_is_the_references(
    patch: int, crowding: float, coherence: float
) -> None:
    case = search_case(patch)
    spec = SearchSpec(
        patch=patch,
        iterations=2,
        radii=radii_of(33),
        seed=77,
        crowding=crowding,
        coherence=coherence,
    )
    expected, found = reference.search(*case, spec), cpu.search(*case, spec)
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])
    assert not torch.equal(found[0], case[2])


@pytest.mark.parametrize("sharp", [False, True])
@pytest.mark.parametrize(("reach", "channels"), [(1, 3), (2, 4), (3, 1)])
def test_the_kernels_vote_is_the_references(reach: int, channels: int, sharp: bool) -> None:
    _, _, nnf, usable, active = search_case(reach)
    values = torch.rand(21, 33, channels, generator=torch.Generator().manual_seed(reach))
    expected = reference.vote(values, nnf, usable, active, reach, sharp=sharp)
    assert torch.equal(cpu.vote(values, nnf, usable, active, reach, sharp=sharp), expected)
