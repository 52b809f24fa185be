"""Fine-tuning as a problem: its loss, its groups, its cache, its validation."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from featlearn.config.data import CutOutSpec, MixupSpec, ShiftSpec
from featlearn.config.heads import ClassificationSpec
from featlearn.config.recipe import Recipe
from featlearn.datasets.augment import build_augment
from featlearn.datasets.mixing import mix_up
from featlearn.errors import DataError
from featlearn.geometry import MapShape
from featlearn.heads.classifier import Classifier
from featlearn.heads.labels import labels_of
from featlearn.heads.problem import FinetuneProblem, fit_feature_scaler, logits_of
from featlearn.networks.stack import build_stack
from featlearn.training.pictures import Pictures

Tiny = Callable[..., Recipe]
Labelled = Callable[..., Pictures]


@pytest.fixture
def make(tiny: Tiny) -> Callable[..., Classifier]:
    def build(*, freeze: int = 0, classes: int = 3) -> Classifier:
        stack = build_stack(tiny(), MapShape(1, 8, 8), seed=0)
        classifier = Classifier(stack, ClassificationSpec(), classes=classes, freeze=freeze, seed=0)
        draw = torch.Generator().manual_seed(1)
        nn.init.normal_(classifier.layers[-1].get_parameter("weight"), generator=draw)
        return classifier

    return build


Make = Callable[..., Classifier]


def loss_of(problem: FinetuneProblem, rows: Tensor) -> float:
    terms = problem.terms(rows, torch.Generator().manual_seed(0))
    assert list(terms) == ["cross_entropy"]
    return float(terms["cross_entropy"].detach())


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_loss_is_the_mean_cross_entropy(
    make: Make, labelled: Labelled, smoothing: float
) -> None:
    classifier, images = make(), labelled()
    spec = ClassificationSpec(smoothing=smoothing)
    problem = FinetuneProblem(classifier, images, spec=spec)
    rows = torch.tensor([5, 0, 7, 22])
    logits = classifier(images.at(rows)).detach().double().numpy()
    logp = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    target = np.eye(3)[rows.numpy() % 3] * (1 - smoothing) + smoothing / 3
    assert loss_of(problem, rows) == pytest.approx(-(target * logp).sum() / 4, rel=1e-5)


def test_frozen_features_are_computed_once_and_change_nothing(
    make: Make, labelled: Labelled
) -> None:
    images, rows = labelled(), torch.tensor([3, 1, 2])
    cached = FinetuneProblem(make(freeze=2), images, spec=ClassificationSpec())
    direct = FinetuneProblem(make(freeze=1), images, spec=ClassificationSpec())
    assert cached.cache is not None
    assert direct.cache is None
    assert loss_of(cached, rows) == pytest.approx(loss_of(direct, rows), rel=1e-6)
    augment = build_augment([ShiftSpec(pixels=1.0)])
    moved = FinetuneProblem(make(freeze=2), images, spec=ClassificationSpec(), augment=augment)
    assert moved.cache is None
    assert loss_of(moved, rows) != pytest.approx(loss_of(direct, rows), rel=1e-6)


def logp_of(classifier: Classifier, images: Tensor) -> np.ndarray:
    logits = classifier(images).detach().double().numpy()
    return logits - np.log(np.exp(logits).sum(1, keepdims=True))


@pytest.mark.parametrize("freeze", [0, 2])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_mixed_images_have_mixed_labels(
    make: Make, labelled: Labelled, smoothing: float, freeze: int
) -> None:
    """The loss is the cross-entropy with the mixed (and smoothed) target itself."""
    classifier, images, rows = make(freeze=freeze), labelled(), torch.tensor([5, 0, 7, 22, 2])
    spec = ClassificationSpec(smoothing=smoothing)
    problem = FinetuneProblem(
        classifier, images, spec=spec, augment=build_augment([MixupSpec(alpha=0.7)])
    )
    assert problem.cache is None
    mixed = mix_up(images.at(rows), alpha=0.7, generator=torch.Generator().manual_seed(0))
    one_hot = np.eye(3)[rows.numpy() % 3] * (1 - smoothing) + smoothing / 3
    share = mixed.share.double().numpy()[:, None]
    target = share * one_hot + (1 - share) * one_hot[mixed.partner.numpy()]
    expected = -(target * logp_of(classifier, mixed.images)).sum(1).mean()
    assert loss_of(problem, rows) == pytest.approx(expected, rel=1e-5)


def test_mixing_comes_after_the_other_changes(make: Make, labelled: Labelled) -> None:
    classifier, images, rows = make(), labelled(), torch.tensor([3, 1, 2])
    both = build_augment([MixupSpec(alpha=1.0), CutOutSpec(size=3)])
    problem = FinetuneProblem(classifier, images, spec=ClassificationSpec(), augment=both)
    draw = torch.Generator().manual_seed(0)
    cut = build_augment([CutOutSpec(size=3)])(images.at(rows), draw)
    mixed = mix_up(cut, alpha=1.0, generator=draw)
    labels = rows % 3
    own, other = (
        nn.functional.cross_entropy(classifier(mixed.images), aims, reduction="none")
        for aims in (labels, labels[mixed.partner])
    )
    expected = (mixed.share * own + (1 - mixed.share) * other).mean()
    assert loss_of(problem, rows) == pytest.approx(float(expected.detach()), rel=1e-5)


def test_mixed_images_learn_in_half_precision(make: Make, labelled: Labelled) -> None:
    augment = build_augment([MixupSpec(), CutOutSpec(size=3)])
    problem = FinetuneProblem(make(), labelled(), spec=ClassificationSpec(), augment=augment)
    exact = loss_of(problem, torch.arange(24))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert loss_of(problem, torch.arange(24)) == pytest.approx(exact, rel=0.02)


@pytest.mark.parametrize(("freeze", "stages"), [(0, [0, 1]), (1, [1]), (2, [])])
def test_head_filters_and_norms_learn_and_decoders_do_not(
    make: Make, labelled: Labelled, freeze: int, stages: list[int]
) -> None:
    classifier = make(freeze=freeze)
    problem = FinetuneProblem(classifier, labelled(), spec=ClassificationSpec(), stack_lr=0.1)
    scales = {id(p): group["scale"] for group in problem.groups() for p in group["params"]}
    expected = {id(p): 1.0 for p in classifier.layers.parameters()}
    for place in stages:
        stage = classifier.stack.stage(place)
        expected |= {id(p): 0.1 for p in stage.filter.parameters()}
    assert scales == expected


def test_validation_is_measured_as_in_use(make: Make, labelled: Labelled) -> None:
    classifier, kept = make(), labelled(10, seed=5)
    problem = FinetuneProblem(classifier, labelled(), spec=ClassificationSpec(), validation=kept)
    found = problem.held_out()
    assert found is not None
    logits = logits_of(classifier, kept)
    truth = torch.arange(10) % 3
    assert found["error"] == pytest.approx(float((logits.argmax(1) != truth).float().mean()))
    assert found["loss"] == found["cross_entropy"]
    assert found["loss"] == pytest.approx(float(nn.functional.cross_entropy(logits, truth)))
    problem.held_out()
    assert classifier.training
    assert FinetuneProblem(classifier, kept, spec=ClassificationSpec()).held_out() is None


def test_features_are_scaled_unit_by_unit_whatever_the_labels(
    make: Make, labelled: Labelled
) -> None:
    classifier, images = make(), labelled(60, labels=False)
    fit_feature_scaler(classifier, images)
    scaled = classifier.scaler(classifier.features(images.at(range(60)))).detach()
    torch.testing.assert_close(scaled.mean(0), torch.zeros(6, 1, 1), atol=1e-5, rtol=0)


def test_images_without_labels_are_refused(make: Make, labelled: Labelled) -> None:
    with pytest.raises(DataError, match="bars has no labels, and a classifier needs them"):
        FinetuneProblem(make(), labelled(labels=False), spec=ClassificationSpec())


def test_labels_of_one_class_are_refused(make: Make, labelled: Labelled) -> None:
    images = labelled()
    alike = Pictures(images.set.subset(np.array([0, 3, 6])), images.device)
    with pytest.raises(DataError, match="bars: the 3 labelled images are all of one class"):
        FinetuneProblem(make(), alike, spec=ClassificationSpec())


def test_labels_come_as_they_are(labelled: Labelled) -> None:
    assert labels_of(labelled(5)).tolist() == [0, 1, 2, 0, 1]


@pytest.mark.parametrize("many", [1, 300])
def test_logits_come_in_the_order_of_the_images(make: Make, labelled: Labelled, many: int) -> None:
    classifier, images = make(), labelled(many)
    whole = classifier.eval()(images.at(range(many)))
    torch.testing.assert_close(logits_of(classifier, images), whole.detach())
