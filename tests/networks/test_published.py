"""Published weights under torchvision's names: logits, and what does not fit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from featlearn import load_network
from featlearn.errors import CheckpointError, UsageError
from featlearn.networks.stage_names import by_stage_names
from tests.networks.references import (
    VGG11,
    DenseNet121,
    GoogLeNet,
    ResNet18,
    with_random_statistics,
)


def saved(state: dict[str, Tensor], path: Path) -> Path:
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    return path


@pytest.mark.parametrize(
    ("name", "reference", "side"),
    [
        ("resnet18", ResNet18, 64),
        ("densenet121", DenseNet121, 64),
        ("vgg11-bn", VGG11, 32),
        ("googlenet", GoogLeNet, 64),
    ],
)
def test_logits_equal_those_of_the_network_written_anew(
    tmp_path: Path, name: str, reference: Callable[[], nn.Module], side: int
) -> None:
    torch.manual_seed(0)
    network = with_random_statistics(reference())
    path = saved(network.state_dict(), tmp_path / "weights.safetensors")
    ours = load_network(name, weights=path, input_shape=(3, side, side))
    images = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected, logits = network(ours.stack.prepare(images)), ours(images)
    assert float(expected.std()) > 1e-3
    scale = float(expected.abs().max())
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4 * max(scale, 1.0))


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return ResNet18().state_dict()


def test_images_are_standardised_by_the_published_numbers() -> None:
    network = load_network("resnet18", classes=2, input_shape=(3, 32, 32))
    images = torch.full((1, 3, 32, 32), 0.5)
    prepared = network.stack.prepare(images)[0, :, 0, 0]
    wanted = [(0.5 - 0.485) / 0.229, (0.5 - 0.456) / 0.224, (0.5 - 0.406) / 0.225]
    torch.testing.assert_close(prepared, torch.tensor(wanted))


def test_another_number_of_classes_starts_a_new_last_layer(
    tmp_path: Path, state: dict[str, Tensor]
) -> None:
    path = saved(state, tmp_path / "w.safetensors")
    network = load_network("resnet18", weights=path, classes=7, input_shape=(3, 32, 32))
    assert network(torch.rand(2, 3, 32, 32)).shape == (2, 7)
    assert not network.layers[-1].get_parameter("weight").any()
    torch.testing.assert_close(
        network.stack.stage("conv1").filter.weight.detach(), state["conv1.weight"]
    )


def test_counts_of_batches_need_not_be_there(tmp_path: Path, state: dict[str, Tensor]) -> None:
    few = {name: t for name, t in state.items() if not name.endswith("num_batches_tracked")}
    assert 0 < len(few) < len(state)
    whole = {
        name: t + 5 if name.endswith("num_batches_tracked") else t for name, t in state.items()
    }
    loaded = [
        load_network("resnet18", weights=saved(tensors, tmp_path / file)).state_dict()
        for tensors, file in ((few, "few.safetensors"), (whole, "whole.safetensors"))
    ]
    for name, tensor in loaded[0].items():
        counted = name.endswith("num_batches_tracked")
        assert int(tensor) == 0 if counted else torch.equal(tensor, loaded[1][name]), name
        assert not counted or int(loaded[1][name]) == 5


def without(state: dict[str, Tensor], *names: str) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in state.items() if name not in names}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda s: without(s, "layer2.0.downsample.0.weight"),
            (
                r"no state dict of resnet18 in torchvision's names: it lacks "
                r"'layer2\.0\.downsample\.0\.weight'$"
            ),
        ),
        (
            lambda s: {**s, "layer5.0.conv1.weight": torch.zeros(1)},
            r"it has 'layer5\.0\.conv1\.weight' too many",
        ),
        (
            lambda s: {**s, "bn1.weight": torch.ones(32)},
            r"'bn1\.weight' has the shape \(32,\), but resnet18 here takes \(64,\)",
        ),
        (
            lambda s: {**s, "fc.weight": torch.ones(10, 512), "fc.bias": torch.ones(10)},
            (
                r"'fc\.weight' has the shape \(10, 512\), but resnet18 here takes \(1000, 512\) "
                r"\(and 1 more\)$"
            ),
        ),
        (
            lambda s: {**s, "bn1.weight": torch.ones(64, dtype=torch.int64)},
            r"'bn1\.weight' holds torch\.int64",
        ),
    ],
)
def test_what_does_not_fit_is_named(
    tmp_path: Path, state: dict[str, Tensor], change: Callable[[Any], Any], sentence: str
) -> None:
    path = saved(change(state), tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match=sentence):
        load_network("resnet18", weights=path, input_shape=(3, 32, 32))


def test_weights_of_another_network_are_named(tmp_path: Path, state: dict[str, Tensor]) -> None:
    path = saved(state, tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError) as caught:
        load_network("densenet121", weights=path, input_shape=(3, 32, 32))
    assert str(caught.value) == (
        f"{path}: these are weights of resnet18; load_network was asked for densenet121"
    )


@pytest.mark.parametrize("there", ["resnet32", "resnet50"])
def test_networks_of_one_family_are_told_by_names_and_by_shapes(tmp_path: Path, there: str) -> None:
    asked = {"resnet32": "resnet20", "resnet50": "wide-resnet50-2"}[there]
    own = load_network(there, input_shape=(3, 32, 32)).state_dict()
    path = saved(own, tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match=f"weights of {there}; .* asked for {asked}$"):
        load_network(asked, weights=path, input_shape=(3, 32, 32))


def test_weights_of_no_network_are_told_by_their_names(
    tmp_path: Path, state: dict[str, Tensor]
) -> None:
    some = {f"body.{name}": tensor for name, tensor in state.items()}
    path = saved(some, tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError) as caught:
        load_network("densenet121", weights=path, input_shape=(3, 32, 32))
    text = str(caught.value)
    assert "in torchvision's names: it lacks 'features.conv0.weight' and " in text
    assert " and has 'body." in text


def test_a_pickle_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    path.write_bytes(b"\x80\x04cos\nsystem\n")
    with pytest.raises(CheckpointError, match="reads weights from safetensors only"):
        load_network("resnet18", weights=path)


def test_a_network_that_nobody_publishes_loads_its_own_names(tmp_path: Path) -> None:
    network = load_network("resnet-mini", seed=3)
    other = load_network("resnet-mini", seed=4)
    own = by_stage_names(network.stack, network.state_dict(), "stack.")
    own = {name.replace("layers.0.", "head."): tensor for name, tensor in own.items()}
    path = saved(own, tmp_path / "w.safetensors")
    loaded = load_network("resnet-mini", weights=path)
    images = torch.rand(2, 1, 28, 28)
    torch.testing.assert_close(loaded.features(images), network.features(images))
    assert not torch.allclose(other.features(images), network.features(images))


@pytest.mark.parametrize("name", ["resnet20", "resnet18"])
def test_a_network_loads_what_it_saved(tmp_path: Path, name: str) -> None:
    network = load_network(name, seed=3, input_shape=(3, 32, 32))
    path = saved(network.state_dict(), tmp_path / "w.safetensors")
    loaded = load_network(name, weights=path, input_shape=(3, 32, 32))
    for key, tensor in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], tensor), key


def test_a_stack_has_no_last_layer(tmp_path: Path) -> None:
    network = load_network("resnet20", seed=3)
    path = saved(network.stack.state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match=r"holds resnet20 without a last layer: .*`classes`"):
        load_network("resnet20", weights=path)
    loaded = load_network("resnet20", weights=path, classes=4)
    assert torch.equal(
        loaded.stack.stage("conv1").filter.weight, network.stack.stage("conv1").filter.weight
    )


def test_an_unknown_network_is_a_mistake_of_the_command() -> None:
    with pytest.raises(UsageError, match="no network is called resnet19; did you mean resnet1"):
        load_network("resnet19")
