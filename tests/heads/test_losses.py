"""Losses of heads against loops, and what they refuse."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor

from featlearn.config.heads import (
    ClassificationSpec,
    HeadSpec,
    MultiLabelSpec,
    RegressionSpec,
)
from featlearn.config.recipe import Recipe
from featlearn.config.training import FinetuneSpec
from featlearn.errors import DataError, RecipeError
from featlearn.geometry import MapShape
from featlearn.heads.classifier import Classifier
from featlearn.heads.finetuning import start_finetuning
from featlearn.heads.losses import build_head_loss, class_weights
from featlearn.heads.problem import logits_of
from featlearn.networks.stack import build_stack
from featlearn.training.pictures import Pictures

Tiny = Callable[..., Recipe]
Labelled = Callable[..., Pictures]


def aimed(images: Pictures, targets: Any, names: tuple[str, ...] = ("a", "b")) -> Pictures:
    """Give images targets in place of classes."""
    values = np.asarray(targets, np.float32)
    made = replace(images.set, labels=None, classes=(), targets=values, target_names=names)
    return Pictures(made, images.device)


def loss_of(spec: HeadSpec, images: Pictures, tiny: Tiny, outputs: Tensor) -> np.ndarray:
    stack = build_stack(tiny(), MapShape(1, 8, 8), seed=0)
    head = Classifier(stack, spec, classes=outputs.shape[1], freeze=0, seed=0)
    if isinstance(spec, RegressionSpec):
        head.target_centre.copy_(torch.tensor([1.0, 2.0]))
        head.target_scale.copy_(torch.tensor([0.5, 4.0]))
    loss = build_head_loss(spec, head, images)
    return loss.each(outputs, loss.aims(images)).numpy()


OUTPUTS = torch.randn(6, 2, generator=torch.Generator().manual_seed(0))
TARGETS = np.random.default_rng(0).normal(size=(6, 2)) * [0.5, 4] + [1, 2]


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        (RegressionSpec(), lambda e: e**2),
        (RegressionSpec(loss="l1"), abs),
        (RegressionSpec(loss="huber"), lambda e: e**2 / 2 if abs(e) <= 1 else abs(e) - 0.5),
        (
            RegressionSpec(loss="huber", delta=0.3),
            lambda e: e**2 / 2 if abs(e) <= 0.3 else 0.3 * (abs(e) - 0.15),
        ),
    ],
)
def test_numbers_are_compared_in_their_deviations(
    spec: RegressionSpec, error: Callable[[float], float], tiny: Tiny, labelled: Labelled
) -> None:
    wanted = (TARGETS - [1, 2]) / [0.5, 4]
    off = OUTPUTS.double().numpy() - wanted
    expected = [np.mean([error(e) for e in row]) for row in off]
    found = loss_of(spec, aimed(labelled(6), TARGETS), tiny, OUTPUTS)
    assert found.tolist() == pytest.approx(expected, rel=1e-5)


def test_labels_have_sigmoids_of_their_own(tiny: Tiny, labelled: Labelled) -> None:
    has = np.array([[1, 0], [0, 0], [1, 1]] * 2)
    p = 1 / (1 + np.exp(-OUTPUTS.double().numpy()))
    expected = -np.where(has, np.log(p), np.log(1 - p)).mean(1)
    found = loss_of(MultiLabelSpec(), aimed(labelled(6), has), tiny, OUTPUTS)
    assert found.tolist() == pytest.approx(expected.tolist(), rel=1e-5)


@pytest.mark.parametrize("loss", ["softmax", "hinge"])
def test_weights_multiply_the_loss_of_their_class(
    loss: Any, tiny: Tiny, labelled: Labelled
) -> None:
    images = labelled(7)  # classes 0, 1, 2, 0, 1, 2, 0
    outputs = torch.randn(7, 3, generator=torch.Generator().manual_seed(1))
    table = {"bar 0": 2.0, "bar 2": 6.0}
    plain = loss_of(ClassificationSpec(loss=loss), images, tiny, outputs)
    found = loss_of(ClassificationSpec(loss=loss, weights=table), images, tiny, outputs)
    given = np.array([2, 1, 6, 2, 1, 6, 2])
    assert found.tolist() == pytest.approx((plain * given / given.mean()).tolist(), rel=1e-5)


def test_balanced_weights_are_scikit_learn_s(labelled: Labelled) -> None:
    from sklearn.utils.class_weight import compute_class_weight

    images = labelled(8)
    found = class_weights(ClassificationSpec(weights="balanced"), images)
    assert found is not None
    assert images.set.labels is not None
    wanted = compute_class_weight("balanced", classes=np.arange(3), y=images.set.labels)
    assert found.tolist() == pytest.approx(wanted.tolist())
    with pytest.raises(RecipeError, match=r"weights names the class 'cat', which bars does not"):
        class_weights(ClassificationSpec(weights={"cat": 2.0}), images)


def test_what_does_not_go_together_is_refused(tiny: Tiny, labelled: Labelled) -> None:
    with pytest.raises(ValueError, match="`smoothing` belongs to"):
        ClassificationSpec(loss="hinge", smoothing=0.1)
    with pytest.raises(ValueError, match="`delta` belongs to"):
        RegressionSpec(delta=0.1)
    with pytest.raises(DataError, match="bars has no targets, and this head needs them"):
        loss_of(MultiLabelSpec(), labelled(6), tiny, OUTPUTS)
    odd = aimed(labelled(6), [[0, 1]] * 5 + [[0, 0.5]])
    with pytest.raises(DataError, match=r"target 'b' of image 5 is 0\.5; .* takes 0 or 1"):
        loss_of(MultiLabelSpec(), odd, tiny, OUTPUTS)


def start(head: Mapping[str, object], images: Pictures, tiny: Tiny, **table: object) -> Any:
    spec = {"batch": 8, "epochs": 20, "optimizer": {"kind": "adamw", "lr": 0.02}, "head": head}
    stack = build_stack(tiny(), MapShape(1, 8, 8), seed=0)
    finetune = msgspec.convert({**spec, **table}, FinetuneSpec)
    return start_finetuning(stack, finetune, images, sample=images, validation=images, seed=0)


@pytest.mark.parametrize("pool", ["none", "avg", "max"])
def test_numbers_are_learned_and_given_in_their_unit(
    tiny: Tiny, labelled: Labelled, pool: str
) -> None:
    bars = labelled(24)
    assert bars.set.labels is not None
    wanted = np.stack([100 + 7 * bars.set.labels, -bars.set.labels], axis=1)
    images = aimed(bars, wanted)
    head = {"kind": "regression", "pool": pool, "hidden": [8]}
    work = start(head, images, tiny)
    losses = [report.loss for report in work.loop.steps()]
    outputs = logits_of(work.classifier, images)
    said = work.classifier.answers(outputs).numpy()
    assert np.mean(losses[:3]) == pytest.approx(1.0, abs=0.35)  # the variance, in deviations
    assert np.abs(said - wanted)[:, 0].mean() < 3
    held = work.loop.state.held_out
    assert set(held) == {"l2", "loss"}
    assert held["loss"] == pytest.approx(
        np.square((said - wanted) / wanted.std(0)).mean(), rel=1e-3
    )


def test_sets_of_labels_are_learned(tiny: Tiny, labelled: Labelled) -> None:
    bars = labelled(24)
    assert bars.set.labels is not None
    images = aimed(bars, np.stack([bars.set.labels == 0, bars.set.labels != 1], axis=1))
    work = start({"kind": "multi-label"}, images, tiny)
    losses = [report.loss for report in work.loop.steps()]
    assert losses[0] == pytest.approx(np.log(2), rel=1e-4)
    assert work.loop.state.held_out["error"] < 0.05


@pytest.mark.parametrize("head", [{"loss": "hinge"}, {"pool": "max", "weights": "balanced"}])
def test_other_classifications_learn(
    tiny: Tiny, labelled: Labelled, head: dict[str, object]
) -> None:
    work = start({"kind": "classification", **head}, labelled(24), tiny, ema=0.9)
    losses = [report.loss for report in work.loop.steps()]
    assert losses[0] == pytest.approx(3.0 if "loss" in head else np.log(3), rel=1e-4)
    assert work.loop.state.held_out["error"] < 0.2


def test_targets_that_teach_nothing_are_refused(tiny: Tiny, labelled: Labelled) -> None:
    still = aimed(labelled(6), [[k, 3.0] for k in range(6)])
    with pytest.raises(DataError, match="target 'b' is the same for all 6 labelled images"):
        start({"kind": "regression"}, still, tiny)
    alike = aimed(labelled(6), [[0, 1]] * 6)
    with pytest.raises(DataError, match="the 6 labelled images are all labelled alike"):
        start({"kind": "multi-label"}, alike, tiny)


def test_pooled_heads_see_a_mean_or_a_maximum(tiny: Tiny) -> None:
    (edges, _) = map(msgspec.to_builtins, tiny().stages)
    stack = build_stack(tiny(stages=[edges]), MapShape(1, 8, 8), seed=0)
    x = torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    for pool, reduced in (("avg", Tensor.mean), ("max", Tensor.amax)):
        spec = ClassificationSpec(pool=pool)  # type: ignore[arg-type]
        head = Classifier(stack, spec, classes=3, freeze=0, seed=0)
        weight = head.layers[0].get_parameter("weight")
        assert weight.shape == (3, 4)
        torch.nn.init.normal_(weight, generator=torch.Generator().manual_seed(1))
        maps = stack(x)[-1].output
        torch.testing.assert_close(head(x), reduced(maps, (2, 3)) @ weight.T)
