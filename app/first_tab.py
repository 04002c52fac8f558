"""The tab that an address asks for (``/?tab=train``) is open when the page arrives.

Gradio's page holds the settings of its components; the tab that is open first is one of them, and
the same for everybody. A script that opens another one afterwards races with Gradio, which draws
its tabs more than once while it starts: a change is lost, a click can leave all of them dead.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import parse_qs

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SETTING = '"type":"tabs","props":{"selected":"%s"'
"""As it stands in Gradio's page."""


class FirstTab:
    """ASGI middleware that writes the wished tab into Gradio's page.

    Args:
        app: what serves the page.
        usual: the tab that the page opens by itself.
        known: tabs that may be asked for; any other wish is passed over.
    """

    def __init__(self, app: ASGIApp, usual: str, known: Collection[str]) -> None:
        self.app, self.usual, self.known = app, usual, known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wished = _wished(scope)
        if wished == self.usual or wished not in self.known:
            await self.app(scope, receive, send)
            return
        plain = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
        head: list[Message] = []
        parts: list[bytes] = []

        async def rewritten(message: Message) -> None:
            if message["type"] == "http.response.start":
                head.append(message)
                return
            if message["type"] != "http.response.body":
                await send(message)
                return
            parts.append(message.get("body", b""))
            if message.get("more_body"):
                return
            old, new = ((SETTING % name).encode() for name in (self.usual, wished))
            page = b"".join(parts).replace(old, new, 1)
            MutableHeaders(raw=head[0]["headers"])["content-length"] = str(len(page))
            await send(head[0])
            await send({"type": "http.response.body", "body": page})

        await self.app({**scope, "headers": plain}, receive, rewritten)


def _wished(scope: Scope) -> str:
    """The tab that a request for the page asks for, or an empty text."""
    if scope["type"] != "http" or scope["path"] != "/":
        return ""
    return parse_qs(scope["query_string"].decode("latin-1")).get("tab", [""])[-1]
