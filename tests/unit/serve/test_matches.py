"""Where a spot comes from, read from the anchors of a real run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage.data

from batch_analogy.jobs.store import RunStore
from batch_analogy.media.stills import write_png
from batch_analogy.serve.matches import match_of
from batch_analogy.serve.run_view import RunView
from tests.support.runs import run_here, sample_config, truncate
from tests.support.served import Client, talk

SPOTS = [(x, y) for x in (0.25, 0.5, 0.75) for y in (0.3, 0.5, 0.7)]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Style a picture after itself; a damaged frame keeps the run from forgetting its anchors."""
    root = tmp_path_factory.mktemp("matches")
    cat = np.ascontiguousarray(skimage.data.chelsea()[60:252, 120:376])
    for path in (root / "reference.png", *(root / "in" / f"img{n}.png" for n in range(3))):
        write_png(path, cat)
    truncate(root / "in" / "img2.png")
    run_here(sample_config(root, 3, temporal="on"))
    return root / "film.run"


def test_a_picture_that_is_its_own_reference_is_matched_in_place(run_dir: Path) -> None:
    plan = RunView(run_dir).plan
    assert plan is not None
    store = RunStore(run_dir)
    away = []
    for x, y in SPOTS:
        found = match_of(plan, store, 0, x, y)
        assert found is not None
        assert found["look"] == 0
        away.append(max(abs(found["x"] - x), abs(found["y"] - y)))
    assert float(np.median(away)) < 0.08


def test_a_frame_that_is_no_anchor_has_none(run_dir: Path) -> None:
    plan = RunView(run_dir).plan
    assert plan is not None
    assert match_of(plan, RunStore(run_dir), 2, 0.5, 0.5) is None
    assert match_of(plan, RunStore(run_dir), 99, 0.5, 0.5) is None


def test_odd_spots_are_refused(run_dir: Path) -> None:
    async def say(client: Client) -> None:
        token = client.access.token
        for x, y, status in (
            ("0.5", "0.5", 200), ("1", "1", 200), ("2", "0", 200), ("nan", "0", 200),
            ("x", "0", 400), ("", "", 400),
        ):  # fmt: skip
            params = {"token": token, "x": x, "y": y}
            answer = await client.raw.get("/api/match/0", params=params)
            assert answer.status == status, (x, y)
            if x in ("2", "nan"):
                assert await answer.json() is None

    talk(run_dir, say)
