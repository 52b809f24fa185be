"""Published networks from a recipe to a head: runs without objectives, weights to begin with."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from featlearn import load_network
from featlearn.config.load import load_recipe, parse_recipe
from featlearn.config.recipe import Recipe
from featlearn.errors import CheckpointError, UsageError
from featlearn.networks.stage_names import by_stage_names
from featlearn.networks.store import load_stack
from featlearn.training.progress import Silent
from featlearn.workflows.describe import describe_source
from featlearn.workflows.encode import encode
from featlearn.workflows.evaluate import evaluate
from featlearn.workflows.finetune import finetune
from featlearn.workflows.pretrain import pretrain
from featlearn.workflows.report import report
from featlearn.workflows.visualize import visualize

pytestmark = pytest.mark.usefixtures("few_units")

TEXT = """
title = "A small residual network on digits"
network = "resnet-mini"
[data]
source = "digits"
limit = 120
[pretrain]
fit_samples = 60
[finetune]
epochs = 2
batch = 30
optimizer = { kind = "sgd", lr = 0.05 }
"""


class Notes(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give weights of the network in the names that they have here."""
    network = load_network("resnet-mini", seed=7, input_shape=(1, 8, 8))
    for stage in map(network.stack.stage, range(len(network.stack))):
        for norm in stage.batch_norms:
            assert norm.running_mean is not None
            norm.running_mean.fill_(0.25)
    own = by_stage_names(network.stack, network.stack.state_dict(), "")
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    save_file(own, path)
    return path


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return parse_recipe(TEXT)


@pytest.fixture(scope="module")
def run(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    told = Notes()
    pretrain(recipe, out=out, root=out, device="cpu", progress=told)
    assert any(
        "no stage has an `objective`, so there was nothing to learn" in n for n in told.notes
    )
    finetune(out, root=out, device="cpu")
    return out


def test_a_run_without_objectives_holds_random_stages_that_are_settled(
    run: Path, recipe: Recipe
) -> None:
    loaded = load_stack(run)
    assert loaded.recipe == recipe == load_recipe(run / "recipe.toml")
    norms = [n for i in range(len(loaded.stack)) for n in loaded.stack.stage(i).batch_norms]
    assert len(norms) == 9
    for norm in norms:
        assert norm.running_mean is not None
        assert norm.running_mean.any()
        assert norm.momentum == 0.1


@pytest.mark.slow
def test_every_command_takes_a_run_of_composite_stages(run: Path, tmp_path: Path) -> None:
    assert 0 <= evaluate(run, root=run, device="cpu").error <= 1
    features = encode(run, "digits", out=tmp_path / "f.npy", root=run, device="cpu")
    assert features.shape[1] == 128
    page = report([run], out=tmp_path / "page", root=run, device="cpu")
    assert "residual filter" in Path(page.report).read_text(encoding="utf-8")
    for what in ("filters", "projections", "top-images"):
        found = visualize(run, what=(what,), out=tmp_path / what, root=run, device="cpu", images=40)
        assert found.files


def test_it_begins_with_published_weights_and_keeps_their_statistics(
    recipe: Recipe, weights: Path, tmp_path: Path
) -> None:
    pretrain(recipe, out=tmp_path / "a", root=tmp_path, device="cpu", weights=weights)
    stack = load_stack(tmp_path / "a").stack
    expected = load_network("resnet-mini", seed=7, input_shape=(1, 8, 8)).stack
    for key, parameter in stack.named_parameters():
        assert torch.equal(parameter, expected.get_parameter(key)), key
    for norm in stack.stage("layer2").batch_norms:
        assert norm.running_mean is not None
        assert torch.equal(norm.running_mean, torch.full_like(norm.running_mean, 0.25))


@pytest.mark.parametrize("spelling", ["network", "run", "head"])
def test_it_begins_with_what_this_package_wrote(
    recipe: Recipe, run: Path, spelling: str, tmp_path: Path
) -> None:
    path = {
        "network": tmp_path / "w.safetensors",
        "run": run / "model.safetensors",
        "head": run / "heads" / "default" / "model.safetensors",
    }[spelling]
    if spelling == "network":
        save_file(load_network("resnet-mini", seed=7).state_dict(), path)
    pretrain(recipe, out=tmp_path / "a", root=tmp_path, device="cpu", weights=path)
    own, given = load_stack(tmp_path / "a").stack.state_dict(), load_file(path)
    prefix = "" if spelling == "run" else "stack."
    for key, tensor in own.items():
        assert torch.equal(tensor, given[f"{prefix}{key}"]), key


def test_weights_of_another_network_are_refused_before_images_are_read(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("featlearn.workflows.pretrain.open_splits", read)
    other, told = load_recipe_of("vgg-mini"), Notes()
    wrong = r"w\.safetensors: these are weights of resnet-mini; the recipe says vgg-mini$"
    with pytest.raises(CheckpointError, match=wrong):
        pretrain(
            other, out=tmp_path / "a", root=tmp_path, device="cpu", weights=weights, progress=told
        )
    assert not told.notes
    assert not (tmp_path / "a" / "model.safetensors").exists()
    assert not (tmp_path / "a" / "recipe.toml").exists()


def test_weights_need_a_network_and_a_file(weights: Path, tmp_path: Path) -> None:
    digits = load_recipe("digits", overrides=["data.limit=100"])
    with pytest.raises(UsageError, match="weights bear the names of a network"):
        pretrain(digits, out=tmp_path / "a", root=tmp_path, device="cpu", weights=weights)
    with pytest.raises(UsageError, match="there is no file of weights"):
        pretrain(digits, out=tmp_path / "a", root=tmp_path, device="cpu", weights="nowhere")


def load_recipe_of(name: str) -> Recipe:
    return parse_recipe(TEXT.replace("resnet-mini", name))


def test_it_goes_on_only_with_the_weights_that_it_began_with(
    recipe: Recipe, weights: Path, tmp_path: Path
) -> None:
    out = tmp_path / "a"
    pretrain(recipe, out=out, root=tmp_path, device="cpu", weights=weights)
    with pytest.raises(CheckpointError, match="weights"):
        pretrain(recipe, out=out, root=tmp_path, device="cpu", resume=True)


def test_a_chain_learns_stage_by_stage_with_norms_inside(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text(TEXT.replace("resnet-mini", "vgg-mini"))
    objective = '{ kind = "denoising", corruption = { kind = "mask", rate = 0.3 } }'
    overrides = [f"stages.conv1_{place}.objective={objective}" for place in (1, 2)]
    recipe = load_recipe(path, overrides=[*overrides, "pretrain.epochs=2", "data.limit=200"])
    result = pretrain(recipe, out=tmp_path / "a", root=tmp_path, device="cpu")
    again = pretrain(recipe, out=tmp_path / "b", root=tmp_path, device="cpu")
    assert [phase.epochs for phase in result.phases] == [2, 2, 0, 0, 0]
    assert result.files["model.safetensors"] == again.files["model.safetensors"]


def test_describe_takes_another_image_and_other_data(tmp_path: Path) -> None:
    small = describe_source("resnet18", root=tmp_path, overrides=["data.source=cifar10-jpg"])
    assert small.layers[-1].output == (10, 1, 1)
    assert describe_source("resnet18", root=tmp_path, overrides=["data.size=[64, 64]"]).input == (
        3,
        64,
        64,
    )
