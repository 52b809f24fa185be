"""Memory in training, against networks and optimisers that are built and take a step."""

import pytest
import torch

from featlearn.config.footprint import Footprint, footprint, state_numbers, sum_of
from featlearn.config.load import load_recipe
from featlearn.config.plan import plan
from featlearn.config.training import (
    AdaGradSpec,
    AdamSpec,
    AdamWSpec,
    OptimizerSpec,
    RMSpropSpec,
    SGDSpec,
)
from featlearn.geometry import MapShape
from featlearn.heads.classifier import Classifier
from featlearn.networks.stack import build_stack, parameter_count
from featlearn.training.optimizers import Updates, weight_groups

IMAGE = MapShape(1, 28, 28)


@pytest.mark.parametrize(
    "spec",
    [
        SGDSpec(momentum=0.0),
        SGDSpec(momentum=0.9),
        SGDSpec(momentum=0.9, nesterov=True),
        AdaGradSpec(),
        RMSpropSpec(),
        RMSpropSpec(momentum=0.5),
        AdamSpec(),
        AdamWSpec(),
    ],
    ids=repr,
)
def test_an_optimiser_keeps_what_is_counted(spec: OptimizerSpec) -> None:
    layer = torch.nn.Linear(7, 5)
    updates = Updates(spec, weight_groups(layer))
    updates.backward(layer(torch.ones(3, 7)).sum())
    updates.step()
    # A count of steps is one number for a whole tensor, and not counted.
    kept = sum(tensor.numel() for tensor in updates.tensors().values() if tensor.ndim)
    assert kept == state_numbers(spec) * (7 * 5 + 5)


@pytest.mark.parametrize("decoder", ["tied", "untied"])
@pytest.mark.parametrize("filter_", ["local", "conv"])
def test_weights_are_all_that_the_network_learns(filter_: str, decoder: str) -> None:
    changes = [
        f"stages.strokes.filter.kind={filter_}",
        f"stages.strokes.objective.decoder={decoder}",
        f"stages.parts.objective.decoder={decoder}",
    ]
    recipe = load_recipe("mnist-local", overrides=changes)
    stack = build_stack(recipe, IMAGE, seed=0)
    network = Classifier(stack, recipe.finetune.head, classes=10, freeze=0, seed=0)
    counted = plan(recipe, IMAGE, 10)
    assert counted.training.weights == 4 * parameter_count(network)
    assert counted.training.gradients == counted.training.weights
    assert counted.training.optimizer == 2 * counted.training.weights


def test_activations_are_what_the_layers_give_for_a_batch() -> None:
    recipe = load_recipe("mnist-local")
    stack = build_stack(recipe, IMAGE, seed=0)
    given = [
        maps.nbytes
        for output in stack(torch.rand(6, *IMAGE))
        for maps in (output.code, output.pooled, output.normalised)
    ]
    rows = plan(recipe, IMAGE, batch=6).layers
    assert [row.training.activations for row in rows if row.stage is not None] == given


def test_stages_are_counted_by_pretrain_and_the_head_by_finetune() -> None:
    changes = ["pretrain.batch=7", "pretrain.optimizer.kind=sgd", "finetune.optimizer.kind=adagrad"]
    counted = plan(load_recipe("dense", overrides=changes), MapShape(1, 8, 8), 10)
    stage, head = counted.layers
    assert counted.batch == 7
    assert (stage.training.optimizer, head.training.optimizer) == (
        stage.training.weights,
        head.training.weights,
    )
    changes[1] = 'pretrain.optimizer={kind="sgd", momentum=0.0}'
    counted = plan(load_recipe("dense", overrides=changes), MapShape(1, 8, 8), 10, batch=3)
    assert counted.batch == 3
    assert counted.layers[0].training.optimizer == 0
    assert counted.layers[0].training.activations == 3 * 200 * 4


def test_the_network_of_2012_does_not_fit_a_small_machine() -> None:
    """Its 1.15 billion weights, gradients and momenta: 13.7 GB."""
    one = footprint(1_144_863_072, 0, optimizer=SGDSpec(), batch=100)
    assert one.weights + one.gradients + one.optimizer == pytest.approx(13.7e9, rel=0.01)


def test_sums() -> None:
    one = Footprint(weights=1, gradients=2, optimizer=3, activations=4)
    assert sum_of([one, one]) == Footprint(weights=2, gradients=4, optimizer=6, activations=8)
    assert sum_of([]) == Footprint(weights=0, gradients=0, optimizer=0, activations=0)
