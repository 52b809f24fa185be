"""`evaluate --representation`: figures of a run's stages beside random weights."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

from featlearn.config.load import load_recipe
from featlearn.config.recipe import Recipe
from featlearn.datasets.source import open_splits
from featlearn.errors import ShapeError
from featlearn.evaluate.health import stack_health
from featlearn.networks.store import load_stack
from featlearn.training.pictures import Pictures
from featlearn.workflows.pretrain import pretrain
from featlearn.workflows.representation import representation

SHORT = ("pretrain.epochs=1", "stages.features.filter.maps=8", "data.limit=100")


def test_stages_are_described_on_test_images(trained: Path) -> None:
    result = representation(trained, root=trained)
    assert (result.source, result.split, result.images) == ("digits", "test", 500)
    assert [stage.units for stage in result.stages] == [36, 6]
    assert [stage.stage for stage in result.random_weights] == ["edges", "parts"]
    stack, recipe, _ = load_stack(trained)
    test = open_splits(recipe.data, root=trained, seed=recipe.seed).test
    assert test is not None
    images = torch.from_numpy(test.images).float() / (255 if test.images.dtype == np.uint8 else 1)
    one, two = (
        stack.encode(images, stage=name).detach().double().flatten(1).numpy()
        for name in ("edges", "parts")
    )
    one, two = one - one.mean(0), two - two.mean(0)
    norms = [np.linalg.norm(part.T @ part) for part in (one, two)]
    expected = np.linalg.norm(one.T @ two) ** 2 / (norms[0] * norms[1])
    assert result.cka[0] == pytest.approx((1, expected), rel=1e-4)
    assert result.cka[1] == pytest.approx((expected, 1), rel=1e-4)
    for value in result.cka_random:
        assert value is not None
        assert 0 < value < 1
    kurtosis = np.quantile(stats.kurtosis(two, axis=0), 0.5, method="lower")
    assert result.kurtosis[1] == pytest.approx(kurtosis, rel=1e-3)
    values = np.linalg.svd(two, compute_uv=False)
    shares = values / values.sum()
    rank = np.exp(-(shares * np.log(shares)).sum())
    assert result.stages[1].effective_rank == pytest.approx(rank, rel=1e-3)
    assert representation(trained, root=trained) == result
    rebuilt = [share.explained_variance for share in stack_health(stack, [images])]
    assert result.explained == pytest.approx(rebuilt, rel=1e-5)


def test_stages_are_compared_with_those_of_another_run(
    trained: Path, tmp_path: Path, tiny: Callable[..., Recipe]
) -> None:
    other = tmp_path / "other"
    pretrain(tiny(data={"limit": 100}, seed=3), out=other, root=other)
    result = representation(trained, against=[trained, other], root=trained)
    itself, beside = result.against
    for found, expected in zip(itself.cka, result.cka, strict=True):
        assert found == pytest.approx(expected, abs=1e-12)
    assert (beside.run, beside.stages) == (str(other), ("edges", "parts"))
    recipe = load_stack(trained).recipe
    test = open_splits(recipe.data, root=trained, seed=recipe.seed).test
    assert test is not None
    images = Pictures(test, torch.device("cpu")).at(np.arange(len(test)))
    x, y = (
        load_stack(run).stack.eval().encode(images, stage=name).detach().double().flatten(1).numpy()
        for run, name in ((trained, "edges"), (other, "parts"))
    )
    # By the Gram matrices of the images, as Kornblith et al. (ICML 2019) begin.
    centre = np.eye(len(x)) - 1 / len(x)
    one, two = centre @ x @ x.T @ centre, centre @ y @ y.T @ centre
    assert beside.cka[0][1] == pytest.approx(
        (one * two).sum() / (np.linalg.norm(one) * np.linalg.norm(two)), rel=1e-4
    )


def test_a_run_on_other_images_is_not_compared(trained: Path, tmp_path: Path) -> None:
    other = load_recipe("dense", overrides=("data.size=[9,9]", "data.fit='pad'", *SHORT))
    pretrain(other, out=tmp_path / "other", root=tmp_path)
    with pytest.raises(ShapeError, match=r"other takes 1 map of 9x9, but the run 1 map of 8x8"):
        representation(trained, against=[tmp_path / "other"], root=trained)
