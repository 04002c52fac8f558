"""A reverse proxy that shows an app of this machine under a path of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOP = ("connection", "keep-alive", "transfer-encoding")
"""Headers that are of one connection, in lower case; they aren't passed on."""


@contextmanager
def proxied(port: int, path: str) -> Iterator[tuple[str, list[str]]]:
    """The address at which the app on ``port`` stands under ``path``, which the app does not see;
    and paths that were asked for elsewhere or answered with an error."""
    wrong: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def forward(self) -> None:
            if not self.path.startswith(path + "/"):
                wrong.extend({self.path} - {"/favicon.ico"})  # which browsers ask every host for
                self.send_error(404)
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP}
            headers |= {"X-Forwarded-Host": headers["Host"], "X-Forwarded-Proto": "http"}
            upstream = HTTPConnection("127.0.0.1", port)
            with suppress(BrokenPipeError, ConnectionResetError):  # a browser that went on
                upstream.request(self.command, self.path.removeprefix(path), body, headers)
                answer = upstream.getresponse()
                if answer.status >= 400:
                    wrong.append(f"{self.path}: {answer.status}")
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in HOP:
                        self.send_header(name, value)
                self.end_headers()
                while part := answer.read1(65536):  # a stream goes on as it comes
                    self.wfile.write(part)
                    self.wfile.flush()
            upstream.close()

        do_GET = do_POST = do_HEAD = forward  # noqa: N815 (names of the library)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{path}", wrong
    finally:
        server.shutdown()
        server.server_close()
