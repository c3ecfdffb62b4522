"""Nearest-neighbour fields: start, upsampling, consistency, and conversion to flow."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from batch_analogy.analogy.nnf import consistency, initial_nnf, nnf_to_flow, upsample_nnf


def test_start_covers_a_smaller_map_to_its_far_edge() -> None:
    field = initial_nnf((38, 38), (25, 12))
    assert field.dtype == torch.int32
    assert field[0, 0, 0, 0] == 0
    assert field[0, 0, -1, 0] == 24
    assert field[0, 1, 0, -1] == 11


@pytest.mark.parametrize("sizes", [(14, 28), (19, 38), (19, 37), (25, 50)])
def test_upsampled_identity_is_the_identity(sizes: tuple[int, int]) -> None:
    coarse, fine = sizes
    field = initial_nnf((coarse, coarse), (coarse, coarse))
    finer = upsample_nnf(field, (coarse, coarse), (fine, fine), (fine, fine))
    assert torch.equal(finer, initial_nnf((fine, fine), (fine, fine)))


def test_children_keep_their_position_inside_the_parent() -> None:
    coarse = torch.tensor([[[[1, 0]], [[3, 0]]]], dtype=torch.int32)  # (1, 3) and (0, 0)
    fine = upsample_nnf(coarse, (2, 4), (2, 4), (4, 8))
    assert fine[0, 0].tolist() == [[2, 2, 0, 0], [3, 3, 1, 1]]
    assert fine[0, 1].tolist() == [[6, 7, 0, 1], [6, 7, 0, 1]]


def test_upsampled_field_stays_inside_an_odd_target() -> None:
    coarse = initial_nnf((4, 4), (5, 3))
    fine = upsample_nnf(coarse, (5, 3), (8, 8), (9, 5))
    assert int(fine[0, 0].max()) == 8
    assert int(fine[0, 1].max()) == 4
    assert int(fine.min()) == 0


def test_flow_of_the_identity_is_zero_at_any_resolution() -> None:
    flow = nnf_to_flow(initial_nnf((20, 30), (20, 30)), (20, 30), (47, 71), (47, 71))
    assert flow.shape == (47, 71, 2)
    assert flow.dtype == np.float32
    assert np.abs(flow).max() < 1e-4


def test_flow_is_dx_dy_in_full_resolution_pixels() -> None:
    field = initial_nnf((10, 10), (10, 10))
    field[:, 0] += 1  # one cell down
    field[:, 1] += 2  # two to the right
    flow = nnf_to_flow(field, (10, 10), (40, 40), (40, 40))
    np.testing.assert_allclose(flow[..., 0], 8.0, atol=1e-4)
    np.testing.assert_allclose(flow[..., 1], 4.0, atol=1e-4)


def test_consistency_is_the_distance_to_the_matchs_match() -> None:
    field = initial_nnf((6, 6), (6, 6))
    assert float(consistency(field, field).max()) == 0.0
    moved = field.clone()
    moved[:, 1] = (moved[:, 1] + 3).clamp_max(5)
    assert float(consistency(field, moved)[0, 0, 2, 1]) == 3.0


def test_consistency_of_a_batch_equals_that_of_each_item(generator: torch.Generator) -> None:
    there = torch.randint(0, 5, (3, 2, 7, 4), generator=generator).int()
    back = torch.randint(0, 4, (3, 2, 5, 6), generator=generator).int()
    both = consistency(there, back)
    assert both.shape == (3, 1, 7, 4)
    for i in range(3):
        y, x = there[i, :, 6, 3].tolist()
        away = back[i, :, y, x] - torch.tensor([6, 3])
        assert float(both[i, 0, 6, 3]) == pytest.approx(float(away.float().norm()))
        assert torch.equal(both[i : i + 1], consistency(there[i : i + 1], back[i : i + 1]))
