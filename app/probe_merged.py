"""What has merged in a picture and a phrase, where a model has hierarchy-aware attention."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from glasskit.errors import InputError
from glasskit.io.pictures import data_url
from glasskit.models import GlassModel
from glasskit.models.hierarchy_towers import Edges, TextLayers, picture_layers, text_layers
from glasskit.plots.hierarchy import STROKE, parts, spans
from glasskit_app.answers import answer

THRESHOLD = 0.75
"""Neighbours whose affinity is above belong to one part."""

SIDE = 168
"""Pixels of a side of an outlined picture."""


def merged_page(model: GlassModel, picture: Image.Image, phrase: str = "") -> str:
    """Parts of the picture and of the phrase by layer, as HTML; "" for a model without them."""
    try:
        edges = picture_layers(model, [picture])
    except InputError:
        edges = []
    pictures = [
        (_mean(*(e.numpy() for e in layer)), data_url(outlined(picture, layer))) for layer in edges
    ]
    try:
        words = bracketed(text_layers(model, phrase)) if phrase else []
    except InputError:
        words = []
    if not pictures and not words:
        return ""
    return answer("merged", pictures=pictures, words=words, threshold=THRESHOLD)


def outlined(picture: Image.Image, edges: Edges) -> Image.Image:
    """The picture, cut as the tower cuts it, with lines between patches of different parts."""
    right, down = (edge[0].numpy() for edge in edges)
    part = parts(right, down, THRESHOLD)
    square = ImageOps.fit(picture.convert("RGB"), (SIDE, SIDE))
    colour = str(STROKE["color"])
    draw, patch = ImageDraw.Draw(square), SIDE / len(part)
    for row, column in zip(*np.nonzero(part[:, :-1] != part[:, 1:]), strict=True):
        x = (column + 1) * patch
        draw.line((x, row * patch, x, (row + 1) * patch), colour, 2)
    for row, column in zip(*np.nonzero(part[:-1] != part[1:]), strict=True):
        y = (row + 1) * patch
        draw.line((column * patch, y, (column + 1) * patch, y), colour, 2)
    return square


def bracketed(layers: TextLayers) -> list[tuple[float, str]]:
    """Of each layer the mean affinity, and the words with brackets round each part of several."""
    lines = []
    for log_a in layers.log_a.numpy() if len(layers.words) > 1 else []:
        texts = []
        for first, last in spans(log_a, THRESHOLD):
            part = " ".join(layers.words[first : last + 1])
            texts.append(f"[{part}]" if last > first else part)
        lines.append((_mean(log_a), " ".join(texts)))
    return lines


def _mean(*log_a: np.ndarray) -> float:
    """The mean affinity over all edges of a layer."""
    return float(np.exp(np.concatenate([np.ravel(one) for one in log_a])).mean())
