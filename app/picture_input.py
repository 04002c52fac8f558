"""A picture from a visitor: checked before it is decoded, and decoded by the kit's own reader."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import ImageData
from gradio.utils import get_upload_folder
from PIL import Image
from pydantic import ModelWrapValidatorHandler, ValidationError, model_validator

from glasskit.errors import InputError
from glasskit.io.pictures import WEB_FORMATS, decode_image

MAX_BYTES = 8_000_000
"""Largest file that is taken."""

MAX_PIXELS = 50_000_000
"""Largest picture that is decoded for a visitor, as a phone takes it (200 MB); of a JPEG twice as
many."""

MAX_SIDE = 1024
"""Longer sides are scaled down at once: no tower looks at more."""

Image.core.set_block_size(64 << 20)
"""Pillow's memory in larger pieces. Of its usual 16 MB the C library keeps what was freed: for good
800 MB after two pictures of 49 megapixels at once, and nothing of these."""


def picture_input(**settings: Any) -> gr.Image:
    """An image component (upload, paste, webcam) that hands a PIL RGB picture to Python.

    Gradio's own reader opens any format that Pillow knows, and decodes a bomb. This one refuses by
    size and format before decoding, with a line that the visitor sees.

    Args:
        settings: of ``gr.Image``.
    """
    component = gr.Image(**settings)

    def preprocess(payload: ImageData | None) -> Image.Image | None:
        if payload is None:
            return None
        try:
            _check_uploaded(payload)
            return read_upload(payload)
        except InputError as error:
            raise gr.Error(str(error), print_exception=False) from None

    # On the component itself: for a subclass Gradio would write a stub file beside this one.
    component.preprocess = preprocess  # type: ignore[method-assign]
    component.data_model = SentPicture
    return component


class SentPicture(ImageData):
    """What a caller sent as a picture; one without path and address where it is none."""

    @model_validator(mode="wrap")
    @classmethod
    def _checked(cls, sent: Any, check: ModelWrapValidatorHandler[SentPicture]) -> SentPicture:
        try:
            return check(sent)
        except ValidationError:
            return cls.model_construct()


def read_upload(payload: ImageData) -> Image.Image:
    """The picture of an upload as RGB, at most ``MAX_SIDE`` pixels wide and high.

    Names given by visitors are not used.

    Raises:
        InputError: it is no such picture, or too large.
    """
    if payload.path is not None:
        path = Path(payload.path)
        if path.stat().st_size > MAX_BYTES:
            raise InputError(_too_large(path.stat().st_size))
        content = path.read_bytes()
    elif payload.url is not None and payload.url.startswith("data:image/"):
        encoded = payload.url.partition(",")[2]
        if len(encoded) > MAX_BYTES * 4 // 3:
            raise InputError(_too_large(len(encoded) * 3 // 4))
        try:
            content = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise InputError("the picture: its base64 text can't be read") from None
    else:
        raise InputError("the picture: upload a file; addresses are not opened")
    picture = decode_image(content, "the picture", formats=WEB_FORMATS, most=MAX_PIXELS)
    if max(picture.size) > MAX_SIDE:
        picture.thumbnail((MAX_SIDE, MAX_SIDE), reducing_gap=None)  # no side becomes 0
    return picture


def _check_uploaded(payload: ImageData) -> None:
    """Refuse a path that is no upload: Gradio looks only at those that are marked as its files."""
    folder = Path(get_upload_folder()).resolve()
    if payload.path is not None and not Path(payload.path).resolve().is_relative_to(folder):
        raise InputError("the picture: upload a file; paths of this machine are not opened")


def _too_large(size: int) -> str:
    return f"the picture: {size / 1e6:.1f} MB is more than the limit of {MAX_BYTES / 1e6:.0f} MB"
