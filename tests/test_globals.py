"""The library leaves a host program's globals as they were."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from glasskit.offline import SWITCHES

CALLS = """
import glasskit, glasskit.data, glasskit.evaluation, glasskit.analysis
from glasskit.analysis.maps import project
from glasskit.evaluation.evaluate import evaluate
from glasskit.losses import GroupedContrastiveLoss
from glasskit.models.export import export_open_clip
from glasskit.plots.report import write_report
from glasskit.training import TrainConfig, train
from tests.training.toys import register_tiny

scenes = glasskit.load_dataset("scenes")
model = glasskit.load_model("lite0-minilm")
model.encode_images([scenes.image(0), folder / "0.jpg"])
model.encode_texts(["a dog"])
GroupedContrastiveLoss()(torch.ones(2, 2, 4), torch.ones(2, 2, 4))
part = scenes.select(range(0, len(scenes), 4))
train(TrainConfig(out=str(folder / "run"), epochs=2, device="cpu"), dataset=part)
register_tiny("small-vit")
towers = TrainConfig(
    mode="full", model="small-vit/random", tracker="none", epochs=1, groups_per_batch=2,
    group_size=4, device="cpu", workers=2, out=str(folder / "towers"),
)
names = [concept.name for concept in scenes.concepts[:2]]
train(towers, dataset=scenes.where(lambda record: record.concept in names))
test = scenes.split("test")
evaluate(model, test)
write_report([model, glasskit.load_model(folder / "run")], test, folder / "report.html")
glasskit.Probe(model, test).concepts(scenes.image(0))
project(model.encode_texts([c.name for c in scenes.concepts]).numpy())
export_open_clip(folder / "run", folder / "export")
"""

CODE = """
import json, logging, os, random, signal, sys, threading, warnings
from pathlib import Path
import accelerate, numba, numpy, open_clip, PIL.Image, PIL.ImageFile, PIL.PngImagePlugin
import plotly.io, scipy.optimize, sklearn.cluster, tensorboard, timm, torch, torchvision
import plotly.graph_objs._deprecations, plotly.tools, torch.utils.tensorboard, transformers, umap
from accelerate.state import AcceleratorState, PartialState
from transformers import AutoModel, AutoTokenizer, BertModel, BertConfig

folder, calls, switches = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
PIL.Image.new("RGB", (64, 64), "teal").save(folder / "0.jpg")
torch.manual_seed(1), random.seed(1), numpy.random.seed(1)
logging.disable(logging.INFO), logging.root.addHandler(logging.NullHandler())
torch.set_num_threads(1)
accelerate.Accelerator(cpu=True, mixed_precision="bf16")

def snapshot():
    state = numpy.random.get_state()
    return {
        "logging": (logging.root.manager.disable, logging.root.level, logging.root.handlers[:]),
        "warnings": (warnings.filters[:], warnings.showwarning),
        "environment": {k: v for k, v in os.environ.items() if k not in switches},
        "folder": os.getcwd(),
        "signals": [signal.getsignal(number) for number in signal.valid_signals()],
        "paths": (sys.path[:], [k for k, v in sys.modules.items() if v is None],
            [f for f in sys.meta_path if str(getattr(f, "__module__", "")).startswith("glass")]),
        "streams": (sys.stdout, sys.stderr, sys.excepthook, threading.excepthook),
        "random": (random.getstate(), state[1].tolist(), state[2:]),
        "torch random": torch.get_rng_state().tolist(),
        "torch": (
            torch.get_num_threads(), torch.is_grad_enabled(), torch.get_default_dtype(),
            torch.are_deterministic_algorithms_enabled(), torch.get_float32_matmul_precision(),
            torch.is_inference_mode_enabled(), str(torch.get_default_device()),
        ),
        "cudnn": (torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic,
            torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32),
        "numpy": (numpy.geterr(), numpy.get_printoptions()),
        "pillow": (PIL.Image.MAX_IMAGE_PIXELS, PIL.ImageFile.LOAD_TRUNCATED_IMAGES,
            PIL.PngImagePlugin.MAX_TEXT_CHUNK, PIL.PngImagePlugin.MAX_TEXT_MEMORY),
        "open_clip": open_clip.hf_model.AutoConfig,
        "transformers": transformers.logging.get_verbosity(),
        "accelerate": ({**AcceleratorState._shared_state}, {**PartialState._shared_state}),
        "plotly": (plotly.io.renderers.default, plotly.io.templates.default,
            list(plotly.io.templates)),
    }

before = snapshot()
exec(calls, dict(globals()))
after = snapshot()
changed = [name for name in before if before[name] != after[name]]
print("CHANGED", json.dumps({n: [repr(x[n])[:2000] for x in (before, after)] for n in changed}))
"""


@pytest.mark.slow
def test_calls_leave_the_globals_of_the_host_alone(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path), CALLS, json.dumps(list(SWITCHES))],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
        timeout=550,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert json.loads(done.stdout.rpartition("CHANGED ")[2]) == {}
