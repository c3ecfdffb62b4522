"""Voting at full resolution: the identity, detail finer than the field, and the sharp vote."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from batch_analogy.analogy.nnf import initial_nnf
from batch_analogy.analogy.reconstruction.vote import vote
from batch_analogy.analogy.rendering.picture_vote import vote_picture


@pytest.mark.parametrize("size", [(24, 32), (61, 83), (7, 200)])
def test_identity_field_returns_the_picture_at_any_resolution(
    size: tuple[int, int], generator: torch.Generator
) -> None:
    picture = torch.rand(1, 3, *size, generator=generator)
    cells = (24, 32)
    voted = vote_picture(picture, initial_nnf(cells, cells), cells, size)
    torch.testing.assert_close(voted, picture, atol=1e-3, rtol=0)


def test_picture_vote_at_scale_one_equals_the_plain_vote(generator: torch.Generator) -> None:
    picture = torch.rand(1, 3, 20, 26, generator=generator)
    nnf = torch.stack(
        [
            torch.randint(0, 20, (1, 18, 15), generator=generator),
            torch.randint(0, 26, (1, 18, 15), generator=generator),
        ],
        dim=1,
    ).int()
    voted = vote_picture(picture, nnf, (20, 26), (18, 15))
    torch.testing.assert_close(voted, vote(picture, nnf, 3), atol=1e-3, rtol=0)


def test_full_resolution_detail_is_read_from_the_picture_itself() -> None:
    fine = (torch.arange(64) % 2).float().expand(1, 3, 64, 64).contiguous()  # 1-pixel stripes
    voted = vote_picture(fine, initial_nnf((16, 16), (16, 16)), (16, 16), (64, 64))
    torch.testing.assert_close(voted, fine, atol=1e-3, rtol=0)


@pytest.mark.parametrize("shared", [True, False], ids=["one picture for all", "one each"])
def test_batched_votes_equal_single_ones(shared: bool, generator: torch.Generator) -> None:
    pictures = torch.rand(1 if shared else 3, 3, 9, 14, generator=generator)
    nnf = torch.randint(0, 9, (3, 2, 12, 7), generator=generator).int()
    batch = vote_picture(pictures, nnf, (9, 14), (30, 20))
    for i in range(3):
        own = pictures[i % len(pictures)][None]
        assert torch.equal(batch[i : i + 1], vote_picture(own, nnf[i : i + 1], (9, 14), (30, 20)))


def torn_field(size: tuple[int, int]) -> Tensor:
    """Return a field whose left half and right half read different positions."""
    nnf = initial_nnf(size, size)
    nnf[:, 1, :, size[1] // 2 :] = size[1] - 1 - nnf[:, 1, :, size[1] // 2 :]
    return nnf


def test_sharp_vote_does_not_mix_disagreeing_votes(generator: torch.Generator) -> None:
    stripes = (torch.arange(64) // 3 % 2).float().expand(1, 3, 48, 64).contiguous()
    nnf = torn_field((24, 32))
    jitter = torch.randint(-2, 3, nnf.shape, generator=generator)
    nnf = (nnf + jitter).clamp_min(0).minimum(torch.tensor([23, 31]).view(1, 2, 1, 1)).int()
    plain = vote_picture(stripes, nnf, (24, 32), (48, 64))
    sharp = vote_picture(stripes, nnf, (24, 32), (48, 64), sharp=True)
    mixed = [float((x * (1 - x)).mean()) for x in (plain, sharp)]
    assert mixed[1] < 0.6 * mixed[0]


def test_sharp_vote_changes_nothing_where_all_agree(generator: torch.Generator) -> None:
    picture = torch.rand(1, 3, 40, 56, generator=generator)
    nnf = initial_nnf((20, 28), (20, 28))
    votes = [vote_picture(picture, nnf, (20, 28), (40, 56), sharp=sharp) for sharp in (False, True)]
    torch.testing.assert_close(votes[0], votes[1], atol=1e-5, rtol=0)


@pytest.mark.parametrize("rows", [1, 7])
def test_sharp_vote_does_not_depend_on_the_rows_per_piece(
    rows: int, generator: torch.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = torch.rand(1, 3, 40, 56, generator=generator)
    whole = vote_picture(picture, torn_field((20, 28)), (20, 28), (61, 83), sharp=True)
    monkeypatch.setattr("batch_analogy.analogy.rendering.picture_vote._PIXELS_AT_ONCE", rows * 83)
    cut = vote_picture(picture, torn_field((20, 28)), (20, 28), (61, 83), sharp=True)
    torch.testing.assert_close(cut, whole, atol=1e-6, rtol=0)


@pytest.mark.parametrize("sharp", [False, True])
def test_no_votes_yield_no_nan(sharp: bool, generator: torch.Generator) -> None:
    picture = torch.rand(1, 3, 24, 32, generator=generator)
    nnf = initial_nnf((12, 16), (12, 16))
    nnf[..., 8:] = -(1 << 20)
    voted = vote_picture(picture, nnf, (12, 16), (24, 32), sharp=sharp)
    assert voted.isfinite().all()
    torch.testing.assert_close(voted[..., :12], picture[..., :12], atol=1e-5, rtol=0)
