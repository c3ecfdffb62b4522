"""The routes of the page: its files, the run's facts, pictures and events."""

from __future__ import annotations

import asyncio
import functools
import importlib.resources
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar, cast, get_args

from aiohttp import web
from aiohttp.typedefs import Handler

from batch_analogy.errors import BatchAnalogyError, InputError, UsageError
from batch_analogy.jobs.store import ALL_OUTPUTS
from batch_analogy.serve.access import Access, add_headers, refusal
from batch_analogy.serve.events import Watch
from batch_analogy.serve.matches import match_of
from batch_analogy.serve.painted_frames import receive, suggested, temporary_folder
from batch_analogy.serve.pictures import PictureCache, Pictures, Size, Source, step_back
from batch_analogy.serve.run_view import RunView
from batch_analogy.serve.steering import Steering
from batch_analogy.serve.worker_logs import last_lines, worker_names

MAX_POST_BYTES = 64 << 10
PICTURE_THREADS = 2
PAGE_TYPES = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}

T = TypeVar("T")


class Page:
    """The page of one run, perhaps beside another run of the same frames.

    Args:
        view: the run.
        access: who may see it.
        against: a run to compare with.
    """

    def __init__(self, view: RunView, access: Access, against: RunView | None = None) -> None:
        self.view, self.access, self.against = view, access, against
        self._steering = Steering(view)
        self.watch = Watch(view, self._steering.command)
        cache = PictureCache()
        self._pictures = Pictures(view.store, cache)
        self._other = None if against is None else Pictures(against.store, cache)
        self._threads = ThreadPoolExecutor(PICTURE_THREADS, "pictures", initializer=step_back)
        self._files = page_files()

    def application(self) -> web.Application:
        """Build the application that a server runs."""
        app = web.Application(
            middlewares=[self.access.middleware(), errors_as_answers],
            client_max_size=MAX_POST_BYTES,
        )
        number = r"{index:\d{1,9}}"
        for path, handler in {
            "/": self._index,
            r"/page/{name:[a-z_]+\.[a-z]+}": self._file,
            "/api/run": self._run,
            "/api/events": self.watch.stream,
            f"/api/frame/{number}": self._frame,
            f"/api/match/{number}": self._match,
            "/api/failures": self._failures,
            "/api/times": self._times,
            "/api/log": self._log,
            "/api/suggested": self._suggested,
            rf"/picture/{{layer:[a-z_]+}}/{number}/{{size:[a-z]+}}": self._picture,
        }.items():
            app.router.add_get(f"{self.access.prefix}{path}", handler, allow_head=False)
        for path, handler in {
            "/api/edit": self._show_edit,
            "/api/edit/take": self._take_edit,
            "/api/resume": self._resume,
            "/api/retry": self._retry,
            "/api/stop": self._stop,
            f"/api/paint/{number}": self._paint,
        }.items():
            app.router.add_post(f"{self.access.prefix}{path}", handler)
        app.on_response_prepare.append(add_headers)
        app.on_shutdown.append(self._end_streams)
        app.on_cleanup.append(self._close)
        return app

    async def _index(self, request: web.Request) -> web.StreamResponse:
        response = _page_file(self._files["index.html"], "html")
        self.access.remember(request, response)
        return response

    async def _file(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in self._files:
            raise web.HTTPNotFound(text="there is no such file\n")
        return _page_file(self._files[name], name.rpartition(".")[2])

    async def _run(self, request: web.Request) -> web.StreamResponse:
        await self.watch.look()
        facts = self.view.snapshot()
        facts["status"]["started"] = self._steering.command()
        facts["read_only"] = self.access.read_only
        facts["post_value"] = None if self.access.read_only else self.access.post_value
        facts["against"] = None if self.against is None else self.against.store.run_dir.name
        return _json(facts)

    async def _frame(self, request: web.Request) -> web.StreamResponse:
        facts = await asyncio.to_thread(self.view.frame, int(request.match_info["index"]))
        return refusal(404, "there is no such frame") if facts is None else _json(facts)

    async def _match(self, request: web.Request) -> web.StreamResponse:
        try:
            x, y = (float(request.query.get(name, "")) for name in ("x", "y"))
        except ValueError:
            return refusal(400, "x and y are no numbers")
        plan, index = self.view.plan, int(request.match_info["index"])
        if plan is None or not (0 <= x <= 1 and 0 <= y <= 1):
            return _json(None)
        return _json(await asyncio.to_thread(match_of, plan, self.view.store, index, x, y))

    async def _failures(self, request: web.Request) -> web.StreamResponse:
        return _json(await asyncio.to_thread(self.view.failures))

    async def _times(self, request: web.Request) -> web.StreamResponse:
        return _json(await asyncio.to_thread(self.view.times))

    async def _log(self, request: web.Request) -> web.StreamResponse:
        logs, worker = self.view.store.logs, request.query.get("worker", "")
        names = await asyncio.to_thread(worker_names, logs)
        if not worker:
            return _json({"workers": names})
        if worker not in names:
            return refusal(404, "there is no such worker")
        return _json({"lines": await asyncio.to_thread(last_lines, logs, worker)})

    async def _picture(self, request: web.Request) -> web.StreamResponse:
        layer, size = request.match_info["layer"], request.match_info["size"]
        if size not in get_args(Size):
            return refusal(404, "there is no such size")
        index = int(request.match_info["index"])
        pictures = self._other if layer == "against" else self._pictures
        view = self.against if layer == "against" else self.view
        if pictures is None or view is None:
            return refusal(404, "no other run is compared")
        source = await self._in_thread(lambda: _source(view, pictures, layer, index))
        if source is None:
            return refusal(404, "there is no such picture")
        tag = f'"{source.tag()}"'
        headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers=headers)
        shown = await self._in_thread(lambda: pictures.show(source, cast(Size, size)))
        if shown.file is not None:
            headers["Content-Type"] = shown.content_type
            return web.FileResponse(shown.file, headers=headers)
        return web.Response(body=shown.data, content_type=shown.content_type, headers=headers)

    async def _show_edit(self, request: web.Request) -> web.StreamResponse:
        values = await _body(request)
        return _json(await asyncio.to_thread(self._steering.show_edit, values))

    async def _take_edit(self, request: web.Request) -> web.StreamResponse:
        values = await _body(request)
        take = functools.partial(
            self._steering.take_edit, values.get("edit"), str(values.get("digest"))
        )
        return _json(await asyncio.to_thread(take))

    async def _resume(self, request: web.Request) -> web.StreamResponse:
        return _json(await asyncio.to_thread(self._steering.resume))

    async def _retry(self, request: web.Request) -> web.StreamResponse:
        frames = str((await _body(request)).get("frames", ""))
        return _json(await asyncio.to_thread(self._steering.retry, frames))

    async def _stop(self, request: web.Request) -> web.StreamResponse:
        return _json(await asyncio.to_thread(self._steering.stop))

    async def _suggested(self, request: web.Request) -> web.StreamResponse:
        return _json(await asyncio.to_thread(suggested, self.view))

    async def _paint(self, request: web.Request) -> web.StreamResponse:
        index, suffix = int(request.match_info["index"]), request.query.get("suffix", "").lower()
        await asyncio.to_thread(self._steering.check_at_rest)
        with temporary_folder() as folder:
            file = await receive(request.content.iter_chunked(1 << 16), suffix, Path(folder))
            return _json(await asyncio.to_thread(self._steering.paint, index, file))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def _end_streams(self, app: web.Application) -> None:
        self.watch.closing.set()

    async def _close(self, app: web.Application) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        for pictures in (self._pictures, self._other):
            if pictures is not None:
                pictures.close()


def _source(view: RunView, pictures: Pictures, layer: str, index: int) -> Source | None:
    """Return the picture that a layer's name and a number stand for; None if there is none."""
    plan, config = view.plan, view.config
    if plan is None or config is None:
        return None
    if layer == "look":
        return pictures.look(plan, index)
    if index >= len(plan.frames):
        return None
    if layer == "input":
        return pictures.input(plan, index)
    if layer == "against":
        return pictures.result(view.outputs[0], index)
    return pictures.result(layer, index) if layer in ALL_OUTPUTS else None


@web.middleware
async def errors_as_answers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer with the message of an error that was raised on purpose."""
    try:
        return await handler(request)
    except InputError as error:
        return refusal(404, str(error))
    except UsageError as error:
        return refusal(400, str(error))
    except BatchAnalogyError as error:
        return refusal(409, str(error))


@functools.cache
def page_files() -> dict[str, bytes]:
    """Return the content of the page's files by name."""
    folder = importlib.resources.files(__package__).joinpath("page")
    files = [file for file in folder.iterdir() if file.name.rpartition(".")[2] in PAGE_TYPES]
    return {file.name: file.read_bytes() for file in files}


async def _body(request: web.Request) -> dict[str, object]:
    """Read the JSON object of a post.

    Raises:
        UsageError: it is none.
    """
    try:
        values = json.loads(await request.text())
    except (ValueError, LookupError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise UsageError("the request is no JSON object")
    return values


def _page_file(content: bytes, suffix: str) -> web.Response:
    return web.Response(
        body=content,
        content_type=PAGE_TYPES[suffix],
        charset="utf-8",
        headers={"Cache-Control": "no-cache"},
    )


def _json(facts: object) -> web.Response:
    response = web.json_response(facts, headers={"Cache-Control": "no-store"})
    response.enable_compression()
    return response
