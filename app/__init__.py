"""The app: maps of the latent space and a probe. ``glasskit app`` calls ``launch``."""

from __future__ import annotations

from pathlib import Path

import glasskit  # noqa: F401 (sets the switches of glasskit.offline before Gradio comes in)


def launch(
    port: int = 7860,
    *,
    host: str = "127.0.0.1",
    datasets: tuple[str, ...] = ("scenes", "coco-concepts"),
    images: str | Path | None = None,
    recipe: dict[str, object] | None = None,
    root_path: str = "",
    open_browser: bool = False,
) -> None:
    """Serve the app until it is interrupted.

    The built-in data sets come with their trained heads and maps. Of others, what is not in the
    cache is built first, with a bar in the terminal.

    Args:
        port: on which it listens.
        host: the address on which it listens; only this machine unless told otherwise.
        datasets: names of data sets, or paths of MAGIC-layout files; the first is shown first.
        images: folder of photographs of the data sets that bring none, such as coco-concepts.
        recipe: fields of TrainConfig for the model on the right-hand side, over the app's own.
        root_path: where a proxy shows the app, such as ``/glass-kit``, or the whole address.
        open_browser: open the page when it can be looked at.

    Raises:
        InputError: the address can't be had, or a data set can't be read.
    """
    from glasskit_app.main import serve  # the import of the package alone costs nothing

    serve(
        port,
        host=host,
        datasets=datasets,
        images=images,
        recipe=recipe,
        root_path=root_path,
        open_browser=open_browser,
    )
