"""One patient HTTP request: retries with growing pauses, and a clear reason where it fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import httpx

from glasskit.errors import InputError

PAUSES = (1.0, 2.0, 4.0)
"""Seconds before each try after the first; a server may ask for more (Retry-After)."""

LONGEST_PAUSE = 60.0
LONGEST_ANSWER = 300.0
"""Seconds after which an answer that still drips in is broken off."""

AGAIN = (408, 409, 429)
"""Answers below 500 that another try may change."""


class WebError(Exception):
    """No good answer after every try.

    Args:
        reason: in a few words.
        status: the HTTP status of the last answer, or None where the last try had none.
        answered: whether anything answered at all.
    """

    def __init__(self, reason: str, status: int | None = None, answered: bool = True) -> None:
        super().__init__(reason)
        self.status = status
        self.answered = answered


def check_address(address: str) -> str:
    """The address without a slash at its end; InputError where it is no web address."""
    if not address.startswith(("http://", "https://")):
        raise InputError(f"address {address!r}: it must begin with http:// or https://")
    try:
        httpx.URL(address)
    except httpx.InvalidURL as error:
        raise InputError(f"address {address!r}: {error}") from error
    return address.rstrip("/")


def fetch(
    url: str,
    *,
    largest: int,
    accept: Callable[[bytes], bool],
    json: Any = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 30.0,
    pause: Callable[[float], bool | None] = time.sleep,
) -> bytes:
    """The body of the answer, once it comes whole and is accepted.

    Args:
        url: an http or https address; a redirect to another host is followed without the key.
        largest: bytes that are read at most.
        accept: whether a whole body is what was asked for; if not, it is tried again.
        json: what is sent (POST); without it the address is asked for (GET).
        headers: of the request.
        timeout: seconds without a sign of life.
        pause: waits that many seconds; where it returns True, no further try is made.

    Raises:
        WebError: every try failed, or an answer says that another would not help.
    """
    method = "GET" if json is None else "POST"
    failure = WebError("no try")
    asked, answered = 0.0, False
    for rest in (0.0, *PAUSES):
        if rest and pause(max(rest, asked)):
            break
        asked = 0.0
        try:
            with _client().stream(
                method, url, json=json, headers=headers, timeout=timeout
            ) as reply:
                answered = True
                if reply.is_success:
                    body = _read(reply, largest)
                    if body is not None and accept(body):
                        return body
                    failure = WebError("the answer is damaged or cut off", 200)
                    continue
                status = reply.status_code
                failure = WebError(f"HTTP {status}", status)
                if status < 500 and status not in AGAIN:
                    raise failure
                wish = reply.headers.get("Retry-After", "")  # the rarer form with a date is none
                asked = min(float(wish), LONGEST_PAUSE) if wish.isdigit() else 0.0
        except (httpx.ProtocolError, httpx.DecodingError, httpx.TooManyRedirects) as error:
            answered = True
            failure = WebError(f"the answer broke off ({error})")
        except httpx.RequestError as error:
            failure = WebError(str(error) or type(error).__name__, answered=answered)
    raise failure


@lru_cache(maxsize=1)
def _client() -> httpx.Client:
    return httpx.Client(follow_redirects=True, headers={"User-Agent": "glasskit"})


def _read(reply: httpx.Response, largest: int) -> bytes | None:
    """The body, or None where it is longer than allowed."""
    body, end = bytearray(), time.monotonic() + LONGEST_ANSWER
    for part in reply.iter_bytes():
        if time.monotonic() > end:
            raise httpx.ReadTimeout(f"not whole after {LONGEST_ANSWER:.0f} s")
        body += part
        if len(body) > largest:
            return None
    return bytes(body)
