"""umap-learn without pynndescent, and with it again as soon as somebody needs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from glasskit.latent.light_umap import KNOWN

OWN = """
from glasskit.latent.fitting import fit
vectors = np.random.default_rng(1).normal(size=(40, 5)).astype(np.float32)
vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
fit(vectors, neighbours=5, min_dist=0.1, seed=0, epochs=2)
said["after our map"] = sorted({name for name in sys.modules if name.startswith("pynndescent")})
"""

METRICS = """
from umap import umap_
said["cosine"] = "cosine" in umap_.pynn_named_distances
said["still"] = "pynndescent" in sys.modules
name = next(n for n in __import__("pynndescent").distances.named_distances if n not in METRICS)
said["metric"] = umap_.pynn_named_distances[name] is not None
said["unknown"] = "no such metric" in umap_.pynn_named_distances
said["count"] = len(umap_.pynn_named_distances) == len(list(umap_.pynn_named_distances))
"""

INDEX = """
from umap import umap_
held = umap_.NNDescent
said["instance"] = isinstance(3, held)
said["still"] = "pynndescent" in sys.modules
import pynndescent, pynndescent.distances, pynndescent.sparse
class Recorder:
    def __init__(self, *arguments, **settings):
        self.told = [arguments, settings]
pynndescent.NNDescent = Recorder
made = held([1, 2], n_neighbors=3)
said["told"] = made.told
said["made"] = type(made) is Recorder and isinstance(made, held) and not isinstance(3, held)
said["put there"] = [
    umap_.NNDescent is Recorder,
    umap_.pynn_named_distances is pynndescent.distances.named_distances,
    umap_.pynn_sparse_named_distances is pynndescent.sparse.sparse_named_distances,
]
"""


def run(program: str) -> dict:
    """What a new process says; without numba's compiler, which would take a minute."""
    begin = "import json, sys\nimport numpy as np\nsaid = {}\n"
    end = "\nprint(json.dumps(said))"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", begin + program + end],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_table_of_metrics_is_the_real_one_once_it_is_used() -> None:
    said = run(OWN + METRICS.replace("METRICS", repr(KNOWN)))
    assert said["after our map"] == [], "our maps must not wait for it"
    assert said["cosine"]
    assert not said["still"], "nor what UMAP asks for them"
    assert said["metric"]
    assert said["count"]
    assert not said["unknown"]


def test_an_index_is_the_real_one_once_it_is_used() -> None:
    said = run(OWN + INDEX)
    assert not said["instance"]
    assert not said["still"]
    assert said["told"] == [[[1, 2]], {"n_neighbors": 3}]
    assert said["made"]
    assert said["put there"] == [True, True, True]


def test_what_is_imported_already_stays() -> None:
    program = """
import pynndescent
from glasskit.latent.light_umap import import_umap
umap = import_umap()
said["same"] = umap.umap_.NNDescent is pynndescent.NNDescent is sys.modules["pynndescent"].NNDescent
"""
    assert run(program)["same"]


def test_a_umap_that_takes_more_from_it_is_imported_plainly(tmp_path: Path) -> None:
    (tmp_path / "umap").mkdir()
    (tmp_path / "umap" / "__init__.py").write_text("from pynndescent import NNDescent, other")
    (tmp_path / "pynndescent").mkdir()
    (tmp_path / "pynndescent" / "__init__.py").write_text("NNDescent, other = 1, 2")
    program = f"""
sys.path.insert(0, {str(tmp_path)!r})
from glasskit.latent.light_umap import import_umap
said["other"] = import_umap().other
"""
    assert run(program)["other"] == 2
