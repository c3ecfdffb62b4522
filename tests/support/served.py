"""Run folders for the page, written as the driver writes them, without making a frame."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
from aiohttp.test_utils import TestClient, TestServer

from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.config.run import RunConfig
from batch_analogy.jobs.folder.journal import DoneLine, FailedLine, Journal
from batch_analogy.jobs.folder.manifest import new_manifest, write_manifest
from batch_analogy.jobs.plan.fingerprints import FileFingerprint
from batch_analogy.jobs.plan.plan_file import write_plan
from batch_analogy.jobs.plan.run_plan import Plan, Shot
from batch_analogy.jobs.plan.segments import cut_segments
from batch_analogy.jobs.store import RunStore
from batch_analogy.media.stills import write_png
from batch_analogy.serve.access import Access
from batch_analogy.serve.application import Page
from batch_analogy.serve.run_view import RunView
from tests.support.plans import plan as plain_plan
from tests.support.runs import picture

CUTS = (0, 5)


def write_run(
    root: Path, count: int = 12, *, done: Iterable[int] = range(8), failed: Iterable[int] = (9,)
) -> Path:
    """Write ``root/film.run``: small pictures, two shots, some frames done and some failed."""
    folder, inputs = root / "film.run", root / "in"
    for index in range(count):
        write_png(inputs / f"img{index}.png", picture(index))
    write_png(root / "ref.png", picture(40, 70, 66))
    ends = (*CUTS[1:], count)
    shots = tuple(Shot(n, *ends) for n, ends in enumerate(zip(CUTS, ends, strict=True)))
    base = plain_plan(count)
    frames = tuple(
        msgspec.structs.replace(
            one, source=str(inputs / f"img{one.index}.png"), name=f"img{one.index}.png",
            height=64, width=80,
        )
        for one in base.frames
    )  # fmt: skip
    plan = msgspec.structs.replace(
        base,
        frames=frames,
        shots=shots,
        segments=cut_segments(shots, 3),
        reference=FileFingerprint(str(root / "ref.png"), 5, 6, "refhash"),
    )
    write_plan_and_manifest(folder, plan)
    store = RunStore(folder)
    with Journal(store.journal) as journal:
        for index in done:
            finish_frame(store, journal, index)
        for index in failed:
            journal.append(failed_line(index))
    return folder


def write_plan_and_manifest(folder: Path, plan: Plan) -> None:
    """Write the plan and ``run.json`` of a time-lapse."""
    store = RunStore(folder)
    config = RunConfig(
        command="timelapse",
        reference=Path(plan.reference.path),
        source=str(folder.parent / "in"),
        output=folder.with_suffix(".mp4"),
        run_dir=folder,
        analogy=AnalogyConfig(quality="draft"),
    )
    write_plan(store.plan, plan)
    write_manifest(store.manifest, new_manifest("run", config, plan))


def finish_frame(store: RunStore, journal: Journal, index: int) -> None:
    """Write a finished picture and its line of the journal."""
    path = store.frame("a_prime", index)
    write_png(path, picture(index + 7))
    journal.append(done_line(index, path.stat().st_size))


def done_line(index: int, size: int) -> DoneLine:
    """Return the line of a finished frame."""
    sizes = {"a_prime": size}
    seconds = 1 + index / 10
    return DoneLine(index=index, input=f"hash{index}", output_bytes=sizes, seconds=seconds)


def failed_line(index: int) -> FailedLine:
    """Return the line of a frame that was given up."""
    return FailedLine(
        index=index, input=f"hash{index}", message="it is damaged", retryable=True,
        traceback="Traceback: it is damaged", worker="styler-0", attempt=3,
    )  # fmt: skip


Talk = Callable[["Client"], Awaitable[None]]


class Client:
    """A client of the page that has its token, unless it is told otherwise."""

    def __init__(self, client: TestClient[Any, Any], access: Access) -> None:
        self.raw, self.access = client, access

    async def get(self, path: str, **options: Any) -> Any:
        """Get an address with the token."""
        options.setdefault("params", {})["token"] = self.access.token
        return await self.raw.get(path, **options)

    async def post(self, path: str, **options: Any) -> Any:
        """Post as the page does."""
        headers = {"X-Batch-Analogy": self.access.post_value, **options.pop("headers", {})}
        return await self.raw.post(
            path, params={"token": self.access.token}, headers=headers, **options
        )


def talk(run_dir: Path, say: Talk, *, against: Path | None = None, **access: Any) -> None:
    """Serve a run in this process, and talk to it."""

    async def conversation() -> None:
        page = Page(
            RunView(run_dir), Access(**access), None if against is None else RunView(against)
        )
        async with TestClient(TestServer(page.application())) as client:
            await say(Client(client, page.access))

    asyncio.run(conversation())
