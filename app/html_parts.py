"""Pieces of HTML that several answers are made of; what data sets and visitors wrote is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from glasskit_app.state import HINT, DatasetMaps
from glasskit_app.thumbnails import pictures_url

NO_PICTURE = f'<p class="gk-nopicture">The picture itself is not here: {HINT}</p>'


def bars(
    rows: Iterable[tuple[str, float]], scale: Sequence[float], own: str = "", digits: int = 2
) -> str:
    """A bar with its number for each (name, value).

    Args:
        rows: what is drawn.
        scale: the values of all bars that these will be compared with; 0 is always on the scale.
        own: the name whose bar stands out.
        digits: behind the point.
    """
    low = min(0.0, *scale)
    width = max(max(scale) - low, 1e-6)
    drawn = "".join(
        f"<div{' class=gk-own' if name == own else ''}><span>{escape(name)}</span>"
        f'<i><b style="width:{max(0.0, 100 * (value - low) / width):.1f}%"></b></i>'
        f"<em>{value:.{digits}f}</em></div>"
        for name, value in rows
    )
    return f'<div class="gk-bars">{drawn}</div>'


def gallery(maps: DatasetMaps, indices: Iterable[int]) -> str:
    """Small pictures that can be clicked; where they are not here, their captions."""
    return f'<div class="gk-gallery">{"".join(_button(maps, i) for i in indices)}</div>'


def _button(maps: DatasetMaps, index: int) -> str:
    record = maps.dataset.records[index]
    caption = escape(record.captions[0])
    shown = picture(maps, index) if maps.thumbnails else f"<span>{caption}</span>"
    title = f"{escape(record.concept)}: {caption}"
    return f'<button type="button" data-index="{index}" title="{title}">{shown}</button>'


def picture(maps: DatasetMaps, index: int, style: str = "gk-small") -> str:
    """One picture of a data set, or a line on why it can't be shown."""
    if maps.thumbnails is None:
        return NO_PICTURE
    caption = escape(maps.dataset.records[index].captions[0])
    source = f"{pictures_url(maps.name)}{index}.webp"
    return f'<img src="{source}" alt="{caption}" loading="lazy" class="{style}">'
