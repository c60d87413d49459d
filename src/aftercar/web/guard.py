"""Before any page: posts of other sites and bodies that are too large are refused; after any page: the strict headers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self' data:; style-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
LARGEST_FORM = 1_000_000
#: The addresses that take files, with a limit of their own.
UPLOADS = re.compile(r"/samples/[^/]+/(analyses|variants)|/imports|/settings/dictionaries")


@dataclass(frozen=True)
class Guard:
    """An ASGI layer around the app.

    Attributes:
        app: what is guarded.
        largest_upload: bytes that :data:`UPLOADS` takes; every other body is held to :data:`LARGEST_FORM`.
    """

    app: ASGIApp
    largest_upload: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through, or refuse it before its body is read."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refused = self._refused(scope)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if refused is not None:
            await refused(scope, receive, with_headers)
        else:
            await self.app(scope, _counted(receive, self._limit(scope)), with_headers)

    def _limit(self, scope: Scope) -> int:
        upload = scope["method"] == "POST" and UPLOADS.fullmatch(scope["path"])
        return self.largest_upload if upload else LARGEST_FORM

    def _refused(self, scope: Scope) -> PlainTextResponse | None:
        headers, limit = Headers(scope=scope), self._limit(scope)
        origin = headers.get("origin")
        if scope["method"] not in ("GET", "HEAD") and origin is not None and origin.split("://")[-1] != headers.get("host"):
            return PlainTextResponse("a form of another site is refused", status_code=403)
        if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
            return PlainTextResponse("the address holds a sign that no record has", status_code=400)
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > limit:
            return PlainTextResponse(_too_large(limit), status_code=413)
        return None


def _counted(receive: Receive, limit: int) -> Receive:
    """``receive`` that stops once more than ``limit`` bytes have come, whatever the headers promised."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise HTTPException(413, _too_large(limit))
        return message

    return counted


def _too_large(limit: int) -> str:
    size = f"{limit / 1e9:g} GB" if limit >= 1e9 else f"{limit / 1e6:g} MB"
    return f"larger than {size}, the most that this address takes"
