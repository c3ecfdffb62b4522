"""Who may see the page: a token in its address, and headers that keep other pages out.

The address that the command prints holds a token. Whoever opens it gets a cookie, which scripts
cannot read and which a browser sends from this page alone. A post must also carry the page's
own header, whose value another page cannot know.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

TOKEN_BYTES = 24
COOKIE = "batch_analogy"
POST_HEADER = "X-Batch-Analogy"

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Headers of every answer: nothing is loaded from elsewhere, and no other page may show it."""

REFUSED = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>batch-analogy</title>"
    "<p>Open the address that <code>batch-analogy serve</code> has printed: it holds a token that "
    "is missing here, or is of an earlier start.\n"
)


class Access:
    """The token of one server, and the checks of every request.

    Args:
        prefix: path under which a proxy shows the page; "" for none.
        read_only: True if nothing may be posted.
        token: the token; None: a new one.
    """

    def __init__(self, prefix: str = "", *, read_only: bool = False, token: str | None = None):
        self.token = secrets.token_urlsafe(TOKEN_BYTES) if token is None else token
        self.prefix = prefix
        self.read_only = read_only

    @property
    def post_value(self) -> str:
        """The value that a post's own header must have; it does not tell the token."""
        return hmac.new(self.token.encode(), b"post", hashlib.sha256).hexdigest()

    def cookie_name(self, request: web.Request) -> str:
        """Return a name for each port, as browsers share cookies between the ports of a host."""
        name = None if request.transport is None else request.transport.get_extra_info("sockname")
        return COOKIE if not name else f"{COOKIE}_{name[1]}"

    def may_see(self, request: web.Request) -> bool:
        """Return True if a request has the token, in its cookie or in its address."""
        given = (request.cookies.get(self.cookie_name(request)), request.query.get("token"))
        return any(_same(one or "", self.token) for one in given)

    def may_post(self, request: web.Request) -> bool:
        """Return True if a request comes from this page itself."""
        site = request.headers.get("Sec-Fetch-Site", "same-origin")
        return site == "same-origin" and _same(
            request.headers.get(POST_HEADER, ""), self.post_value
        )

    def remember(self, request: web.Request, response: web.StreamResponse) -> None:
        """Set the cookie, so that the token need not stay in the address."""
        response.set_cookie(
            self.cookie_name(request),
            self.token,
            path=f"{self.prefix}/",
            httponly=True,
            samesite="Strict",
        )

    def middleware(self) -> Middleware:
        """Return the check that every request passes through."""

        @web.middleware
        async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
            if not self.may_see(request):
                response: web.StreamResponse = web.Response(
                    status=401, text=REFUSED, content_type="text/html"
                )
            elif request.method not in ("GET", "HEAD"):
                response = self._refusal(request) or await handler(request)
            else:
                response = await handler(request)
            return response

        return check

    def _refusal(self, request: web.Request) -> web.StreamResponse | None:
        if self.read_only:
            return refusal(403, "this page was opened with --read-only; it changes nothing")
        if not self.may_post(request):
            return refusal(403, "the request does not come from this page; reload it")
        return None


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers that keep other pages out to an answer that is about to be sent."""
    response.headers.update(HEADERS)


def refusal(status: int, message: str) -> web.Response:
    """Return an answer that says what is wrong."""
    return web.json_response({"error": message}, status=status)


def _same(given: str, wanted: str) -> bool:
    """Compare in a time that does not depend on where the two differ."""
    return hmac.compare_digest(given.encode(errors="replace"), wanted.encode())
