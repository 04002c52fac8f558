"""The image tower through OpenVINO: PyTorch's float32 features, many times faster on a CPU."""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import os
import warnings
from pathlib import Path
from queue import Queue
from threading import Lock
from typing import Any

import torch
from torch import Tensor, nn

from glasskit.models.cache import cache_folder, replace_file

logger = logging.getLogger(__name__)

_STARTING = Lock()


class FastImageTower:
    """(n, 3, H, W) -> (n, F) without gradient, by OpenVINO where it works, else by PyTorch.

    The converted tower is kept in the cache folder under the hash of its weights. Where OpenVINO is
    missing or refuses the tower, one logged line says so and PyTorch does the work.

    Args:
        trunk: the timm tower in eval mode, on the CPU.
        tower_hash: the hash of its weights.
    """

    def __init__(self, trunk: nn.Module, tower_hash: str) -> None:
        self.trunk = trunk
        self.requests: Queue[Any] = Queue()
        try:
            if os.environ.get("GLASSKIT_RUNTIME", "openvino") != "torch":
                compiled = _compile(trunk, cache_folder("towers") / f"{tower_hash[:32]}.xml")
                for _ in range(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")):
                    self.requests.put(compiled.create_infer_request())
        except (ImportError, RuntimeError, OSError) as error:
            logger.warning("pictures are embedded by PyTorch, more slowly: OpenVINO says %s", error)
        self.fast = not self.requests.empty()
        self.jobs = max(1, self.requests.qsize())

    def __call__(self, pixels: Tensor) -> Tensor:
        """(n, 3, H, W) -> (n, F); ``jobs`` threads may call at once, more wait for their turn."""
        if not self.fast:
            return self.trunk(pixels.contiguous(memory_format=torch.channels_last))
        request = self.requests.get()
        try:
            return torch.from_numpy(request.infer(pixels.numpy())[0].copy())
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


def _compile(trunk: nn.Module, file: Path) -> Any:
    import openvino

    with _STARTING:
        core = _core()
    if not file.is_file():
        pixels = torch.zeros(2, 3, 224, 224)
        # The converter prints and warns about tracing, which is no news to a user.
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            model = openvino.convert_model(trunk, example_input=pixels, input=[-1, 3, 224, 224])
        _save(openvino, model, file)
    # A batch a core at once does more than all cores on one batch, and leaves room for decoding.
    hints = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "THROUGHPUT"}
    return core.compile_model(file, "CPU", hints)


def _save(openvino: Any, model: Any, file: Path) -> None:
    """Write the two files of the model; the .xml, by which it is found, comes last and whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    scratch = file.with_name(f"{file.stem}.{os.getpid()}.xml")
    openvino.save_model(model, scratch, compress_to_fp16=False)
    replace_file(scratch.with_suffix(".bin"), file.with_suffix(".bin"))
    replace_file(scratch, file)
