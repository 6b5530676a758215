"""The Inception network of published FIDs, from torch-fidelity (pip install 'twoplayer[inception]').

Source: Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, 2016, Rethinking the Inception architecture for computer vision; the
weights of 2015-12-05 that Heusel et al. 2017 and Salimans et al. 2016 use, in torch-fidelity (Obukhov et al. 2020).
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import sys
from pathlib import Path
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from twoplayer.core.errors import UserError
from twoplayer.extractors._base import DEFAULT_CONTEXT, ExtractorContext, ExtractorData
from twoplayer.extractors._identity import of_weights
from twoplayer.extractors._network import NetworkExtractor, coloured

__all__ = ["Inception"]

INSTALL = "pip install 'twoplayer[inception]'"


@final
class Inception(NetworkExtractor):
    """The 2048 activations of the last pooling, and the 1008 logits without bias that the inception score uses.

    The network resizes images to 299 pixels by TensorFlow 1's bilinear interpolation without antialiasing, as in
    published results.

    Args:
        data: not used.
        context: device and progress callback.
        weights: a file of weights; its name becomes part of the names of metric values unless it holds the published
            weights. None takes those of torch-fidelity, and downloads them if needed.

    Raises:
        UserError: where torch-fidelity or the weights are missing.
    """

    has_classes: ClassVar[bool] = True
    dimension = 2048

    def __init__(
        self,
        data: ExtractorData | None = None,
        context: ExtractorContext = DEFAULT_CONTEXT,
        *,
        weights: Path | None = None,
    ) -> None:
        super().__init__(context.device)
        module = _torch_fidelity()
        path = _without_code(weights) if weights is not None else _downloaded(module.URL_INCEPTION_V3, context)
        self.network = module.FeatureExtractorInceptionV3(
            "inception-v3-compat", ["2048", "logits_unbiased"], feature_extractor_weights_path=str(path), verbose=False
        ).to(self.device)
        self.identity = of_weights("inception-v3-compat/2048", self.network.state_dict())
        published = weights is None or _digest(path).startswith(_prefix(module.URL_INCEPTION_V3))
        self.label = "inception" if published else "_".join(["inception", *re.findall("[a-z0-9]+", path.stem.lower())])

    def batch_size(self, shape: tuple[int, ...]) -> int:
        return 32 if self.device.type == "cpu" else 128

    def forward_features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features, logits = self.network(coloured(images).contiguous())
        return features, logits


def _torch_fidelity() -> Any:
    try:
        from torch_fidelity import feature_extractor_inceptionv3
    except ModuleNotFoundError as error:
        missing = (error.name or "torch_fidelity").split(".")[0].replace("_", "-")
        raise UserError(f"the inception extractor needs {missing}: {INSTALL}") from None
    except (ImportError, RuntimeError, OSError) as error:  # torchvision was built for another torch
        raise UserError(f"torch-fidelity cannot be imported ({_first_line(error)}): {INSTALL} anew") from error
    return feature_extractor_inceptionv3


def _downloaded(url: str, context: ExtractorContext) -> Path:
    """The path of torch-fidelity's weights in torch's download folder; downloads them if they are not there."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if not path.exists():
        if context.progress:
            context.progress(f"downloading the weights of the inception network to {path}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.redirect_stdout(sys.stderr):
                torch.hub.download_url_to_file(url, str(path), hash_prefix=_prefix(url), progress=False)
        except (OSError, RuntimeError) as error:
            raise UserError(
                f"the weights of the inception network cannot be downloaded ({_first_line(error)}): connect, or fetch "
                f"{url} elsewhere and put it into {path.parent}"
            ) from error
    return _without_code(path)


def _prefix(url: str) -> str:
    """The first digits of the SHA-256 digest of a published file, which are part of its name."""
    return Path(url).stem.rpartition("-")[2]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _without_code(path: Path) -> Path:
    """`path`, after a check that the file holds tensors only: torch-fidelity would execute any code in it."""
    import pickle

    try:
        torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise UserError(f"cannot read {path} as weights ({_first_line(error)}): remove it or give another") from error
    return path


def _first_line(error: Exception) -> str:
    reason = str(getattr(error, "reason", error)).strip()  # a URLError wraps its reason
    return (reason.splitlines() or [type(error).__name__])[0].rstrip(".:")
