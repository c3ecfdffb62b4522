"""Guided synthesis: it keeps what it must and puts things where the guides say."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.guided import Guide, GuidedConfig, Synthesis, synthesis, synthesise
from batch_analogy.analogy.guided.search import cpu, reference
from batch_analogy.analogy.guided.vote import cpu as vote_cpu
from batch_analogy.analogy.guided.vote import reference as vote_reference
from batch_analogy.errors import ConfigError

QUICK = GuidedConfig(rounds=2, iterations=2)


def picture(size: tuple[int, int], seed: int) -> Tensor:
    """Mix coarse and fine noise: (1, 3, H, W)."""
    generator = torch.Generator().manual_seed(seed)
    coarse = F.interpolate(torch.rand(1, 3, 5, 7, generator=generator), size=size, mode="bicubic")
    return (0.7 * coarse + 0.3 * torch.rand(1, 3, *size, generator=generator)).clamp(0, 1)


def psnr(x: Tensor, y: Tensor) -> float:
    return float(-10 * torch.log10((x - y).square().mean().clamp_min(1e-15)))


def test_reproduces_the_style_if_both_guides_are_equal() -> None:
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
def test_rejects_invalid_settings(change: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        GuidedConfig(**change)  # type: ignore[arg-type]


def test_checks_settings_again_after_replace() -> None:
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
            "all weights",
        ),
    ],
)
def test_names_the_argument_that_does_not_fit(call: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        call()  # type: ignore[operator]


def test_reference_synthesis_equals_kernel_synthesis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the whole synthesis as on devices without a kernel."""
    config = dataclasses.replace(QUICK, coherence=0.5)
    by_kernel = synthesise(A, [Guide(A, B)], config)
    monkeypatch.setattr(cpu, "search", reference.search)
    monkeypatch.setattr(vote_cpu, "vote", vote_reference.vote)
    by_reference = synthesise(A, [Guide(A, B)], config)
    for name in ("picture", "field", "cost"):
        assert torch.equal(getattr(by_kernel, name), getattr(by_reference, name)), name


@pytest.mark.usefixtures("restore_threads")
def test_result_does_not_depend_on_thread_count() -> None:
    a, b = picture((61, 83), 5), picture((70, 58), 6)
    made = []
    for threads in (1, 2, 4):
        torch.set_num_threads(threads)
        made.append(synthesise(a, [Guide(a, b, 2.0), Guide(a[:, :1], b[:, :1])], QUICK))
    for other in made[1:]:
        assert torch.equal(other.picture, made[0].picture)
        assert torch.equal(other.field, made[0].field)
        assert torch.equal(other.cost, made[0].cost)


def test_seeds_give_different_fields() -> None:
    first, second = (
        synthesise(A, [Guide(A, B)], dataclasses.replace(QUICK, seed=seed)).field for seed in (0, 1)
    )
    assert not torch.equal(first, second)


@pytest.mark.parametrize("size", [(1, 1), (2, 40), (31, 6)])
@pytest.mark.parametrize("other", [(1, 3), (33, 21)])
@pytest.mark.parametrize("channels", [1, 4])
def test_accepts_any_size_and_channel_count(
    size: tuple[int, int], other: tuple[int, int], channels: int
) -> None:
    generator = torch.Generator().manual_seed(7)
    style = torch.rand(1, channels, *other, generator=generator)
    guide = Guide(style[:, :1], torch.rand(1, 1, *size, generator=generator))
    made = synthesise(style, [guide], QUICK)
    assert tuple(made.picture.shape) == (1, channels, *size)
    assert bool(made.picture.isfinite().all())
    limits = torch.tensor(other).view(1, 2, 1, 1)
    assert bool(((made.field >= 0) & (made.field < limits)).all())
    assert float(made.picture.min()) >= float(style.min()) - 1e-6
    assert float(made.picture.max()) <= float(style.max()) + 1e-6


def test_never_uses_unusable_pixels() -> None:
    """A' has a red part that would match best but is not usable."""
    style = picture((40, 40), 10)
    style[:, :, :, 20:] = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
    usable = torch.zeros(1, 1, 40, 40, dtype=torch.bool)
    usable[..., :20] = True
    made = synthesise(style, [Guide(style, style)], QUICK, usable=usable)
    assert int(made.field[0, 1].max()) < 20
    voted = made.picture[0, 0] - made.picture[0, 1:].amax(dim=0)
    assert float(voted.max()) < float((style[0, 0] - style[0, 1:].amax(dim=0))[:, :20].max()) + 1e-6


def hole() -> Tensor:
    mask = torch.zeros(1, 1, 30, 26, dtype=torch.bool)
    mask[..., 9:19, 7:20] = True
    return mask


def test_keeps_the_base_outside_the_mask() -> None:
    base = picture((30, 26), 11)
    made = synthesise(A, [Guide(A, B)], QUICK, mask=hole(), base=base)
    outside = ~hole().expand(-1, 3, -1, -1)
    assert torch.equal(made.picture[outside], base[outside])
    assert not torch.equal(made.picture, base)
    assert bool((made.cost[~hole()] == 0).all())


def test_without_a_base_the_outside_stays_black_and_is_ignored() -> None:
    made = synthesise(A, [Guide(A, B)], QUICK, mask=hole())
    assert bool((made.picture[~hole().expand(-1, 3, -1, -1)] == 0).all())
    assert float(made.picture[hole().expand(-1, 3, -1, -1)].mean()) > 0.2


def test_fills_a_hole_as_its_surroundings_continue() -> None:
    """Stripes of A' continue through the hole of a base with the same stripes."""
    columns = torch.arange(48)
    stripes = ((columns // 3) % 2).float().view(1, 1, 1, 48).expand(1, 3, 48, 48).contiguous()
    mask = torch.zeros(1, 1, 48, 48, dtype=torch.bool)
    mask[..., 18:30, 16:31] = True
    base = torch.where(mask, 0.5, stripes)
    blank = Guide(stripes[:, :1], stripes[:, :1], 0.0)
    made = synthesise(stripes, [blank], GuidedConfig(levels=2), mask=mask, base=base)
    assert psnr(made.picture, stripes) > 25


def test_continues_from_a_given_field() -> None:
    """One short round finds a shifted part of A with the right start, but not without one."""
    a = picture((90, 100), 12)
    style = picture((90, 100), 13)
    b = a[:, :, 20:70, 30:80].contiguous()
    rows, columns = torch.meshgrid(torch.arange(50.0), torch.arange(50.0), indexing="ij")
    start = torch.stack([rows + 20.4, columns + 29.7])[None]
    brief = dataclasses.replace(QUICK, rounds=1, iterations=1, levels=1)
    told = synthesise(style, [Guide(a, b)], brief, start=start)
    untold = synthesise(style, [Guide(a, b)], brief)
    assert psnr(told.picture, style[:, :, 20:70, 30:80]) > 40
    assert float(told.cost.mean()) < 0.1 * float(untold.cost.mean())


def most_used(made: Synthesis, size: tuple[int, int]) -> int:
    places = made.field[0, 0].long() * size[1] + made.field[0, 1].long()
    return int(torch.bincount(places.flatten()).max())


def test_uniformity_limits_how_often_patches_are_used() -> None:
    """In four times the area of a noise texture, the fair share is four uses of each pixel."""
    style = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(14))
    blank = Guide(style, torch.zeros(1, 1, 64, 64), 0.0)
    used = {
        uniformity: synthesise(style, [blank], GuidedConfig(uniformity=uniformity))
        for uniformity in (0.0, 3500.0)
    }
    assert most_used(used[3500.0], (32, 32)) <= 8 * 4
    assert most_used(used[0.0], (32, 32)) > 8 * 4
    assert float(used[3500.0].picture.std()) > 1.05 * float(used[0.0].picture.std())


def test_each_label_gets_its_own_texture() -> None:
    generator = torch.Generator().manual_seed(15)
    noise = torch.rand(1, 3, 48, 48, generator=generator) * 0.4
    here = (torch.arange(48).view(1, -1) < 20).expand(48, 48).float()[None, None]
    there = (torch.arange(60).view(-1, 1) < 35).expand(60, 44).float()[None, None].contiguous()
    style = noise + 0.5 * here
    made = synthesise(style, [Guide(here.contiguous(), there)], QUICK)
    y, x = made.field[0].long()
    assert float((here[0, 0][y, x] == there[0, 0]).float().mean()) > 0.95
    bright = made.picture.mean(dim=1, keepdim=True) > 0.45
    assert float((bright == (there > 0.5)).float().mean()) > 0.95


def test_coherence_copies_larger_pieces() -> None:
    pieces = []
    for coherence in (0.0, 5.0):
        config = dataclasses.replace(QUICK, coherence=coherence, uniformity=0.0)
        field = synthesise(A, [Guide(A, B)], config).field
        goes_on = (field.diff(dim=3) == torch.tensor([0, 1]).view(1, 2, 1, 1)).all(dim=1)
        pieces.append(float(goes_on.float().mean()))
    assert pieces[1] > pieces[0] + 0.05


def test_costs_are_weighted_means_over_the_patch() -> None:
    """Compare constant maps: guides differ by 0.5 and 0.25, with weights 2 and 4."""

    def plain(value: float) -> Tensor:
        return torch.full((1, 2, 12, 12), value)

    guides = [Guide(plain(0.0), plain(0.5), 2.0), Guide(plain(0.5), plain(0.75), 4.0)]
    made = synthesise(torch.full((1, 3, 12, 12), 0.3), guides, QUICK)
    assert torch.allclose(made.cost, torch.tensor(0.75), rtol=0.01)


def test_does_not_search_settled_pixels_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the picture is found at once; the other half is noise that keeps changing."""
    a = picture((40, 52), 1)
    b = torch.cat([a[..., :26], picture((40, 26), 9)], dim=3)
    searched: list[float] = []
    search = synthesis.search

    def counted(*args: Any) -> tuple[Tensor, Tensor]:
        searched.append(float((args[4] == 2).float().mean()))
        return search(*args)

    monkeypatch.setattr(synthesis, "search", counted)
    config = GuidedConfig(rounds=5, levels=1, last_pass=False)
    synthesise(a, [Guide(a, b, 8.0)], config)
    assert searched[0] == 1.0
    assert searched[-1] < 0.7
    assert len(searched) == 5 or searched[-1] == 0.0
    searched.clear()
    synthesise(a, [Guide(a, b, 8.0)], dataclasses.replace(config, stop=0.0))
    assert searched == [1.0] * 5, "with no threshold nothing counts as settled"
