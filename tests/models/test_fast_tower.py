"""The OpenVINO tower: the features of PyTorch, beside threads and signals."""

from __future__ import annotations

import copy
import subprocess
import sys
from threading import Barrier, Thread

import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torchvision.transforms import Compose, Normalize, ToTensor

from glasskit.models import GlassModel
from glasskit.models.fast_tower import FastImageTower
from glasskit.models.stream import Preparation
from tests.models.test_lite0 import pictures

OWN_PROCESS = """
import gc, os, signal, sys, threading
import torch
from torch import nn
from torchvision.transforms import Compose, Normalize, ToTensor
from glasskit.models.fast_tower import FastImageTower
from glasskit.models.stream import Preparation

trunk = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
prepare = Preparation(Compose([ToTensor(), Normalize([0.5] * 3, [0.5] * 3)]))
both, towers = threading.Barrier(2), []

def embed():
    both.wait()
    tower = FastImageTower(trunk, prepare)
    tower(torch.zeros(1, 224, 224, 3, dtype=torch.uint8))
    towers.append(tower)

def together(*works):
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

sys.setswitchinterval(1e-6)
together(embed, embed)
print([tower.fast for tower in towers])
signal.signal(signal.SIGUSR1, lambda *_: print("handled"))
together(lambda: (towers.clear(), gc.collect()))
os.kill(os.getpid(), signal.SIGUSR1)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_threads_may_be_the_first_and_the_last_to_use_it() -> None:
    """Without a lock two froze each other; dropped in a thread, it took the signals with it."""
    command = [sys.executable, "-c", OWN_PROCESS]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["[True, True]", "handled"]


def test_threads_that_need_the_tower_at_once_share_one(lite0: GlassModel) -> None:
    model = copy.deepcopy(lite0)
    pixels, found, both = torch.zeros(1, 224, 224, 3, dtype=torch.uint8), [], Barrier(2)

    def embed() -> None:
        both.wait()
        model.tower(pixels)
        found.append(model._fast)

    threads = [Thread(target=embed) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] is found[1]
    assert found[0].fast
    other = copy.deepcopy(model)  # the same towers: no other is made
    assert other._fast_tower() is found[0]
    with torch.no_grad():
        next(other.clip.visual.parameters()).add_(1)
    other.towers_changed()
    assert not torch.equal(other.tower(pixels), model.tower(pixels))


def eager(model: GlassModel, images: list[Image.Image]) -> Tensor:
    """(n, F) by the model's own preprocess and PyTorch in float32."""
    with torch.inference_mode():
        return model.image_features(model.pixels(images))


def test_it_gives_the_features_of_pytorch(lite0: GlassModel) -> None:
    images = pictures(5)
    fast = FastImageTower(lite0.clip.visual.trunk, lite0.preparation)
    assert fast.fast, "OpenVINO is installed, so it must be used"
    found = fast(torch.stack([lite0.preparation.one(image) for image in images]))
    assert (found.shape, found.dtype) == ((5, 1280), torch.float32)
    cosine = functional.cosine_similarity(found.double(), eager(lite0, images).double())
    assert float(cosine.min()) > 0.999999


def test_without_openvino_pytorch_does_the_work(lite0: GlassModel, monkeypatch, caplog) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    slow = FastImageTower(lite0.clip.visual.trunk, lite0.preparation)
    assert not slow.fast
    assert 'pip install "glasskit[cpu]"' in caplog.text
    images = pictures(2)
    with torch.inference_mode():
        found = slow(torch.stack([lite0.preparation.one(image) for image in images]))
    torch.testing.assert_close(found, eager(lite0, images), atol=1e-4, rtol=1e-4)


def test_each_channel_has_its_own_mean_and_spread() -> None:
    mean, spread = [0.1, 0.2, 0.3], [0.5, 0.25, 0.125]
    prepare = Preparation(Compose([ToTensor(), Normalize(mean, spread)]))
    tower = FastImageTower(nn.Sequential(nn.MaxPool2d(224), nn.Flatten()), prepare)
    assert tower.fast
    found = tower(torch.full((2, 224, 224, 3), 51, dtype=torch.uint8))  # 51 / 255 = 0.2
    expected = torch.tensor([(0.2 - m) / s for m, s in zip(mean, spread, strict=True)])
    torch.testing.assert_close(found, expected.expand(2, 3), atol=1e-6, rtol=1e-5)


def test_normalised_pixels_are_refused(lite0: GlassModel) -> None:
    with pytest.raises(ValueError, match=r"torch\.float32, not torch\.uint8"):
        lite0.tower(torch.zeros(1, 3, 224, 224))
