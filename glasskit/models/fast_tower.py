"""The image tower through OpenVINO: PyTorch's float32 features, many times faster on a CPU.

The text tower stays with PyTorch: MiniLM in batches of 64 captions of like length does 362 texts a
second there and 432 in OpenVINO (2 cores), which is too little for a second runtime to look after.
"""

from __future__ import annotations

import functools
import logging
import os
import sys
import warnings
from importlib import import_module
from queue import Queue
from threading import Lock
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.transforms import Normalize

from glasskit.errors import InputError, need
from glasskit.models.stream import Preparation

logger = logging.getLogger(__name__)

_SETTING_UP = Lock()
"""Held while a tower is converted and answers for the first time. Two threads that use OpenVINO for
the first time at once can stop Python for good: the binding to it sets itself up under a lock of
C++ and lets go of Python's in between."""

SIDE = 224
"""Pixels of a side of what the tower takes."""

AT_ONCE = 2
"""Pictures of a batch that a core computes together: of two, most layers stay in its cache. That is
1.2 times as fast as sixteen at once."""

STATISTICS = "openvino_telemetry"
"""The package by which OpenVINO sends usage statistics as soon as it is imported, from a forked
process. It does without where the package is missing."""


class FastImageTower:
    """(n, H, W, 3) uint8 -> (n, F) without gradient, by OpenVINO where it works, else by PyTorch.

    Normalising is part of the converted tower, which so reads a quarter of the bytes and in the
    order in which pictures are decoded. Where OpenVINO is missing or refuses the tower, one logged
    line says so and PyTorch does the work.

    Args:
        trunk: the timm tower in eval mode, on the CPU; it takes (n, 3, H, W), normalised.
        prepare: the preprocess before it, cut before its normalising.
    """

    def __init__(self, trunk: nn.Module, prepare: Preparation) -> None:
        self.trunk, self.prepare = trunk, prepare
        self.requests: Queue[Any] = Queue()
        try:
            if os.environ.get("GLASSKIT_RUNTIME", "openvino") != "torch":
                with _SETTING_UP:
                    for request in _started(trunk, prepare.normalise):
                        self.requests.put(request)
        except (InputError, ImportError, RuntimeError) as error:
            logger.warning("pictures are embedded by PyTorch, more slowly: %s", error)
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


def _import_openvino() -> ModuleType:
    """OpenVINO without its usage statistics."""
    missing = STATISTICS not in sys.modules
    if missing:
        sys.modules[STATISTICS] = None  # type: ignore[assignment]  # Python's word for "missing"
    try:
        openvino = need("openvino", "cpu")
        import_module("openvino.frontend.pytorch.ts_decoder")
        import_module("openvino.preprocess")
    finally:
        if missing:
            del sys.modules[STATISTICS]
    return openvino


@functools.cache
def _core() -> Any:
    """OpenVINO's core, kept until the process ends.

    Its CPU plugin gives the thread that starts it a stack for signal handlers, and frees that stack
    in whichever thread lets go of it last: the first thread's next signal would then be a crash.
    """
    return _import_openvino().Core()


def _started(trunk: nn.Module, normalise: Normalize) -> list[Any]:
    """The converted tower as requests that compute a batch each; one of them has done so."""
    core = _core()
    # A batch a core at once does more than all cores on one batch, and leaves room for decoding.
    hints = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "THROUGHPUT"}
    compiled = core.compile_model(_converted(trunk, normalise), "CPU", hints)
    count = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
    requests = [compiled.create_infer_request() for _ in range(count)]
    _answer(requests[0], torch.zeros(1, SIDE, SIDE, 3, dtype=torch.uint8))
    return requests


def _converted(trunk: nn.Module, normalise: Normalize) -> Any:
    """The tower as OpenVINO's model of pictures as they are decoded: (n, H, W, 3) uint8.

    ``openvino.convert_model`` does the same and reports it to a web service.
    """
    openvino = _import_openvino()
    with warnings.catch_warnings(), torch.no_grad():
        # That tracing is on its way out is no news to a user. The filters are the process's: only
        # one thread at a time is here.
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(trunk, torch.zeros(1, 3, SIDE, SIDE), check_trace=False)
    decoder = openvino.frontend.pytorch.ts_decoder.TorchScriptPythonDecoder(
        traced, shared_memory=False
    )
    frontend = openvino.frontend.FrontEndManager().load_by_framework("pytorch")
    model = frontend.convert(frontend.load(decoder))
    model.reshape([-1, 3, SIDE, SIDE])
    steps = openvino.preprocess.PrePostProcessor(model)
    before = steps.input()
    before.tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    before.model().set_layout(openvino.Layout("NCHW"))
    mean, spread = ([255.0 * value for value in part] for part in (normalise.mean, normalise.std))
    before.preprocess().convert_element_type(openvino.Type.f32).mean(mean).scale(spread)
    return steps.build()


def _answer(request: Any, pictures: Tensor) -> Tensor:
    # The request writes its next answer over this one.
    parts = [request.infer(few.numpy())[0].copy() for few in pictures.split(AT_ONCE)]
    return torch.from_numpy(np.concatenate(parts))
