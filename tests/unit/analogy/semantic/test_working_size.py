"""Sizes that the network works at."""

from __future__ import annotations

import torch

from batch_analogy.analogy.semantic.working_size import crop_or_mirror, padded_size, reduce_classes


def test_extends_by_mirroring_and_crops() -> None:
    assert padded_size((45, 61)) == (48, 64)
    assert padded_size((3, 64)) == (16, 64)
    x = torch.arange(5)[None, :, None].expand(1, 5, 5)
    assert crop_or_mirror(x, (8, 5), centred=False)[0, :, 0].tolist() == [0, 1, 2, 3, 4, 3, 2, 1]
    assert crop_or_mirror(x, (3, 5), centred=True)[0, :, 0].tolist() == [1, 2, 3]
    assert crop_or_mirror(x, (9, 5), centred=True)[0, :, 0].tolist() == [2, 1, 0, 1, 2, 3, 4, 3, 2]
    assert crop_or_mirror(torch.ones(1, 1, 1), (4, 4), centred=True).shape == (1, 4, 4)


def test_a_reduced_pixel_has_the_class_that_covers_most_of_it() -> None:
    classes = torch.zeros(1, 6, 6, dtype=torch.long)
    classes[:, :3, :3], classes[:, 3, 3] = 2, 1
    assert reduce_classes(classes, 3, (2, 2)).tolist() == [[[2, 0], [0, 0]]]
