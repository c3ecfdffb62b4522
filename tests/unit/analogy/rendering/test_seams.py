"""Seams: blended where the guide is plain, kept at its edges, nothing changed elsewhere."""

import pytest
import torch
from scipy import fft
from torch import Tensor

from batch_analogy.analogy.nnf import initial_nnf
from batch_analogy.analogy.rendering import seams
from batch_analogy.analogy.rendering.seams import (
    blend_seams,
    cpu,
    edge_strength,
    reference,
    seam_sources,
)

SIZE = (60, 80)


def two_pieces() -> tuple[Tensor, Tensor, Tensor]:
    """Return a picture of two plain pieces, the picture they were read from, and the field.

    The left half was read at its own place, the right half from another, lighter part.
    """
    read = torch.full((1, 3, 60, 200), 0.3)
    read[..., 100:] = 0.7
    field = initial_nnf(SIZE, SIZE)
    field[:, 1, :, 40:] += 100
    y, x = field[0].long()
    return read[0, :, y, x][None], read, field


def find_sources(rendered: Tensor, read: Tensor, field: Tensor, edges: Tensor) -> Tensor:
    """Find the sources as if the picture that is read had no edges."""
    return seam_sources(rendered, read, field, edges, torch.zeros_like(read[:, :1]))


def blended(guide: Tensor) -> tuple[Tensor, Tensor]:
    rendered, read, field = two_pieces()
    sources = find_sources(rendered, read, field, edge_strength(guide, (30, 40)))
    return rendered, blend_seams(rendered, sources)


def test_a_step_between_pieces_becomes_a_slope_where_the_guide_is_plain() -> None:
    before, after = blended(torch.full((1, 3, *SIZE), 0.5))
    assert float((before[..., 40] - before[..., 39]).abs().mean()) == pytest.approx(0.4)
    steps = (after[..., 1:] - after[..., :-1]).abs()
    assert float(steps.max()) < 0.06
    torch.testing.assert_close(after[..., :5], before[..., :5], atol=0.02, rtol=0)
    torch.testing.assert_close(after[..., -5:], before[..., -5:], atol=0.02, rtol=0)
    assert float(after[0, 0, 30, 39:41].mean()) == pytest.approx(0.5, abs=0.01)


def test_a_step_at_an_edge_of_the_guide_stays() -> None:
    guide = torch.full((1, 3, *SIZE), 0.2)
    guide[..., 40:] = 0.8
    before, after = blended(guide)
    assert torch.equal(after, before)


def test_a_stroke_that_ends_at_a_seam_stays() -> None:
    """Only what is plain in both pictures is blended: ink does not run out into the paper."""
    rendered, read, field = two_pieces()
    edges = torch.zeros(1, 1, *SIZE)
    strokes = torch.zeros_like(read[:, :1])
    strokes[..., 30:40, 36:44] = 1.0  # where the left piece ends
    sources = seam_sources(rendered, read, field, edges, strokes)
    assert not bool(sources[:, :, 30:40].any())
    assert bool(sources[:, :, :30].any())


def test_edges_that_the_other_picture_has_itself_stay() -> None:
    """The field goes on across them, so they are no seams, though the guide has no edge there."""
    read = torch.full((1, 3, *SIZE), 0.3)
    read[..., 40:] = 0.7
    field = initial_nnf(SIZE, SIZE)
    edges = edge_strength(torch.full((1, 3, *SIZE), 0.5), (30, 40))
    assert not bool(find_sources(read, read, field, edges).any())


def test_a_blotch_takes_the_colour_of_its_surroundings() -> None:
    read = torch.full((1, 3, 60, 200), 0.3)
    read[..., 100:] = 0.7
    field = initial_nnf(SIZE, SIZE)
    field[:, 1, 25:33, 35:43] += 110
    y, x = field[0].long()
    rendered = read[0, :, y, x][None]
    edges = edge_strength(torch.full((1, 3, *SIZE), 0.5), (30, 40))
    after = blend_seams(rendered, find_sources(rendered, read, field, edges))
    assert float(rendered[0, 0, 29, 39]) == pytest.approx(0.7)
    assert float(after[0, 0, 29, 39]) < 0.5
    torch.testing.assert_close(after[..., :5], rendered[..., :5], atol=0.02, rtol=0)


def test_fractional_matches_are_read_between_pixels() -> None:
    """A gradient read through a field that is half a pixel off goes on without a seam."""
    read = torch.linspace(0, 1, 200).expand(1, 3, 60, 200).contiguous()
    field = initial_nnf(SIZE, SIZE).float()
    field[:, 1] += 0.5
    field[:, 1, :, 40:] += 50
    rendered = (field[:, 1:] / 199).expand(-1, 3, -1, -1).contiguous()
    edges = edge_strength(torch.full((1, 3, *SIZE), 0.5), (30, 40))
    after = blend_seams(rendered, find_sources(rendered, read, field, edges))
    steps = (after[..., 1:] - after[..., :-1]).abs()
    assert float(steps.max()) < 0.05 < float((rendered[..., 40] - rendered[..., 39]).max())


def test_matches_at_the_other_pictures_border_are_read_inside_it() -> None:
    read = torch.rand(1, 3, 20, 30, generator=torch.Generator().manual_seed(1))
    generator = torch.Generator().manual_seed(2)
    limits = torch.tensor([20, 30]).view(1, 2, 1, 1)
    field = (torch.rand(1, 2, *SIZE, generator=generator) * limits).int()
    y, x = field[0].long()
    rendered = read[0, :, y, x][None]
    edges = torch.zeros(1, 1, *SIZE)
    after = blend_seams(rendered, find_sources(rendered, read, field, edges))
    assert bool(torch.isfinite(after).all())
    assert 0.0 <= float(after.min()) <= float(after.max()) <= 1.0


@pytest.mark.parametrize("size", [(31, 44), (1, 7), (8, 1), (2, 3)])
def test_all_devices_filter_by_the_cosine_transform(size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(3)
    channel = torch.randn(*size, generator=generator)
    divisor = torch.rand(*size, generator=generator) + 0.01
    by_scipy = fft.idctn(fft.dctn(channel.numpy()) / divisor.numpy())
    for filtered in (seams._filtered, seams.filtered_by_mirror):
        result = filtered(channel, divisor)
        assert result.dtype == torch.float32
        torch.testing.assert_close(result, torch.from_numpy(by_scipy), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("size", [(50, 60), (1, 40), (33, 1)])
def test_cpu_agrees_with_the_reference(size: tuple[int, int], whole: bool) -> None:
    generator = torch.Generator().manual_seed(5)
    read = torch.rand(1, 3, 40, 45, generator=generator) * 0.2
    rendered = torch.rand(1, 3, *size, generator=generator) * 0.2
    pieces = torch.randint(0, 40, (1, 2, *size), generator=generator)
    field = torch.where(torch.rand(1, 1, *size, generator=generator) < 0.1, pieces, 5)
    field = field + initial_nnf(size, size)
    field = field.int() if whole else field.float() + 0.3
    for reach in (1, 3):
        strength = cpu.edge_strength(rendered, reach)
        torch.testing.assert_close(strength, reference.edge_strength(rendered, reach))
    edges, read_edges = (reference.edge_strength(x, 1) for x in (rendered, read))
    torch.testing.assert_close(
        cpu.seam_sources(rendered, read, field, edges, read_edges),
        reference.seam_sources(rendered, read, field, edges, read_edges),
        atol=1e-6,
        rtol=1e-4,
    )


@pytest.mark.usefixtures("restore_threads")
def test_result_does_not_depend_on_the_number_of_threads() -> None:
    generator = torch.Generator().manual_seed(4)
    read = torch.rand(1, 3, 400, 420, generator=generator)
    field = initial_nnf((380, 410), (400, 420)).float()
    field += torch.randint(-3, 4, field.shape, generator=generator) * 1.3
    rendered = torch.rand(1, 3, 380, 410, generator=generator)
    guide = torch.rand(1, 3, 380, 410, generator=generator) * 0.12
    results = []
    for threads in (1, 2, 4):
        torch.set_num_threads(threads)
        sources = find_sources(rendered, read, field, edge_strength(guide, (190, 205)))
        results.append(blend_seams(rendered, sources))
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])
