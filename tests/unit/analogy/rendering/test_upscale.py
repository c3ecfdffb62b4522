"""Rendering at full size: invariants, the kernel against its reference, and sharpness."""

from __future__ import annotations

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.deep import deep_image_analogy
from batch_analogy.analogy.features.vgg import Vgg19
from batch_analogy.analogy.nnf import initial_nnf
from batch_analogy.analogy.rendering import upscale
from batch_analogy.analogy.rendering.picture_vote import vote_picture
from batch_analogy.analogy.rendering.upscale import cpu, reference, render_full_size
from batch_analogy.analogy.rendering.upscale.spec import UpscaleSpec
from batch_analogy.config.matching import AnalogyConfig

CELLS = (22, 30)
SIZE = (96, 131)  # 4.4 pixels per cell, not divisible


def random_field(size: tuple[int, int], target: tuple[int, int], seed: int) -> Tensor:
    """Return (1, 2, h, w) int32: pieces of a few cells, each moved elsewhere."""
    generator = torch.Generator().manual_seed(seed)
    moves = torch.randint(-9, 10, (1, 2, -(-size[0] // 5), -(-size[1] // 5)), generator=generator)
    moves = moves.repeat_interleave(5, 2).repeat_interleave(5, 3)[:, :, : size[0], : size[1]]
    limits = torch.tensor(target).view(1, 2, 1, 1)
    return torch.minimum((initial_nnf(size, target) + moves).clamp_min(0), limits - 1).int()


def picture(size: tuple[int, int], seed: int) -> Tensor:
    """Return coarse and fine noise, (1, 3, H, W)."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 5, 7, generator=generator)
    smooth = F.interpolate(coarse, size=size, mode="bilinear")
    return (0.7 * smooth + 0.3 * torch.rand(1, 3, *size, generator=generator)).clamp(0, 1)


def sharpness(x: Tensor) -> float:
    """Return the mean squared difference of neighbouring pixels."""
    down, along = x.diff(dim=2), x.diff(dim=3)
    return float(down.square().mean() + along.square().mean())


@pytest.fixture(scope="module")
def search_case() -> tuple[Tensor, Tensor, Tensor, UpscaleSpec]:
    generator = torch.Generator().manual_seed(4)
    source = torch.randint(0, 256, (37, 41, 3), generator=generator, dtype=torch.uint8)
    target = torch.randint(0, 256, (29, 50, 3), generator=generator, dtype=torch.uint8)
    target[4:24, 10:40] = source[8:28, 5:35]  # a part to find
    nnf = random_field((37, 41), (29, 50), 5)[0]
    spec = UpscaleSpec(
        iterations=2, radii=(3, 1), penalty=900, seed=77, top=1000, left=13, width=7680
    )
    return source, target, nnf, spec


def test_search_of_the_kernel_equals_the_reference(
    search_case: tuple[Tensor, Tensor, Tensor, UpscaleSpec],
) -> None:
    expected = reference.search(*search_case)
    found = cpu.search(*search_case)
    assert torch.equal(found, expected)
    assert not torch.equal(found, search_case[2])


@pytest.mark.parametrize("reach", [1, 2])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_vote_of_the_kernel_equals_the_reference(
    reach: int, dtype: torch.dtype, search_case: tuple[Tensor, Tensor, Tensor, UpscaleSpec]
) -> None:
    _, target, nnf, _ = search_case
    values = target.to(dtype) / 3 if dtype == torch.float32 else target
    expected = reference.vote(values, nnf, reach)
    assert torch.equal(cpu.vote(values, nnf, reach), expected)


def test_reference_renders_the_same_as_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reference renders all octaves on devices without a kernel."""
    other, nnf = picture((90, 140), 1), random_field(CELLS, (20, 32), 2)
    by_kernel = render_full_size(other, nnf, (20, 32), SIZE, seed=3).picture
    monkeypatch.setattr(cpu, "search", reference.search)
    monkeypatch.setattr(cpu, "vote", reference.vote)
    assert torch.equal(render_full_size(other, nnf, (20, 32), SIZE, seed=3).picture, by_kernel)


def test_search_finds_near_matches_and_never_worse_ones(
    search_case: tuple[Tensor, Tensor, Tensor, UpscaleSpec],
) -> None:
    source, target, _, spec = search_case
    ys, xs = torch.meshgrid(torch.arange(37), torch.arange(41), indexing="ij")
    nnf = torch.stack([(ys - 3).clamp(0, 28), (xs + 6).clamp(0, 49)]).int()  # off by one
    free = dataclasses.replace(spec, penalty=0)
    found = cpu.search(source, target, nnf, free).long()
    before = reference._difference(source, target, nnf.long())
    after = reference._difference(source, target, found)
    assert bool((after <= before).all())
    assert bool((found[0] == ys - 4)[11:25, 8:32].all())  # the copied part, away from its edges
    assert bool((found[1] == xs + 5)[11:25, 8:32].all())


def test_penalty_leaves_fewer_and_larger_pieces(
    search_case: tuple[Tensor, Tensor, Tensor, UpscaleSpec],
) -> None:
    source, target, nnf, spec = search_case
    alone = []
    for penalty in (0, 100_000):
        field = cpu.search(source, target, nnf, dataclasses.replace(spec, penalty=penalty)).long()
        alone.append(int(reference._discontinuities(field, field).sum()))
    assert alone[1] < alone[0]


@pytest.mark.parametrize("other_size", [(96, 131), (200, 300), (40, 60)])
@pytest.mark.parametrize("size", [SIZE, (23, 31), (64, 88)])
def test_result_has_the_given_size_and_the_range_of_the_other_picture(
    other_size: tuple[int, int], size: tuple[int, int]
) -> None:
    other = picture(other_size, 6)
    voted = render_full_size(other, random_field(CELLS, (20, 32), 7), (20, 32), size).picture
    assert tuple(voted.shape) == (1, 3, *size)
    assert voted.is_contiguous()
    assert bool(torch.isfinite(voted).all())
    assert float(voted.min()) >= float(other.min()) - 0.05  # bicubic resizing overshoots a little
    assert float(voted.max()) <= float(other.max()) + 0.05


@pytest.mark.parametrize("size", [SIZE, (60, 82), (220, 300)])
def test_identity_field_returns_the_picture(size: tuple[int, int]) -> None:
    other = picture(size, 8)
    voted = render_full_size(other, initial_nnf(CELLS, CELLS), CELLS, size).picture
    torch.testing.assert_close(voted, other, atol=1e-6, rtol=0)


def test_copies_a_shifted_picture_in_one_piece() -> None:
    """Whole displacements stay whole in all octaves, so the interior is copied exactly."""
    other = picture((88, 120), 9)
    nnf = initial_nnf(CELLS, CELLS)
    nnf[:, 1] = (nnf[:, 1] + 3).clamp_max(CELLS[1] - 1)
    voted = render_full_size(other, nnf, CELLS, (88, 120)).picture
    torch.testing.assert_close(voted[..., :90], other[..., 12:102], atol=1e-6, rtol=0)


def test_result_does_not_depend_on_the_tile_size() -> None:
    other, nnf = picture((150, 180), 10), random_field(CELLS, (24, 28), 11)
    size = (150, 205)
    whole = render_full_size(other, nnf, (24, 28), size, tile_px=4096).picture
    for tile_px in (200, 64, 37):
        assert torch.equal(
            render_full_size(other, nnf, (24, 28), size, tile_px=tile_px).picture, whole
        )


@pytest.mark.usefixtures("restore_threads")
def test_result_does_not_depend_on_the_number_of_threads() -> None:
    other, nnf = picture((100, 130), 12), random_field(CELLS, CELLS, 13)
    results = []
    for threads in (1, 2, 4):
        torch.set_num_threads(threads)
        results.append(render_full_size(other, nnf, CELLS, SIZE).picture)
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_search_sees_no_more_than_a_tile_and_its_surroundings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Memory of the search is bounded by the tile, however large the picture."""
    seen = []

    def noting(source: Tensor, target: Tensor, nnf: Tensor, spec: UpscaleSpec) -> Tensor:
        seen.append(max(source.shape[:2]))
        return search(source, target, nnf, spec)

    search = cpu.search
    monkeypatch.setattr(cpu, "search", noting)
    other, nnf = picture((320, 400), 14), random_field((40, 50), (40, 50), 15)
    render_full_size(other, nnf, (40, 50), (320, 400), tile_px=64)
    spec = UpscaleSpec(
        iterations=upscale._ITERATIONS, radii=upscale._RADII, penalty=0, seed=0, width=1
    )
    assert max(seen) <= 64 + 4 * (spec.reach + upscale._VOTE_REACH)
    assert len(seen) > 2 * 30


def test_result_is_sharper_than_the_plain_vote() -> None:
    """A fine texture through a field whose neighbours disagree by a cell: blending blurs it."""
    generator = torch.Generator().manual_seed(16)
    other = torch.rand(1, 3, 176, 240, generator=generator)
    jitter = torch.randint(-1, 2, (1, 2, *CELLS), generator=generator)
    limits = torch.tensor(CELLS).view(1, 2, 1, 1) - 1
    nnf = torch.minimum((initial_nnf(CELLS, CELLS) + jitter).clamp_min(0), limits).int()
    plain = sharpness(vote_picture(other, nnf, CELLS, (176, 240), sharp=True))
    fine_result = sharpness(render_full_size(other, nnf, CELLS, (176, 240)).picture)
    assert fine_result > 1.1 * plain
    assert fine_result > 0.9 * sharpness(other)


def test_seams_do_not_follow_the_cells() -> None:
    """A slanted edge that the field cuts into steps of cells comes out slanted."""
    ys, xs = torch.meshgrid(torch.arange(192), torch.arange(240), indexing="ij")
    wanted = (xs > 60 + 0.6 * ys).float()
    other = (xs > 120).float().expand(1, 3, 192, 240).contiguous()  # an upright edge
    nnf = initial_nnf((24, 30), (24, 30))
    moved = torch.round((60 - 0.6 * (torch.arange(24) * 8 + 3.5)) / 8).int()
    nnf[:, 1] = (nnf[:, 1] + moved.view(1, -1, 1)).clamp(0, 29)
    wrong = {
        name: float((work[0, 0, 16:-16] - wanted[16:-16]).abs().mean())
        for name, work in {
            "plain": vote_picture(other, nnf, (24, 30), (192, 240), sharp=True),
            "fine": render_full_size(other, nnf, (24, 30), (192, 240)).picture,
        }.items()
    }
    assert wrong["fine"] < 0.6 * wrong["plain"], wrong


def test_ignores_matches_outside_the_other_map() -> None:
    """They occur where another copy of an atlas was chosen; the rest is unchanged."""
    other = picture((88, 120), 18)
    nnf = initial_nnf(CELLS, CELLS)
    nnf[..., 20:] = -(1 << 20)
    voted = render_full_size(other, nnf, CELLS, (88, 120)).picture
    torch.testing.assert_close(voted[..., :100], other[..., :100], atol=1e-6, rtol=0)


def test_slight_enlargement_equals_a_plain_vote() -> None:
    other, nnf = picture((30, 40), 19), random_field(CELLS, CELLS, 20)
    expected = vote_picture(other, nnf, CELLS, (28, 38), sharp=True)
    assert torch.equal(render_full_size(other, nnf, CELLS, (28, 38)).picture, expected)


def test_large_identity_pair_returns_the_picture(network: Vgg19) -> None:
    """B' = A at three times the matching size: A' is A, within 45 dB."""
    a = picture((216, 288), 21)
    config = AnalogyConfig(quality="draft", max_area_px=72 * 96, min_side_px=32)
    result = deep_image_analogy(a, a, config=config, network=network)
    assert tuple(result.nnf_ab.shape[2:]) == (72, 96)
    for found in (result.a_prime, result.b):
        assert float((found - a).square().mean()) < 10**-4.5
