"""One patient HTTP request: retries with growing pauses, and a clear reason where it fails."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from glasskit.errors import InputError

PAUSES = (1.0, 2.0, 4.0)
"""Seconds before each try after the first; a server may ask for more (Retry-After)."""

LONGEST_PAUSE = 60.0
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
    return address.rstrip("/")


def fetch(
    request: urllib.request.Request,
    *,
    largest: int,
    accept: Callable[[bytes], bool],
    timeout: float = 30.0,
    pause: Callable[[float], None] = time.sleep,
) -> bytes:
    """The body of the answer, once it comes whole and is accepted.

    Args:
        request: an http or https request.
        largest: bytes that are read at most.
        accept: whether a whole body is what was asked for; if not, it is tried again.
        timeout: seconds without a sign of life.
        pause: waits that many seconds.

    Raises:
        WebError: every try failed, or an answer says that another would not help.
    """
    failure = WebError("no try")
    asked, answered = 0.0, False
    for rest in (0.0, *PAUSES):
        if rest:
            pause(max(rest, asked))
        asked = 0.0
        try:
            with urllib.request.urlopen(request, timeout=timeout) as reply:
                body = bytes(reply.read(largest))
                said = reply.headers.get("Content-Length") or ""
                length = int(said) if said.isdigit() else len(body)
        except urllib.error.HTTPError as error:
            answered = True
            failure = WebError(f"HTTP {error.code}", error.code)
            if error.code < 500 and error.code not in AGAIN:
                raise failure from error
            asked = retry_after(error.headers.get("Retry-After"))
        except http.client.HTTPException as error:
            answered = True
            failure = WebError(f"the answer broke off ({type(error).__name__})")
        except OSError as error:
            reason = str(getattr(error, "reason", error))
            failure = WebError(reason, answered=answered)
        else:
            answered = True
            if len(body) >= length and accept(body):
                return body
            failure = WebError("the answer is damaged or cut off", 200)
    raise failure


def retry_after(text: str | None) -> float:
    """Seconds that a server asks to wait, at most ``LONGEST_PAUSE``; 0 where it says none.

    Only the form in seconds is read; the rarer form with a date counts as none.
    """
    return min(float(text), LONGEST_PAUSE) if text and text.isdigit() else 0.0
