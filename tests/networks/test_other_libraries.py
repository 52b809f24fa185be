"""Logits against torchvision and timm themselves, where they are installed."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from featlearn import load_network
from featlearn.config.architectures.catalogue import architecture, network_names
from tests.networks.references import with_random_statistics

PUBLISHED = [name for name in network_names() if architecture(name).keys]
_THEIRS = {
    "resnext50": "resnext50_32x4d",
    "resnext101": "resnext101_32x8d",
    "wide-resnet50-2": "wide_resnet50_2",
    "wide-resnet101-2": "wide_resnet101_2",
    "inception-v4": "inception_v4",
}


def build(name: str) -> nn.Module:
    """Build a network of theirs, with random weights."""
    library = architecture(name).keys
    theirs = _THEIRS.get(name, name.replace("-", "_").replace("preact_resnet", "resnetv2_"))
    torch.manual_seed(0)
    if library == "timm":
        return pytest.importorskip("timm").create_model(theirs, pretrained=False)
    models = pytest.importorskip("torchvision").models
    quiet: dict[str, Any] = {}
    if name == "googlenet":
        quiet = {"init_weights": False, "aux_logits": True}
    return getattr(models, theirs)(weights=None, **quiet)


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
def test_logits_equal_those_of_the_other_library(tmp_path: Path, name: str) -> None:
    network = with_random_statistics(build(name))
    path = tmp_path / "weights.safetensors"
    save_file({k: tensor.contiguous() for k, tensor in network.state_dict().items()}, path)
    ours = load_network(name, weights=path)
    images = torch.rand(2, *ours.stack.input_shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected, logits = network(ours.stack.prepare(images)), ours(images)
    scale = float(expected.abs().max())
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4 * max(scale, 1.0))
