"""The library leaves a host program's globals as they were: each call is compared."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

CALLS = {
    "import": "import glasskit, glasskit.data, glasskit.evaluation, glasskit.analysis",
    "load_dataset": "scenes = glasskit.load_dataset('scenes')",
    "load_model": "model = glasskit.load_model('lite0-minilm')",
    "load_model of open_clip": "glasskit.load_model('small-vit/random')",
    "encode_images": "model.encode_images([scenes.image(0), folder / '0.jpg'])",
    "encode_texts": "model.encode_texts(['a dog'])",
    "losses": """
        from glasskit.losses import GroupedContrastiveLoss
        GroupedContrastiveLoss()(torch.ones(2, 2, 4), torch.ones(2, 2, 4))
    """,
    "train": """
        from glasskit.training import TrainConfig, train
        part = scenes.select(range(0, len(scenes), 4))
        train(TrainConfig(out=str(folder / 'run'), epochs=2, device='cpu'), dataset=part)
    """,
    "train towers": """
        settings = dict(mode='full', model='small-vit/random', tracker='none', epochs=1)
        settings |= dict(groups_per_batch=2, group_size=4, device='cpu', workers=2)
        names = [concept.name for concept in scenes.concepts[:2]]
        few = scenes.where(lambda record: record.concept in names)
        train(TrainConfig(out=str(folder / 'towers'), **settings), dataset=few)
    """,
    "evaluate": """
        from glasskit.evaluation.evaluate import evaluate
        test = scenes.split('test')
        evaluate(model, test)
    """,
    "report": """
        from glasskit.plots.report import write_report
        trained = glasskit.load_model(folder / 'run')
        write_report([model, trained], test, folder / 'report.html')
    """,
    "probe": "glasskit.Probe(model, test).concepts(scenes.image(0))",
    "map": """
        from glasskit.analysis.maps import project
        project(model.encode_texts([c.name for c in scenes.concepts]).numpy())
    """,
    "export": """
        from glasskit.models.export import export_open_clip
        export_open_clip(folder / 'run', folder / 'export')
    """,
}

CODE = """
import json, logging, os, random, signal, sys, textwrap, threading, warnings
import gc, locale, socket
from pathlib import Path
import accelerate, numba, numpy, open_clip, PIL.Image, PIL.ImageFile, PIL.PngImagePlugin
import plotly.io, scipy.optimize, sklearn.cluster, tensorboard, timm, torch, torchvision
import plotly.graph_objs._deprecations, plotly.tools, torch.utils.tensorboard, transformers, umap
from accelerate.state import AcceleratorState, PartialState
from transformers import AutoModel, AutoTokenizer, BertModel, BertConfig

folder, calls, switches = Path(sys.argv[1]), json.loads(sys.argv[2]), json.loads(sys.argv[3])
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
        "switch interval": sys.getswitchinterval(),
        "collector": (gc.isenabled(), gc.get_threshold()),
        "locale": locale.setlocale(locale.LC_ALL),
        "time out": socket.getdefaulttimeout(),
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
        "open_clip": (open_clip.hf_model.AutoConfig, open_clip.list_models()),
        "transformers": transformers.logging.get_verbosity(),
        "accelerate": ({**AcceleratorState._shared_state}, {**PartialState._shared_state}),
        "plotly": (plotly.io.renderers.default, plotly.io.templates.default,
            list(plotly.io.templates)),
    }

found, scope = {}, dict(globals())
for name, code in calls.items():
    before = snapshot()
    exec(textwrap.dedent(code), scope)
    after = snapshot()
    found[name] = {
        key: [repr(before[key])[:2000], repr(after[key])[:2000]]
        for key in before if before[key] != after[key]
    }
    if name == "import":
        from tests.training.toys import register_tiny
        register_tiny("small-vit")
print("CHANGED", json.dumps(found))
"""


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """What each call changed, in a process of its own: what, before, after."""
    from glasskit.offline import SWITCHES

    words = (tmp_path_factory.mktemp("globals"), json.dumps(CALLS), json.dumps(list(SWITCHES)))
    done = subprocess.run(
        [sys.executable, "-c", CODE, *map(str, words)],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
        timeout=550,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.rpartition("CHANGED ")[2])


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS)
def test_a_call_leaves_the_globals_of_the_host_alone(changed: dict[str, dict], call: str) -> None:
    assert changed[call] == {}
