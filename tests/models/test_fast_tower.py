"""The OpenVINO tower: the features of PyTorch, beside threads and signals."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torchvision.transforms import Compose, Normalize, ToTensor

from glasskit.models import GlassModel
from glasskit.models.fast_tower import X86, FastImageTower
from glasskit.models.preparation import Preparation
from tests.models.test_lite0 import pictures

TOY = """
import gc, os, signal, sys, threading
import torch
from torch import nn
from torchvision.transforms import Compose, Normalize, ToTensor
from glasskit.models.fast_tower import FastImageTower
from glasskit.models.preparation import Preparation

trunk = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
prepare = Preparation(Compose([ToTensor(), Normalize([0.5] * 3, [0.5] * 3)]))
pictures = torch.zeros(1, 224, 224, 3, dtype=torch.uint8)
"""

LAST_LET_GO_IN_A_THREAD = """
signal.signal(signal.SIGUSR1, lambda *_: print("handled"))
towers = [FastImageTower(trunk, prepare, "toy")]
assert towers[0].fast
print(tuple(towers[0](pictures).shape))
thread = threading.Thread(target=lambda: (towers.clear(), gc.collect()))
thread.start()
thread.join()
os.kill(os.getpid(), signal.SIGUSR1)
"""

FIRST_USED_BY_TWO_THREADS = """
tower, both = FastImageTower(trunk, prepare, "toy"), threading.Barrier(2)
assert tower.fast
sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=lambda: (both.wait(), tower(pictures))) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("both done")
"""


def ran(code: str, cache: Path) -> str:
    """What a process of its own printed."""
    done = subprocess.run(
        [sys.executable, "-c", TOY + code],
        env=os.environ | {"GLASSKIT_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_a_tower_dropped_in_another_thread_leaves_signals_working(tmp_path: Path) -> None:
    printed = ran(LAST_LET_GO_IN_A_THREAD, tmp_path)
    assert printed.split("\n")[:2] == ["(1, 4)", "handled"]


def test_two_threads_may_be_the_first_to_use_it(tmp_path: Path) -> None:
    """Without a picture before them they froze each other in a third of all runs."""
    assert [ran(FIRST_USED_BY_TWO_THREADS, tmp_path) for _ in range(3)] == ["both done\n"] * 3


def eager(model: GlassModel, images: list[Image.Image]) -> Tensor:
    """(n, F) by the model's own preprocess and PyTorch in float32."""
    with torch.inference_mode():
        return model.image_features(model.pixels(images))


@pytest.mark.skipif(not X86, reason="other processors, other code")
def test_its_convolutions_are_computed_as_preferred(lite0: GlassModel) -> None:
    """A version of OpenVINO that no longer reads the wish would be a seventh slower, unnoticed."""
    fast = FastImageTower(lite0.clip.visual.trunk, lite0.preparation, lite0.tower_hash)
    request = fast.requests.get()
    fast.requests.put(request)
    layers = request.get_compiled_model().get_runtime_model().get_ops()
    notes = [layer.get_rt_info() for layer in layers]
    kinds = Counter(
        note["primitiveType"].astype(str)
        for note in notes
        if note["layerType"].astype(str) == "Convolution"
    )
    assert kinds.total() == 49
    assert not [kind for kind in kinds if "brgconv" in kind], kinds


@pytest.mark.parametrize("n", [1, 5, 16])
def test_it_gives_the_features_of_pytorch(lite0: GlassModel, n: int) -> None:
    images = pictures(n, seed=n)
    fast = FastImageTower(lite0.clip.visual.trunk, lite0.preparation, lite0.tower_hash)
    assert fast.fast, "OpenVINO is installed, so it must be used"
    found = fast(torch.stack([lite0.preparation.one(image) for image in images]))
    assert (found.shape, found.dtype) == ((n, 1280), torch.float32)
    cosine = functional.cosine_similarity(found.double(), eager(lite0, images).double())
    assert float(cosine.min()) > 0.999999


def test_photographs_from_files_have_the_features_of_pytorch(lite0: GlassModel, shared) -> None:
    files = sorted((shared / "data/coco-concepts/images").glob("*.jpg"))[::40]
    cosine = functional.cosine_similarity(lite0.image_tower(files), eager(lite0, files))
    assert float(cosine.min()) > 0.99999


def test_without_openvino_pytorch_does_the_work(lite0: GlassModel, monkeypatch, caplog) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    slow = FastImageTower(lite0.clip.visual.trunk, lite0.preparation, lite0.tower_hash)
    assert not slow.fast
    assert "OpenVINO" in caplog.text
    images = pictures(2)
    with torch.inference_mode():
        found = slow(torch.stack([lite0.preparation.one(image) for image in images]))
    torch.testing.assert_close(found, eager(lite0, images), atol=1e-4, rtol=1e-4)


def test_each_channel_has_its_own_mean_and_spread(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("GLASSKIT_CACHE", str(tmp_path))
    mean, spread = [0.1, 0.2, 0.3], [0.5, 0.25, 0.125]
    prepare = Preparation(Compose([ToTensor(), Normalize(mean, spread)]))
    tower = FastImageTower(nn.Sequential(nn.MaxPool2d(224), nn.Flatten()), prepare, "means")
    assert tower.fast
    found = tower(torch.full((2, 224, 224, 3), 51, dtype=torch.uint8))  # 51 / 255 = 0.2
    expected = torch.tensor([(0.2 - m) / s for m, s in zip(mean, spread, strict=True)])
    torch.testing.assert_close(found, expected.expand(2, 3), atol=1e-6, rtol=1e-5)


def test_normalised_pixels_are_refused(lite0: GlassModel) -> None:
    with pytest.raises(ValueError, match=r"torch\.float32, not torch\.uint8"):
        lite0.tower(torch.zeros(1, 3, 224, 224))
