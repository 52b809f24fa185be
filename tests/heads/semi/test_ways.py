"""Every way of learning from unlabelled images, in training."""

from collections.abc import Callable

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from featlearn.config.recipe import Recipe
from featlearn.config.semi import SEMI_KINDS
from featlearn.config.training import FinetuneSpec
from featlearn.datasets.imageset import ImageSet
from featlearn.errors import DataError, RecipeError
from featlearn.geometry import MapShape
from featlearn.heads.finetuning import Finetuning, start_finetuning
from featlearn.heads.labels import labels_of
from featlearn.heads.problem import logits_of
from featlearn.heads.semi.problem import SemiProblem
from featlearn.heads.semi.spreading import Propagation, _components
from featlearn.heads.semi.way import statistics_held
from featlearn.networks.stack import Stack, build_stack
from featlearn.stages.activation import BatchTopK
from featlearn.training.loop import Loop
from featlearn.training.pictures import Pictures
from featlearn.training.range_test import range_test
from featlearn.training.settling import settle

Tiny = Callable[..., Recipe]
Labelled = Callable[..., Pictures]
IMAGE = MapShape(1, 8, 8)


@pytest.fixture
def start(tiny: Tiny, labelled: Labelled) -> Callable[..., Finetuning]:
    """Set up fine-tuning on six labelled images and forty others."""

    def begin(semi: dict[str, object], **table: object) -> Finetuning:
        few, many = labelled(6), labelled(40, seed=5, labels=False)
        plain = {
            "batch": 6,
            "epochs": 30,
            "optimizer": {"kind": "adamw", "lr": 0.02},
            "augment": [{"kind": "shift", "pixels": 0.5}],
            "semi": {"batch": 12, "ramp": 0.0, **semi},
        }
        spec = msgspec.convert({**plain, **table}, FinetuneSpec)
        return start_finetuning(
            _settled(tiny(), many), spec, few, sample=many, unlabelled=many, seed=3
        )

    return begin


def _settled(recipe: Recipe, images: Pictures) -> Stack:
    stack = build_stack(recipe, IMAGE, seed=0, images=images.at(range(len(images))))
    settle(stack, images)
    return stack


def weights(work: Finetuning) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in work.classifier.state_dict().items()}


@pytest.mark.parametrize("kind", SEMI_KINDS)
def test_it_learns_the_classes_and_lowers_its_own_loss(
    start: Callable[..., Finetuning], labelled: Labelled, kind: str
) -> None:
    work = start({"kind": kind}, epochs=120 if "ladder" in kind else 30)
    reports = list(work.loop.steps())
    assert set(reports[0].terms) - {"cross_entropy"}, "unlabelled images are learned from"
    ends = [sum(r.loss for r in part) for part in (reports[:5], reports[-5:])]
    assert ends[1] < ends[0]
    unseen = labelled(60, seed=9)
    right = logits_of(work.classifier, unseen).argmax(1) == labels_of(unseen)
    assert float(right.float().mean()) > 0.8


@pytest.mark.parametrize("kind", SEMI_KINDS)
def test_it_goes_on_where_it_was_cut_off(start: Callable[..., Finetuning], kind: str) -> None:
    """Bit for bit, whatever the way keeps beside the classifier."""
    own = {"align": 0.9, "spread": {"neighbours": 4}} if kind == "fixmatch" else {}
    semi = {"kind": kind, "ramp": 0.5, **own}
    whole = start(semi, epochs=8)
    list(whole.loop.steps())
    first, second = start(semi, epochs=8), start(semi, epochs=8)
    steps = first.loop.steps()
    for _ in range(3):
        next(steps)
    tensors, values = first.loop.save()
    kept = {name: value.clone() for name, value in tensors.items()}
    second.classifier.load_state_dict(weights(first))
    second.loop.restore(kept, msgspec.json.decode(msgspec.json.encode(values)))
    list(second.loop.steps())
    for name, value in weights(whole).items():
        torch.testing.assert_close(weights(second)[name], value, rtol=0, atol=0)


@pytest.mark.parametrize("kind", SEMI_KINDS)
def test_what_is_frozen_stays(start: Callable[..., Finetuning], kind: str) -> None:
    work = start({"kind": kind}, freeze=1, epochs=2)
    before = {k: v.clone() for k, v in work.classifier.stack.stage(0).state_dict().items()}
    list(work.loop.steps())
    for name, value in work.classifier.stack.stage(0).state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


@pytest.mark.parametrize("of", ["features", "images"])
def test_labels_spread_to_images_of_their_class(start: Callable[..., Finetuning], of: str) -> None:
    """Six labelled bars name forty others, which `labelled` draws in the order of classes."""
    semi = {"kind": "propagation", "of": of, "neighbours": 4, "components": 3}
    problem = start(semi).loop.problem
    assert isinstance(problem, SemiProblem)
    way = problem.way
    assert isinstance(way, Propagation)
    truth = torch.arange(40) % 3
    assert float((way.labels == truth).float().mean()) > 0.9
    assert float(way.clear.min()) >= 0
    assert float(way.clear.max()) <= 1


def test_a_teacher_is_outvoted_by_what_spread(start: Callable[..., Finetuning]) -> None:
    """A teacher who is sure of nothing teaches what spread; without it nothing is clear."""
    semi = {"kind": "fixmatch", "threshold": 0.9}
    spread = {"weight": 20.0, "neighbours": 4, "components": 3}
    alone, taught = (
        float(next(start(one).loop.steps()).terms["pseudo_label"])
        for one in (semi, {**semi, "spread": spread})
    )
    assert alone == 0
    assert taught > 0.5  # near log 3, of a head whose weights begin at zero


def test_what_all_features_share_changes_no_neighbour() -> None:
    """Whether components are left out or not: the cosine is of what differs from the mean."""
    features = torch.rand(40, 6, generator=torch.Generator().manual_seed(0))
    for count in (4, 6):
        plain, moved = (_components(x, count) for x in (features, features + 50))
        torch.testing.assert_close(plain @ plain.T, moved @ moved.T, atol=1e-3, rtol=1e-3)


def test_rates_are_tried_with_a_teacher_that_follows(start: Callable[..., Finetuning]) -> None:
    work = start({"kind": "mean-teacher"}, epochs=4)
    average = work.loop.average
    assert average is not None
    before = {name: value.clone() for name, value in average.values.items()}
    begun = weights(work)
    range_test(work.loop.problem, work.loop.spec, seed=0, average=average)
    assert any(not torch.equal(before[name], value) for name, value in average.values.items())
    assert all(torch.equal(begun[name], value) for name, value in weights(work).items())


def test_more_neighbours_than_images(start: Callable[..., Finetuning]) -> None:
    with pytest.raises(DataError, match=r"neighbours is 46, but there are 46 images in all"):
        start({"kind": "propagation", "neighbours": 46})
    with pytest.raises(DataError, match=r"semi\.spread\.neighbours is 50, but there are 46"):
        start({"kind": "fixmatch", "spread": {"neighbours": 50}})


def test_before_its_time_the_loss_is_that_of_the_labels_alone(
    start: Callable[..., Finetuning],
) -> None:
    work = start({"kind": "vat", "wait": 0.5, "ramp": 0.5}, epochs=10)
    reports = list(work.loop.steps())
    waited = [set(report.terms) == {"cross_entropy"} for report in reports]
    assert waited == [True] * 5 + [False] * 5


def test_the_teacher_is_the_average_and_what_is_kept(start: Callable[..., Finetuning]) -> None:
    work = start({"kind": "mean-teacher"}, epochs=3)
    average = work.loop.average
    assert average is not None
    assert average.decay == 0.999
    list(work.loop.steps())
    for name, value in average.values.items():
        torch.testing.assert_close(weights(work)[name], value, rtol=0, atol=0)


def test_the_teacher_answers_as_a_network_of_the_averaged_weights(
    start: Callable[..., Finetuning],
) -> None:
    work = start({"kind": "fixmatch"}, epochs=4)
    problem, loop = work.loop.problem, work.loop
    assert isinstance(problem, SemiProblem)
    steps = loop.steps()
    next(steps)
    next(steps)
    images = problem.unlabelled.at(range(5))
    taught = problem._teach(images)
    assert work.classifier.training
    assert loop.average is not None
    with loop.average.in_use(), torch.no_grad():
        work.classifier.eval()
        torch.testing.assert_close(taught, work.classifier(images))


def test_a_ladder_learns_labels_under_noise(start: Callable[..., Finetuning]) -> None:
    """Two passes over the same labelled images differ, and in use they do not."""
    work = start({"kind": "ladder"})
    problem = work.loop.problem
    assert isinstance(problem, SemiProblem)
    rows = torch.arange(6)
    last = work.classifier.layers[-1]
    assert isinstance(last, nn.Linear)
    nn.init.normal_(last.weight, generator=torch.Generator().manual_seed(1))
    first, second = (
        problem.terms(rows, torch.Generator().manual_seed(k))["cross_entropy"].detach()
        for k in (1, 2)
    )
    assert float(first) != float(second)
    work.classifier.eval()
    images = problem.images.at(rows)
    torch.testing.assert_close(work.classifier(images), work.classifier(images), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ({"kind": "regression"}, "'vat' compares probabilities of classes"),
        ({"kind": "classification", "loss": "hinge"}, 'loss = "softmax"'),
    ],
)
def test_other_heads_have_no_probabilities(head: dict[str, object], said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.convert({"head": head, "semi": {"kind": "vat"}}, FinetuneSpec)


@pytest.mark.parametrize("kind", ["pi", "fixmatch"])
@pytest.mark.parametrize("augment", [[], [{"kind": "mixup"}]])
def test_an_image_needs_changes_to_be_compared_with(kind: str, augment: list[object]) -> None:
    with pytest.raises(msgspec.ValidationError, match="name some in `augment`"):
        msgspec.convert({"semi": {"kind": kind}, "augment": augment}, FinetuneSpec)


def test_a_ladder_that_rebuilds_nothing() -> None:
    with pytest.raises(msgspec.ValidationError, match="nothing would be rebuilt"):
        msgspec.convert({"semi": {"kind": "ladder", "costs": [0, 0]}}, FinetuneSpec)


def test_a_ladder_needs_a_stage_that_learns(start: Callable[..., Finetuning]) -> None:
    with pytest.raises(RecipeError, match=r"finetune\.freeze keeps all 2"):
        start({"kind": "ladder"}, freeze=2)
    list(start({"kind": "ladder-gamma"}, freeze=2, epochs=2).loop.steps())


@pytest.mark.parametrize("kind", ["ladder", "ladder-gamma"])
def test_a_ladder_normalises_over_two_images_or_more(kind: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="`batch` must be at least 2"):
        msgspec.convert({"semi": {"kind": kind, "batch": 1}}, FinetuneSpec)
    with pytest.raises(msgspec.ValidationError, match="`batch` must be at least 2"):
        msgspec.convert({"semi": {"kind": kind}, "batch": 1}, FinetuneSpec)


def test_batches_of_one_image_have_no_statistics(tiny: Tiny, labelled: Labelled) -> None:
    stages = msgspec.to_builtins(tiny().stages)
    stages[1]["norm"] = {"kind": "batch"}
    few, many = labelled(6), labelled(40, seed=5, labels=False)
    spec = msgspec.convert({"semi": {"kind": "vat", "batch": 1}}, FinetuneSpec)
    stack = _settled(tiny(stages=stages), many)
    with pytest.raises(RecipeError, match=r"set finetune\.semi\.batch above 1"):
        start_finetuning(stack, spec, few, sample=many, unlabelled=many, seed=0)


def test_only_what_leads_down_a_ladder_decays(start: Callable[..., Finetuning]) -> None:
    problem = start({"kind": "ladder"}).loop.problem
    assert isinstance(problem, SemiProblem)
    decaying, rest = problem.way.groups(problem.classifier)
    assert "weight_decay" not in decaying
    assert rest["weight_decay"] == 0
    assert len(decaying["params"]) == 3
    assert len(rest["params"]) == 4


def test_nothing_is_left_to_rebuild_where_all_is_frozen(start: Callable[..., Finetuning]) -> None:
    with pytest.raises(RecipeError, match=r"no stage that learns here has an objective"):
        start({"kind": "reconstruction"}, freeze=2)


def test_unlabelled_images_of_another_shape(tiny: Tiny, labelled: Labelled) -> None:
    few = labelled(6)
    other = Pictures(
        ImageSet(np.zeros((5, 1, 9, 9), np.uint8), None, (), None, "others"), few.device
    )
    spec = msgspec.convert({"semi": {"kind": "vat"}}, FinetuneSpec)
    with pytest.raises(DataError, match=r"others: unlabelled images must have the shape"):
        start_finetuning(_settled(tiny(), few), spec, few, sample=few, unlabelled=other, seed=0)


def test_a_loop_saves_what_stands_aside(start: Callable[..., Finetuning]) -> None:
    loop: Loop = start({"kind": "ladder"}).loop
    next(loop.steps())
    tensors, _ = loop.save()
    assert int(tensors["aside.taken"]) == 1
    assert not any(name.startswith("aside") for name in loop.problem.module.state_dict())


def test_what_a_batch_top_k_activation_measures_is_held_too() -> None:
    part = BatchTopK(1).train()
    with statistics_held(part):
        part(torch.ones(2, 3, 1, 1))
    assert int(part.batches) == 0
    part(torch.ones(2, 3, 1, 1))
    assert int(part.batches) == 1
