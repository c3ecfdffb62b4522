"""Push what changes to the page, as server-sent events.

A page that connects says what it knows already. Nothing is queued for it: each message is made of
what has changed since the last one, so that neither side grows however long the page is open.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from aiohttp import web

from batch_analogy.serve.run_view import RunView

LOOK_SECONDS = 0.5
QUIET_SECONDS = 15.0  # after which an empty line shows that the connection lives
MOST = 1 << 60  # no run has so many changes
RETRY_MS = 2000  # after which a page connects again


class Watch:
    """Looks at the run folder at intervals, while any page is open.

    Args:
        view: the run.
        started: returns what became of the command that the page started, if any.
    """

    def __init__(self, view: RunView, started: Callable[[], object] = lambda: None) -> None:
        self._view, self._started = view, started
        self._looked = 0.0
        self._lock = asyncio.Lock()
        self.closing = asyncio.Event()

    async def look(self) -> None:
        """Bring the view up to date, at most every ``LOOK_SECONDS`` for all pages together."""
        async with self._lock:
            loop = asyncio.get_running_loop()
            if loop.time() - self._looked >= 0.8 * LOOK_SECONDS:
                await asyncio.to_thread(self._view.refresh)
                self._looked = loop.time()

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Answer a page with messages until it goes away or the server ends."""
        generation, plan = _known(request)
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",  # a proxy must pass each message on at once
            }
        )
        await response.prepare(request)
        await response.write(f"retry: {RETRY_MS}\n\n".encode())
        before, quiet = "", 0.0
        while not self.closing.is_set():
            await self.look()
            facts = self._view.changes(generation, plan)
            facts["status"]["started"] = self._started()
            news = json.dumps({**facts, "generation": 0})
            if news != before or facts["generation"] != generation:
                text = json.dumps(facts)
                await response.write(f"id: {facts['generation']}-{plan}\ndata: {text}\n\n".encode())
                generation, quiet = facts["generation"], 0.0
                facts.pop("changed", None)
                before = json.dumps({**facts, "changed": [], "generation": 0})
            elif quiet >= QUIET_SECONDS:
                await response.write(b": \n\n")
                quiet = 0.0
            try:
                await asyncio.wait_for(self.closing.wait(), LOOK_SECONDS)
            except asyncio.TimeoutError:
                quiet += LOOK_SECONDS
        return response


def _known(request: web.Request) -> tuple[int, int]:
    """Return the generations of frames and plan that a page knows: the last message's, if any."""
    text = request.headers.get("Last-Event-ID", "").replace("-", ",") or request.query.get("known")
    try:
        generation, plan = map(int, (text or "0,0").split(","))
    except ValueError:
        return 0, 0
    return (generation, plan) if 0 <= generation < MOST else (0, 0)
