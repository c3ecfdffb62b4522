"""Warping through a field: a copy at whole pixels, a cubic spline between them."""

from __future__ import annotations

import torch
from torch.nn import functional

from batch_analogy.analogy.nnf import initial_nnf, initial_position
from batch_analogy.analogy.rendering.upscale import at_scale, needs_search, render_full_size
from batch_analogy.analogy.rendering.warp import reference, warp_field, warp_picture


def smooth_picture(height: int, width: int, *, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 6, 6, generator=generator)
    return functional.interpolate(coarse, size=(height, width), mode="bicubic").clamp(0, 1)


def shifted(size: tuple[int, int], by: tuple[float, float]) -> torch.Tensor:
    """Return a field in which every match is displaced by the same (y, x)."""
    return initial_position(size, size) + torch.tensor(by).view(1, 2, 1, 1)


def test_field_of_whole_pixels_copies(generator: torch.Generator) -> None:
    picture = torch.rand(1, 3, 24, 30, generator=generator)
    warped = warp_picture(picture, shifted((20, 22), (3.0, 5.0)))
    torch.testing.assert_close(warped, picture[:, :, 3:23, 5:27], rtol=0, atol=1e-6)


def test_reads_a_smooth_picture_between_pixels() -> None:
    ys, xs = torch.meshgrid(torch.arange(40.0), torch.arange(40.0), indexing="ij")
    waves = 0.5 + 0.3 * torch.sin(xs / 3) * torch.cos(ys / 4)
    warped = warp_picture(waves.expand(1, 3, 40, 40).contiguous(), shifted((30, 30), (4.3, 4.6)))
    wanted = 0.5 + 0.3 * torch.sin((xs[:30, :30] + 4.6) / 3) * torch.cos((ys[:30, :30] + 4.3) / 4)
    assert (warped[0, 0] - wanted).abs().max() < 2e-3


def test_kernel_equals_the_reference(generator: torch.Generator) -> None:
    picture = torch.rand(1, 3, 31, 27, generator=generator)
    field = torch.rand(1, 2, 25, 33, generator=generator) * 40 - 5  # they disagree, some outside
    field[:, :, 5:15, 5:20] = shifted((10, 15), (2.25, 7.5))
    for moved in (True, False):
        warped = warp_picture(picture, field, moved=moved)
        torch.testing.assert_close(warped, reference.warp_picture(picture, field, moved=moved))


def test_seams_move_by_fractions_of_a_pixel() -> None:
    picture = torch.full((1, 3, 8, 40), 0.5)
    picture[..., 20:] = 0.52  # similar enough to be mixed
    field = shifted((8, 16), (0.0, 0.0))
    field[:, 1, :, 8:] += 16.0
    moved = [
        warp_picture(picture, field + torch.tensor([0.0, by]).view(1, 2, 1, 1)) for by in (0.0, 0.4)
    ]
    brighter = (moved[1] - moved[0])[0, 0, 4].sum() / 0.02  # the seam has moved to the left …
    assert 0.35 < brighter < 0.45
    still = warp_picture(picture, field + torch.tensor([0.0, 0.4]).view(1, 2, 1, 1), moved=False)
    assert (still - moved[0])[0, 0, 4].abs().sum() < 1e-4  # … unless only the matches moved


def test_picture_is_mirrored_beyond_its_edge(generator: torch.Generator) -> None:
    picture = torch.rand(1, 3, 10, 12, generator=generator)
    warped = warp_picture(picture, shifted((10, 12), (0.0, 8.0)))
    torch.testing.assert_close(warped[..., :4], picture[..., 8:], rtol=0, atol=1e-6)
    torch.testing.assert_close(warped[..., 4:], picture[..., 4:].flip(3), rtol=0, atol=1e-6)


def test_pixels_outside_the_mask_are_zero(generator: torch.Generator) -> None:
    picture, field = torch.rand(1, 3, 12, 12, generator=generator), shifted((12, 12), (0.3, 0.0))
    wanted = torch.zeros(1, 1, 12, 12, dtype=torch.bool)
    wanted[..., 5:] = True
    warped = warp_picture(picture, field, wanted)
    assert (warped[..., :5] == 0).all()
    assert (warped[..., 5:] == warp_picture(picture, field)[..., 5:]).all()


def test_votes_nearest_to_their_mean_prevail() -> None:
    picture = torch.zeros(1, 3, 8, 40)
    picture[..., 20:] = 1.0
    field = shifted((8, 16), (0.0, 0.0))
    field[:, 1, :, 8:] += 16.0  # the left half reads black, the right half white
    warped = warp_picture(picture, field)
    assert set(warped[0, 0, 4].round(decimals=2).tolist()) == {0.0, 1.0}  # a plain mean has greys


def test_warp_field_of_the_same_size_is_the_field() -> None:
    picture = smooth_picture(20, 24, seed=1)
    nnf = initial_nnf((20, 24), (20, 24))
    field = warp_field(picture, nnf, (20, 24), (20, 24))
    torch.testing.assert_close(field, nnf.float())


def test_warp_field_of_nearly_the_same_size_has_consecutive_whole_pixels() -> None:
    picture = smooth_picture(22, 26, seed=1)
    field = warp_field(picture, initial_nnf((20, 24), (20, 24)), (20, 24), (22, 26))
    assert field.frac().abs().max() == 0
    assert (field[0, 1, :, 1:] - field[0, 1, :, :-1] == 1).all()
    assert field.amin() == 0


def test_large_warp_field_renders_like_the_upscaled_vote() -> None:
    picture = smooth_picture(40, 48, seed=2)
    nnf = initial_nnf((20, 24), (20, 24)).roll(3, dims=3)
    assert needs_search(nnf, (40, 48))
    field = warp_field(picture, nnf, (20, 24), (40, 48), seed=4)
    read = at_scale(picture, (20, 24), (20, 24), (40, 48))
    plain = render_full_size(picture, nnf, (20, 24), (40, 48), seed=4).picture
    assert (
        warp_picture(read, field) - plain
    ).abs().mean() < 0.01  # they differ only where votes disagree
    assert field.frac().abs().max() == 0
