"""Failures that count against a worker or a node, and those that happen by chance."""

from __future__ import annotations

import random

import pytest

from batch_analogy.jobs.drive.blame import NODE_FAILURES, NODE_RECENT_FRAMES, Blame


def node_blame() -> Blame:
    return Blame(failures=NODE_FAILURES, recent=NODE_RECENT_FRAMES)


def is_suspect_after(blame: Blame, course: str, start: int = 0) -> bool:
    """Return True if a party is suspect after successes (``.``) and failures (``x``)."""
    for index, sign in enumerate(course, start):
        (blame.failed if sign == "x" else blame.succeeded)("party", index)
    return blame.is_suspect("party")


@pytest.mark.parametrize(
    ("course", "worker", "node"),
    [
        ("xx", False, False),
        ("xxx", True, True),
        ("..xxx", True, True),
        ("x.x.x", True, False),
        ("x.x.x.x", True, True),
        ("x..x..x..x", False, False),
        ("xx......x", False, False),
        ("xxx.", True, False),
        ("xxx......", False, False),
    ],
)
def test_a_node_needs_more_failures_than_a_worker_to_be_suspect(
    course: str, *, worker: bool, node: bool
) -> None:
    assert is_suspect_after(Blame(), course) is worker
    assert is_suspect_after(node_blame(), course) is node


def test_random_failures_of_one_frame_in_a_hundred_block_no_node() -> None:
    chance = random.Random(0)
    tries, blocked = 500_000, 0
    blame = node_blame()
    for index in range(tries):
        if chance.random() < 0.01:
            blame.failed("party", index)
            if blame.is_suspect("party"):
                blocked += 1
                blame = node_blame()
        else:
            blame.succeeded("party", index)
    assert blocked == 0  # the limit for workers, three of six, would have blocked it three times


def test_a_worker_that_fails_every_second_frame_is_soon_suspect() -> None:
    chance = random.Random(1)
    for _ in range(200):
        blame, index = node_blame(), 0
        while not blame.is_suspect("party"):
            (blame.failed if chance.random() < 0.5 else blame.succeeded)("party", index)
            index += 1
        assert index < 60
