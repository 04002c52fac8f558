"""The image tower through OpenVINO: PyTorch's float32 features, many times faster on a CPU.

The text tower stays with PyTorch: MiniLM in batches of 64 captions of like length does 362 texts a
second there and 432 in OpenVINO (2 cores), which is too little for a second runtime to look after.
"""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import os
import platform
import warnings
from pathlib import Path
from queue import Queue
from threading import Lock
from typing import Any
from xml.etree import ElementTree

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.transforms import Normalize

from glasskit.models.cache import cache_folder, replace_file
from glasskit.models.preparation import Preparation

logger = logging.getLogger(__name__)

_STARTING = Lock()

FORMAT = "uint8-2"
"""In the name of a converted tower's file; another one for each change in how it is converted."""

SIDE = 224
"""Pixels of a side of what the tower takes."""

AT_ONCE = 2
"""Pictures of a batch that a core computes together: of two, most layers stay in its cache. That is
1.09 times as fast as sixteen at once, and 1.03 times as fast as one after the other."""

X86 = platform.machine() in ("x86_64", "AMD64")

PREFERRED = "cpu:jit_avx512_1x1,cpu:jit_avx512_dw,cpu:jit_avx512"
"""How convolutions are to be computed: on blocks of 16 channels, by oneDNN's own code for each
kind. That is 1.13 times as fast as what OpenVINO takes of itself, and 1.15 times on a processor
without AVX-512, which then finds the same for AVX2. Where it can't be had, nothing changes."""


class FastImageTower:
    """(n, H, W, 3) uint8 -> (n, F) without gradient, by OpenVINO where it works, else by PyTorch.

    Normalising is part of the converted tower, which so reads a quarter of the bytes and in the
    order in which pictures are decoded. It is kept in the cache folder under the hash of weights
    and preprocess. Where OpenVINO is missing or refuses the tower, one logged line says so and
    PyTorch does the work.

    Args:
        trunk: the timm tower in eval mode, on the CPU; it takes (n, 3, H, W), normalised.
        prepare: the preprocess before it, cut before its normalising.
        tower_hash: the hash of weights and preprocess.
    """

    def __init__(self, trunk: nn.Module, prepare: Preparation, tower_hash: str) -> None:
        self.trunk, self.prepare = trunk, prepare
        self.requests: Queue[Any] = Queue()
        try:
            if os.environ.get("GLASSKIT_RUNTIME", "openvino") != "torch":
                file = cache_folder("towers") / f"{tower_hash[:32]}-{FORMAT}.xml"
                compiled = _compile(trunk, prepare.normalise, file)
                for request in _started(compiled):
                    self.requests.put(request)
        except (ImportError, RuntimeError, OSError) as error:
            logger.warning("pictures are embedded by PyTorch, more slowly: OpenVINO says %s", error)
        self.fast = not self.requests.empty()
        self.jobs = max(1, self.requests.qsize())

    def __call__(self, pictures: Tensor) -> Tensor:
        """(n, H, W, 3) uint8 -> (n, F); ``jobs`` threads may call at once, more wait their turn.

        Raises:
            ValueError: pixels of another type, which OpenVINO would round without a word.
        """
        if pictures.dtype != torch.uint8:
            raise ValueError(f"pictures are {pictures.dtype}, not torch.uint8")
        if not self.fast:
            return self.trunk(self.prepare.batch(pictures, pictures.device))
        request = self.requests.get()
        try:
            return _answer(request, pictures)
        finally:
            self.requests.put(request)


@functools.cache
def _core() -> Any:
    """OpenVINO, kept until the process ends.

    Its CPU plugin gives the thread that starts it a stack for signal handlers, and frees that stack
    in whichever thread lets go of it last: the first thread's next signal would then be a crash.
    """
    import openvino

    return openvino.Core()


def _compile(trunk: nn.Module, normalise: Normalize, file: Path) -> Any:
    import openvino
    import openvino.preprocess

    with _STARTING:
        core = _core()
    if not file.is_file():
        pixels = torch.zeros(2, 3, SIDE, SIDE)
        # The converter prints and warns about tracing, which is no news to a user.
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            model = openvino.convert_model(trunk, example_input=pixels, input=[-1, 3, SIDE, SIDE])
        _save(openvino, _with_normalising(openvino, model, normalise), file)
    # A batch a core at once does more than all cores on one batch, and leaves room for decoding.
    hints = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "THROUGHPUT"}
    return core.compile_model(file, "CPU", hints)


def _started(compiled: Any) -> list[Any]:
    """What computes a batch each; one of them has done so.

    Two threads that use OpenVINO for the first time at once can stop Python for good: the binding
    to it sets itself up under a lock of C++ and lets go of Python's in between.
    """
    count = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
    requests = [compiled.create_infer_request() for _ in range(count)]
    with _STARTING:
        _answer(requests[0], torch.zeros(1, SIDE, SIDE, 3, dtype=torch.uint8))
    return requests


def _answer(request: Any, pictures: Tensor) -> Tensor:
    # The request writes its next answer over this one.
    parts = [request.infer(few.numpy())[0].copy() for few in pictures.split(AT_ONCE)]
    return torch.from_numpy(np.concatenate(parts))


def _with_normalising(openvino: Any, model: Any, normalise: Normalize) -> Any:
    """The model, from pictures as they are decoded: (n, H, W, 3) uint8, values 0 to 255."""
    steps = openvino.preprocess.PrePostProcessor(model)
    before = steps.input()
    before.tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    before.model().set_layout(openvino.Layout("NCHW"))
    mean, spread = ([255.0 * value for value in part] for part in (normalise.mean, normalise.std))
    before.preprocess().convert_element_type(openvino.Type.f32).mean(mean).scale(spread)
    return steps.build()


def _save(openvino: Any, model: Any, file: Path) -> None:
    """Write the two files of the model; the .xml, by which it is found, comes last and whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    scratch = file.with_name(f"{file.stem}.{os.getpid()}.xml")
    openvino.save_model(model, scratch, compress_to_fp16=False)
    if X86:
        _prefer(scratch)
    replace_file(scratch.with_suffix(".bin"), file.with_suffix(".bin"))
    replace_file(scratch, file)


def _prefer(file: Path) -> None:
    """Write ``PREFERRED`` at every convolution of a saved model, where OpenVINO looks for it."""
    tree = ElementTree.parse(file)
    for layer in tree.iter("layer"):
        if layer.get("type") in ("Convolution", "GroupConvolution"):
            notes = layer.find("rt_info")
            notes = ElementTree.SubElement(layer, "rt_info") if notes is None else notes
            wish = {"name": "primitives_priority", "version": "0", "value": PREFERRED}
            ElementTree.SubElement(notes, "attribute", wish)
    tree.write(file, encoding="utf-8", xml_declaration=True)
