"""GlassModel: any open_clip model, its tower features, and the head that training changes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from glasskit.errors import InputError
from glasskit.io.pictures import as_rgb, open_image
from glasskit.models.fast_tower import FastImageTower
from glasskit.models.heads import CentredTextMap, ConseHead, ResidualMap
from glasskit.models.reading import Reading, read_with
from glasskit.models.stream import BATCH, Preparation, ahead

Progress = Callable[[int, int], None]
"""Called with (done, total) while long work runs."""

TEXTS_AT_ONCE = 64

Picture = Image.Image | str | Path
T = TypeVar("T")

_MAKING_FAST = Lock()
"""Held while a fast tower is made: threads that need it at once share one."""

_READING = Lock()
"""Held while a tokenizer reads: those of Hugging Face keep padding and truncation as their state,
and of two threads one would read with the other's."""

_MADE: WeakValueDictionary[str, FastImageTower] = WeakValueDictionary()
"""Fast towers in use by their hash: a model and a run with other heads on it share one, which takes
a second to make. One that PyTorch does the work for is not here: it follows one model's weights."""


class GlassModel(nn.Module):
    """A dual encoder in two steps: towers (pictures and texts to features), heads (features to L).

    encode(x) = normalise(head(tower(x))). Head training needs the features once and then only the
    heads; full fine-tuning trains towers and heads.

    F width of image features, G of text features, L of the shared space.

    Args:
        name: ``lite0-minilm``, ``ARCH/TAG`` of open_clip, or the path of a run.
        clip: the open_clip model: the towers, whose embeddings are the features here.
        preprocess: PIL picture to (3, H, W).
        tokenizer: list of texts to (n, T) token ids.
        image_head: (..., F) to (..., L), not normalised.
        text_head: (..., G) to (..., L), not normalised.
        image_width: F.

    Attributes:
        base: the name that the model began with, before any run.
        own_towers: whether ``load_model(base)`` would not bring the towers' weights back, for they
            were tuned or drawn at random. A run then saves them, whatever it trains.
    """

    clip: Any  # open_clip says no types
    image_head: ConseHead | ResidualMap
    text_head: CentredTextMap | ResidualMap

    def __init__(
        self,
        *,
        name: str,
        clip: nn.Module,
        preprocess: Callable[[Image.Image], Tensor],
        tokenizer: Any,
        image_head: ConseHead | ResidualMap,
        text_head: CentredTextMap | ResidualMap,
        image_width: int,
    ) -> None:
        super().__init__()
        self.name = name
        self.base = name
        self.clip = clip
        self.preprocess = preprocess
        self.tokenizer = tokenizer
        self.image_head = image_head
        self.text_head = text_head
        self.image_width = image_width
        self.own_towers = False
        self._tower_hash: str | None = None
        self._fast: FastImageTower | None = None

    # ---- what a user calls ------------------------------------------------------------------

    @torch.inference_mode()
    def encode_images(self, images: Sequence[Picture]) -> Tensor:
        """Pictures to (n, L), L2-normalised float32 on the CPU.

        Raises:
            InputError: a picture is missing or broken, which the line names, or a vector is not
                finite.
        """
        features = self.image_tower(images).to(self.device)
        return checked_finite(self, self.embed_image_features(features).cpu())

    @torch.inference_mode()
    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """Texts to (n, L), L2-normalised float32 on the CPU."""
        features = self.text_tower(texts).to(self.device)
        return checked_finite(self, self.embed_text_features(features).cpu())

    def reading(self, texts: Sequence[str]) -> Reading:
        """How many of these texts are longer than the text tower reads, and how many of their words
        it does not know; ``reading(texts).note("captions")`` says it in one line."""
        with _READING:
            return read_with(self.tokenizer, texts, self.base)

    @property
    def embed_dim(self) -> int:
        """L, the width of the shared space."""
        return self.text_head.map.weight.shape[0]

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.text_head.map.weight.device

    @property
    def logit_scale(self) -> nn.Parameter:
        """() log of the inverse temperature, open_clip's own parameter."""
        return self.clip.logit_scale

    # ---- towers: long work, done once ---------------------------------------------------------

    def image_tower(self, images: Sequence[Picture]) -> Tensor:
        """Pictures to (n, F) float32 features on the CPU, without gradient."""
        parts = [features for _, features in self.image_batches(images, self.load_picture)]
        return torch.cat(parts) if parts else torch.empty(0, self.image_width)

    def image_batches(
        self, items: Iterable[T], load: Callable[[T], Image.Image]
    ) -> Iterator[tuple[tuple[T, ...], Tensor]]:
        """(items of a batch, their (b, F) float32 features on the CPU), batch by batch, in order.

        No more batches are computed than the tower does at once; only decoding runs further ahead.

        Args:
            items: what stands for the pictures; read as far as is decoded ahead, so it may be
                endless.
            load: an item to an RGB picture; called in threads. What it raises is raised here.
        """
        size, prepare = BATCH.get(self.device.type, BATCH["cpu"]), self.preparation

        def one(item: T) -> tuple[T, Tensor]:
            return item, prepare.one(load(item))

        def compute(batch: list[tuple[T, Tensor]]) -> tuple[tuple[T, ...], Tensor]:
            names, pictures = zip(*batch, strict=True)
            return names, self.tower(torch.stack(pictures)).float().cpu()

        decoded = ahead(items, one, size * 2)
        batches = iter(lambda: list(islice(decoded, size)), [])
        return ahead(batches, compute, self.tower_jobs, self.tower_jobs)

    @torch.inference_mode()
    def text_tower(self, texts: Sequence[str]) -> Tensor:
        """Texts to (n, G) float32 features on the CPU, without gradient."""
        if isinstance(texts, str):
            raise InputError("encode_texts takes a list of texts; put the text in [ ]")
        # Texts of like length share a batch, so that little is padding.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        features = torch.empty(len(texts), self.text_width)
        for start in range(0, len(order), TEXTS_AT_ONCE):
            rows = order[start : start + TEXTS_AT_ONCE]
            features[rows] = self.text_features(self.tokens([texts[i] for i in rows])).float().cpu()
        return features

    @property
    def text_width(self) -> int:
        """G, the width of text features."""
        return self.text_head.map.weight.shape[1]

    @property
    def image_side(self) -> int:
        """Pixels of the longer side of the image tower's input; 0 where it doesn't say."""
        size = getattr(self.clip.visual, "image_size", 0)
        return max(size) if isinstance(size, Sequence) else size

    def load_picture(self, picture: Picture) -> Image.Image:
        """A picture as `pictures.as_rgb` makes it; a large JPEG file comes smaller."""
        if isinstance(picture, Image.Image):
            return as_rgb(picture)
        return open_image(picture, self.image_side)

    def pixels(self, images: Sequence[Picture]) -> Tensor:
        """Pictures to (n, 3, H, W) on the model's device."""
        return torch.stack([self.preprocess(self.load_picture(i)) for i in images]).to(self.device)

    def tokens(self, texts: Sequence[str]) -> Tensor:
        """Texts to (n, T) token ids on the model's device; padding that all share is cut off."""
        with _READING:
            tokens = self.tokenizer(list(texts))
        if self._built_in:  # the Hugging Face tokenizer pads to the context length with 0
            tokens = tokens[:, : int((tokens != 0).sum(1).max())]
        return tokens.to(self.device)

    # ---- the differentiable pieces, for training ----------------------------------------------

    def image_features(self, pixels: Tensor) -> Tensor:
        """(n, 3, H, W) -> (n, F), with gradient."""
        return self.clip.encode_image(pixels)

    def patch_features(self, pixels: Tensor) -> Tensor:
        """(n, 3, H, W) -> (n, P, F): features of each place of the tower's grid, row by row.

        Raises:
            InputError: the tower keeps no grid that leads to F.
        """
        if self._built_in:
            grid = self.clip.visual.trunk.forward_features(pixels)  # (n, F, h, w)
            return grid.flatten(2).transpose(1, 2)
        visual = self.clip.visual
        if getattr(visual, "proj", None) is None or not hasattr(visual, "forward_intermediates"):
            raise InputError(f"model {self.name!r} has no patch tokens in the shared space")
        out = visual.forward_intermediates(
            pixels, indices=1, output_fmt="NLC", normalize_intermediates=True
        )
        return out["image_intermediates"][-1] @ visual.proj

    def text_features(self, tokens: Tensor) -> Tensor:
        """(n, T) -> (n, G), with gradient."""
        return self.clip.encode_text(tokens)

    def embed_image_features(self, features: Tensor) -> Tensor:
        """(..., F) -> (..., L), L2-normalised, with gradient."""
        return functional.normalize(self.image_head(features), dim=-1)

    def embed_text_features(self, features: Tensor) -> Tensor:
        """(..., G) -> (..., L), L2-normalised, with gradient."""
        return functional.normalize(self.text_head(features), dim=-1)

    def __getstate__(self) -> dict[str, Any]:
        """Copies leave out the compiled tower, which cannot be copied and is made when needed."""
        return {**super().__getstate__(), "_fast": None}

    # ---- identity ------------------------------------------------------------------------------

    @property
    def tower_hash(self) -> str:
        """Hexadecimal SHA-256 of the towers' weights: what feature caches are keyed by.

        It is computed once; full fine-tuning calls ``towers_changed`` when it has moved the towers.
        A preprocess counts by its repr; one that is a bare function has another in each process.
        """
        if self._tower_hash is None:
            digest = hashlib.sha256(repr(self.preprocess).encode())
            for key, tensor in self.tower_state().items():
                flat = tensor.detach().cpu().contiguous().flatten()
                digest.update(key.encode())
                digest.update(flat.view(torch.uint8).numpy().data)
            self._tower_hash = digest.hexdigest()
        return self._tower_hash

    @property
    def model_hash(self) -> str:
        """Hexadecimal SHA-256 of all that decides a vector: the towers and the heads."""
        digest = hashlib.sha256(self.tower_hash.encode())
        for key, tensor in self.head_state().items():
            digest.update(key.encode() + tensor.detach().float().cpu().numpy().tobytes())
        return digest.hexdigest()

    def towers_changed(self) -> None:
        """Say that the towers' weights are no longer those of ``base``: forget what they gave."""
        self.own_towers = True
        self._tower_hash = None
        self._fast = None

    def tower_state(self) -> dict[str, Tensor]:
        """Tensors of the towers by name, without heads and without the temperature."""
        state = self.clip.state_dict()
        return {key: tensor for key, tensor in state.items() if not key.startswith("logit_")}

    def head_state(self) -> dict[str, Tensor]:
        """Tensors that head training changes, by name."""
        return {
            "image_head.map.weight": self.image_head.map.weight,
            "text_head.map.weight": self.text_head.map.weight,
            "logit_scale": self.clip.logit_scale,
        }

    @property
    def _built_in(self) -> bool:
        """Whether the towers are those of the built-in models."""
        return isinstance(self.image_head, ConseHead)

    @torch.inference_mode()
    def tower(self, pictures: Tensor) -> Tensor:
        """Pictures as ``preparation.one`` gives them, stacked -> (n, F) without gradient, on the
        fastest runtime that is here."""
        fast = self._fast_tower()
        if fast is not None:
            return fast(pictures)
        half = self.precision == "bf16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
            return self.image_features(self.preparation.batch(pictures, self.device))

    @property
    def preparation(self) -> Preparation:
        """The preprocess, as streams of pictures use it."""
        return Preparation(self.preprocess)

    @property
    def tower_jobs(self) -> int:
        """Batches that ``tower`` does at once without losing time: on a GPU one computes while
        another travels."""
        if self.device.type == "cuda":
            return 2
        fast = self._fast_tower()
        return 1 if fast is None else fast.jobs

    def _fast_tower(self) -> FastImageTower | None:
        prepare = self.preparation
        if not self._built_in or self.device.type != "cpu" or prepare.normalise is None:
            return None
        with _MAKING_FAST:
            if self._fast is None:
                self._fast = _MADE.get(self.tower_hash)
            if self._fast is None:
                self._fast = FastImageTower(self.clip.visual.trunk, prepare)
                if self._fast.fast:
                    _MADE[self.tower_hash] = self._fast
            return self._fast

    @property
    def precision(self) -> str:
        """Arithmetic of towers without gradient: bf16 on a GPU, where ``GLASSKIT_PRECISION=fp32``
        asks for more, and fp32 on a CPU. Feature caches keep the two apart."""
        asked = os.environ.get("GLASSKIT_PRECISION", "bf16")
        if asked not in ("bf16", "fp32"):
            raise InputError(f"GLASSKIT_PRECISION={asked}: choose bf16 or fp32")
        return asked if self.device.type == "cuda" else "fp32"


def checked_finite(model: GlassModel, vectors: Tensor) -> Tensor:
    """The (n, L) vectors of a model as they are; InputError where one holds NaN or infinity."""
    if not vectors.isfinite().all():
        raise InputError(
            f"model {model.name!r}: its vectors hold NaN or infinity, so a score means nothing; "
            "its weights are damaged"
        )
    return vectors
