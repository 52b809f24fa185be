"""`evaluate --likelihood`: figures of a run's machines, and what has none."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from featlearn.autoencoders.machine import BoltzmannMachine
from featlearn.config.recipe import Recipe
from featlearn.datasets.source import open_splits
from featlearn.errors import UsageError
from featlearn.evaluate.partition import exact_log_partition
from featlearn.networks.store import load_stack
from featlearn.workflows.likelihood import likelihood
from featlearn.workflows.pretrain import pretrain

Tiny = Callable[..., Recipe]

BERNOULLI: dict[str, Any] = {
    "name": "strokes",
    "filter": {"kind": "dense", "maps": 8},
    "activation": "sigmoid",
    "input": "none",
    "objective": {"kind": "rbm", "chains": 20, "sampled": True},
}
GAUSSIAN: dict[str, Any] = {
    "name": "edges",
    "filter": {"kind": "conv", "size": 3, "maps": 3},
    "activation": "sigmoid",
    "objective": {"kind": "rbm", "visible": "gaussian"},
    "patches": {"size": 6},
}
TOP: dict[str, Any] = {**BERNOULLI, "name": "top", "filter": {"kind": "dense", "maps": 30}}


def learned(tiny: Tiny, out: Path, *stages: dict[str, Any], **pretraining: Any) -> Path:
    optimizer = {"kind": "sgd", "lr": 0.1, "momentum": 0.5}
    recipe = tiny(
        stages=list(stages), pretrain={"epochs": 5, "optimizer": optimizer, **pretraining}
    )
    pretrain(recipe, out=out, root=out)
    return out


def test_a_small_machine_is_measured_exactly(tiny: Tiny, tmp_path: Path) -> None:
    run = learned(tiny, tmp_path / "run", BERNOULLI, epochs=100)
    (found,) = likelihood(run, root=run).stages
    assert (found.stage, found.visible, found.hidden) == ("strokes", "bernoulli", 8)
    assert (found.method, found.log_z_error, found.effective) == ("exact", 0, None)
    stack, recipe, _ = load_stack(run)
    machine = BoltzmannMachine(stack.stage("strokes"))
    assert found.log_z == pytest.approx(exact_log_partition(machine))
    splits = open_splits(recipe.data, root=run, seed=recipe.seed)
    assert splits.test is not None
    assert found.test is not None
    assert (found.train.images, found.test.images) == (90, len(splits.test))
    # Over many drawings of binary images, the mean is that of one within its spread.
    gray = torch.from_numpy(splits.test.images.astype(np.float32)) / 255
    draw = torch.Generator().manual_seed(0)
    binary = (torch.rand(gray.shape, generator=draw) < gray).float()
    own = -machine.free_energy(binary).double().detach() - found.log_z
    assert found.test.log_likelihood == pytest.approx(float(own.mean()), abs=4 * found.test.spread)
    assert found.test.log_likelihood > found.test.base_rates
    assert found.test.pseudo_likelihood is not None
    assert likelihood(run, root=run).stages == (found,)


@pytest.mark.parametrize(
    "how",
    [
        {"schedule": "greedy"},
        {"schedule": "joint", "through": True},
        {"schedule": "greedy-then-joint", "joint_epochs": 2},
    ],
)
def test_of_several_machines_each_is_measured_on_its_own_input(
    tiny: Tiny, tmp_path: Path, how: dict[str, Any]
) -> None:
    run = learned(tiny, tmp_path / "run", BERNOULLI, TOP, **how)
    low, top = likelihood(run, root=run, chains=50, steps=200).stages
    assert (low.stage, low.method, top.stage, top.method) == ("strokes", "exact", "top", "exact")
    assert top.test is not None
    # Eight binary units: no state is likelier than certain.
    assert top.test.log_likelihood < 0


def test_of_patches_a_gaussian_machine_is_annealed(tiny: Tiny, tmp_path: Path) -> None:
    run = learned(tiny, tmp_path / "run", GAUSSIAN)
    told: list[tuple[int, int]] = []

    class Told:
        def count(self, name: str, *, done: int, of: int, words: str = "") -> None:
            told.append((done, of))
            assert (name, words) == ("steps", "edges: 20 annealed chains")

        def stop(self) -> None:
            told.append((-1, -1))

    (found,) = likelihood(run, root=run, chains=20, steps=30, progress=Told()).stages  # pyright: ignore[reportArgumentType]
    assert told == [*((done, 30) for done in range(31)), (-1, -1)]
    assert (found.visible, found.hidden, found.method) == ("gaussian", 48, "ais")
    assert found.log_z_error > 0
    assert found.effective is not None
    assert found.test is not None
    assert found.test.pseudo_likelihood is None
    assert found.train.images == 90  # one patch of 6x6 in the middle of each image
    assert np.isfinite(found.test.log_likelihood)


def test_other_objectives_give_no_likelihood(trained: Path) -> None:
    with pytest.raises(UsageError, match="has no stage whose objective is `rbm`"):
        likelihood(trained, root=trained)
