"""The photographs of the coco sets in one click where they are missing: one download for all.

Whoever clicks first begins it, and every page shows how far it is. The files lie where those of
``glasskit data coco-concepts --download`` do, so that the next start finds them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from hmac import compare_digest
from secrets import token_hex
from typing import Any

from glasskit.analysis.store import content_key
from glasskit.data.coco import Downloaded, lacks_photographs
from glasskit.data.coco import download as fetching
from glasskit.errors import InputError
from glasskit.io.places import cache_folder
from glasskit_app.answers import answer
from glasskit_app.scripts import questions, scripted_html
from glasskit_app.state import AppState, DatasetMaps
from glasskit_app.thumbnails import pictures_url


class Photographs:
    """The download of the photographs that the shown data sets lack.

    Args:
        state: its data sets show their pictures once all have come.
    """

    def __init__(self, state: AppState) -> None:
        self.state = state
        self.names = [name for name in state.names if lacks_photographs(state.maps(name).dataset)]
        records = (state.maps(name).dataset.records for name in self.names)
        self.keys = list(dict.fromkeys(record.key for part in records for record in part))
        self.folder = fetching.default_folder()
        files = {key: self.folder / fetching.file_name(key) for key in self.keys}
        self._sizes = {key: file.stat().st_size for key, file in files.items() if file.is_file()}
        self._lock = threading.Lock()
        self._running, self._line, self._owner = False, "", ""
        self._stop = threading.Event()

    @property
    def missing(self) -> int:
        """How many have not come."""
        return len(self.keys) - len(self._sizes)

    def start(self) -> dict[str, Any]:
        """Begin or go on, if nobody has; who does gets the key with which alone it is stopped."""
        with self._lock:
            if self._running or not self.missing:
                return {}
            self._running, self._line, self._owner = True, "", token_hex(16)
            self._stop.clear()
            self._sizes.clear()  # what is there is looked at before it counts
            threading.Thread(target=self._fetch, name="photographs", daemon=True).start()
            return {"key": self._owner}

    def halt(self, key: str) -> dict[str, Any]:
        """Stop; what has come is kept.

        Raises:
            InputError: another browser began it.
        """
        if not self._owned(key):
            raise InputError("only the browser that began to get the photographs may stop it")
        self._stop.set()
        return {}

    def told(self, key: str) -> dict[str, Any]:
        """How it stands, whether this browser began it, and what has come while not all have."""
        with self._lock:
            came = list(self._sizes)
            megabytes = sum(self._sizes.values()) / 1e6
        return {
            "running": self._running,
            "mine": self._running and self._owned(key),
            "count": len(came),
            "of": len(self.keys),
            "megabytes": round(megabytes),
            "line": self._line,
            "came": came if self.missing else [],
            "pictures": {name: pictures_url(name) for name in self.names},
        }

    def maps(self, name: str) -> DatasetMaps:
        """A data set with its pictures: of one that lacks photographs those that have come.

        Raises:
            InputError: it is not shown, or nothing has come.
        """
        maps = self.state.maps(name)
        if maps.thumbnails is not None or name not in self.names:
            return maps
        dataset = replace(maps.dataset, images=Downloaded(self.folder))
        records = content_key([record.key for record in dataset.records])
        kept = cache_folder("app", name, f"photographs-{records[:16]}")
        return replace(maps, dataset=dataset, thumbnails=kept)

    def _owned(self, key: object) -> bool:
        return isinstance(key, str) and compare_digest(key.encode(), self._owner.encode())

    def _arrived(self, key: str, size: int) -> None:
        with self._lock:
            self._sizes[key] = size

    def _fetch(self) -> None:
        line = "It broke off; try again."
        try:
            fetching.download(keys=self.keys, arrived=self._arrived, stop=self._stop)
            line = "Stopped; what has come is kept." if self.missing else ""
        except InputError as error:
            # Visitors from elsewhere see no folder of this machine.
            line = str(error).replace(str(cache_folder()), "the cache folder")
        finally:
            if not self.missing:
                for name in self.names:
                    self.state.show(self.maps(name))
            with self._lock:
                self._running, self._line = False, line


def offer(photographs: Photographs) -> Callable[..., Any] | None:
    """Draw the offer inside the current Blocks, where a shown data set lacks photographs.

    Returns:
        The event that all have come, or None where none are missing.
    """
    if not photographs.missing:
        return None

    size = len(photographs.keys) * fetching.PHOTOGRAPH / 1e6
    panel = scripted_html(
        answer("photographs", of=len(photographs.keys), missing=photographs.missing, size=size),
        "GlassKit.photographs(element, server, () => trigger('arrived'))",
        server_functions=questions(photographs.start, photographs.halt, photographs.told),
        elem_id="photographs",
    )
    return panel.arrived
