"""The OpenVINO tower beside threads and signals."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

LAST_LET_GO_IN_A_THREAD = """
import gc, os, signal, threading
import torch
from torch import nn
from glasskit.models.fast_tower import FastImageTower

signal.signal(signal.SIGUSR1, lambda *_: print("handled"))
trunk = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
towers = [FastImageTower(trunk, "toy")]
assert towers[0].fast
print(tuple(towers[0](torch.zeros(1, 3, 224, 224)).shape))
thread = threading.Thread(target=lambda: (towers.clear(), gc.collect()))
thread.start()
thread.join()
os.kill(os.getpid(), signal.SIGUSR1)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_a_tower_dropped_in_another_thread_leaves_signals_working(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LAST_LET_GO_IN_A_THREAD],
        env=os.environ | {"GLASSKIT_CACHE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:2] == ["(1, 4)", "handled"]
