"""The app: a museum of the latent space. ``glasskit app`` calls ``launch``."""

from __future__ import annotations

from pathlib import Path

import glasskit  # noqa: F401 (sets the switches of glasskit.offline before Gradio comes in)


def launch(
    port: int = 7860,
    *,
    host: str = "127.0.0.1",
    datasets: tuple[str, ...] = ("scenes", "coco-concepts"),
    images: Path | None = None,
    recipe: dict[str, object] | None = None,
    open_browser: bool = False,
) -> None:
    """Serve the app until it is interrupted; the first start builds what is missing.

    Args:
        port: on which it listens.
        host: the address on which it listens; only this machine unless told otherwise.
        datasets: names of data sets, or paths of MAGIC-layout files; the first is shown first.
        images: folder of photographs of the data sets that bring none, such as coco-concepts.
        recipe: fields of TrainConfig for the model on the right-hand side, over the app's own.
        open_browser: open the page when it can be looked at.

    Raises:
        InputError: the port is taken, or a data set can't be read.
    """
    from glasskit_app.server import (
        serve,  # loaded only here, so that importing the package costs nothing
    )

    serve(
        port, host=host, datasets=datasets, images=images, recipe=recipe, open_browser=open_browser
    )
