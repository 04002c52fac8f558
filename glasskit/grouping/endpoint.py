"""A chat endpoint of the OpenAI kind; every answer is kept on disk, so that none is paid twice."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from glasskit.errors import InputError
from glasskit.io.places import cache_folder, write_text
from glasskit.io.web import WebError, check_address, fetch

KEYS = ("GLASSKIT_API_KEY", "OPENAI_API_KEY")
"""Environment variables that may hold the key, the first that is set."""

LARGEST = 1 << 20
TIMEOUT = 120.0


class Endpoint:
    """One model behind ``URL/chat/completions``.

    Its key is read from the environment; a local server may need none.

    Args:
        url: such as ``http://127.0.0.1:11434/v1``.
        model: the name of the model there.

    Raises:
        InputError: the address is no web address.
    """

    def __init__(self, url: str, model: str) -> None:
        self.url = check_address(url)
        self.model = model
        self._key = next(filter(None, map(os.environ.get, KEYS)), None)
        self._folder = cache_folder("answers")

    def cached(self, system: str, user: str) -> str | None:
        """The answer that was kept on disk, or None; a damaged file counts as none."""
        try:
            value = json.loads(self._file(system, user).read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError):
            return None
        return value if isinstance(value, str) else None

    def ask(self, system: str, user: str, longest: int) -> str:
        """The answer to one message, from the disk where it was given before.

        Args:
            system: what the model is told to be.
            user: the question.
            longest: tokens of the answer at most.

        Raises:
            InputError: the key is refused, or no answer comes after several tries.
        """
        kept = self.cached(system, user)
        if kept is not None:
            return kept
        messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        try:
            reply = fetch(
                f"{self.url}/chat/completions",
                json={
                    "model": self.model,
                    "messages": messages,
                    "max_tokens": longest,
                    "temperature": 0,
                },
                headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
                largest=LARGEST,
                accept=lambda data: _content(data) is not None,
                timeout=TIMEOUT,
            )
        except WebError as error:
            raise InputError(self._explain(error)) from error
        answer = _content(reply) or ""
        write_text(self._file(system, user), json.dumps(answer))
        return answer

    def _explain(self, error: WebError) -> str:
        if error.status in (401, 403):
            what = "refuses the key" if self._key else "wants a key"
            return f"{self.url} {what} ({error}); set {' or '.join(KEYS)}"
        if error.status == 404:
            return f"{self.url}: no such address or no model {self.model!r} there ({error})"
        if error.status == 200:
            return f"{self.url}: the answer is no chat completion; is it an OpenAI-like endpoint?"
        return f"{self.url}: no answer ({error}); what came before is kept, run it again"

    def _file(self, system: str, user: str) -> Path:
        name = hashlib.sha256("\0".join((self.url, self.model, system, user)).encode()).hexdigest()
        return self._folder / f"{name[:40]}.json"


def _content(data: bytes) -> str | None:
    """The text of a chat completion; None where the answer is none."""
    try:
        value: Any = json.loads(data)
        content = value["choices"][0]["message"]["content"]
    except (ValueError, RecursionError, LookupError, TypeError):
        return None
    return content.strip() if isinstance(content, str) and content.strip() else None
