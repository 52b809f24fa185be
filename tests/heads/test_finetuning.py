"""Setting up the training of a classifier, and its untrained control."""

from collections.abc import Callable

import msgspec
import pytest
import torch

from featlearn.config.recipe import Recipe
from featlearn.config.training import FinetuneSpec
from featlearn.errors import RecipeError
from featlearn.geometry import MapShape
from featlearn.heads.finetuning import start_finetuning, untrained_stack
from featlearn.heads.labels import labels_of
from featlearn.heads.problem import logits_of
from featlearn.networks.stack import Stack, build_stack
from featlearn.training.pictures import Pictures
from featlearn.training.settling import settle

Tiny = Callable[..., Recipe]
Labelled = Callable[..., Pictures]
IMAGE = MapShape(1, 8, 8)


def trained(recipe: Recipe, images: Pictures) -> Stack:
    stack = build_stack(recipe, IMAGE, seed=0, images=images.at(range(len(images))))
    settle(stack, images)
    return stack


def spec(**table: object) -> FinetuneSpec:
    plain = {"batch": 8, "epochs": 15, "optimizer": {"kind": "adamw", "lr": 0.02}}
    return msgspec.convert({**plain, **table}, FinetuneSpec)


@pytest.mark.parametrize("head", [{}, {"hidden": [8], "dropout": 0.2, "smoothing": 0.1}])
@pytest.mark.parametrize("freeze", [0, 2])
def test_it_learns_to_tell_classes_apart(
    tiny: Tiny, labelled: Labelled, head: dict[str, object], freeze: int
) -> None:
    images, unseen = labelled(), labelled(60, seed=9)
    work = start_finetuning(
        trained(tiny(), images),
        spec(head={"kind": "classification", **head}, freeze=freeze),
        images,
        sample=images,
        seed=0,
    )
    losses = [report.loss for report in work.loop.steps()]
    assert losses[0] == pytest.approx(torch.tensor(3.0).log().item(), rel=1e-4)
    assert losses[-1] < 0.7 * losses[0]
    right = logits_of(work.classifier, unseen).argmax(1) == labels_of(unseen)
    assert float(right.float().mean()) > 0.9


@pytest.mark.parametrize(("steps", "epochs"), [(0, 15), (45, 15), (46, 16), (100, 34)])
def test_epochs_are_added_until_there_are_steps_enough(
    tiny: Tiny, labelled: Labelled, steps: int, epochs: int
) -> None:
    images = labelled()  # three batches of eight
    work = start_finetuning(
        trained(tiny(), images), spec(steps=steps), images, sample=images, seed=0
    )
    assert work.loop.epochs == epochs


def test_steps_are_counted_as_they_are_taken(tiny: Tiny, labelled: Labelled) -> None:
    images = labelled(25)  # three batches of eight, and one image that each epoch leaves out
    work = start_finetuning(
        trained(tiny(), images), spec(epochs=1, steps=4), images, sample=images, seed=0
    )
    assert len(list(work.loop.steps())) >= 4


def test_a_warmup_must_leave_a_step(tiny: Tiny, labelled: Labelled) -> None:
    images = labelled()  # 45 steps, as above
    stack, rate = trained(tiny(), images), {"kind": "cosine", "warmup": 45}
    with pytest.raises(
        RecipeError, match=r"finetune: finetune\.rate\.warmup is 45 steps, and there are 45 in all"
    ):
        start_finetuning(stack, spec(rate=rate), images, sample=images, seed=0)
    start_finetuning(stack, spec(rate=rate, steps=46), images, sample=images, seed=0)


def test_single_images_have_no_batch_statistics(tiny: Tiny, labelled: Labelled) -> None:
    dense = msgspec.to_builtins(tiny().stages[1]) | {"norm": {"kind": "batch"}}
    images = labelled()
    stack = trained(tiny(stages=[dense]), images)
    with pytest.raises(RecipeError, match=r"stage 'parts': .* set finetune.batch above 1"):
        start_finetuning(stack, spec(batch=1), images, sample=images, seed=0)
    frozen = spec(batch=1, freeze=1, epochs=1)
    work = start_finetuning(stack, frozen, images, sample=images, seed=0)
    assert len(list(work.loop.steps())) == len(images)


def test_frozen_stages_stay_as_they_were(tiny: Tiny, labelled: Labelled) -> None:
    first, second = map(msgspec.to_builtins, tiny().stages)
    recipe = tiny(stages=[first | {"norm": {"kind": "batch"}}, second])
    images = labelled()
    stack = trained(recipe, images)
    before = {name: value.clone() for name, value in stack.state_dict().items()}
    work = start_finetuning(stack, spec(epochs=1, freeze=2), images, sample=images, seed=0)
    assert len(list(work.loop.steps())) == 3
    now = work.classifier.stack.state_dict()
    assert all(torch.equal(now[name], value) for name, value in before.items())
    assert bool(work.classifier.layers[-1].get_parameter("weight").any())


def test_the_control_is_under_the_constraints_of_learning(tiny: Tiny, labelled: Labelled) -> None:
    first, second = map(msgspec.to_builtins, tiny().stages)
    sparse = {"kind": "sparse", "penalty": {"kind": "l1", "weight": 0.1}}
    recipe = tiny(stages=[first, second | {"objective": sparse, "activation": "relu"}])
    images = labelled(60)
    control = untrained_stack(recipe, trained(recipe, images), images, seed=7)
    free, bound = (control.stage(place).filter.weight.detach() for place in range(2))
    lengths = [torch.linalg.vector_norm(weight, dim=(-3, -2, -1)) for weight in (free, bound)]
    assert (lengths[0] - 1).abs().max() > 0.05
    torch.testing.assert_close(lengths[1], torch.ones_like(lengths[1]))


def test_the_control_has_everything_but_the_learned_filters(tiny: Tiny, labelled: Labelled) -> None:
    first, second = map(msgspec.to_builtins, tiny().stages)
    recipe = tiny(
        stages=[first | {"norm": {"kind": "batch"}}, second], preprocess=[{"kind": "zca"}]
    )
    images = labelled(60)
    stack = trained(recipe, images)
    with torch.no_grad():  # as training would
        stack.stage(0).filter.weight.mul_(2)
    before = {name: value.clone() for name, value in stack.state_dict().items()}
    control = untrained_stack(recipe, stack, images, seed=7)

    x = images.at(range(20))
    assert torch.equal(control.prepare(x), stack.prepare(x))
    fresh = build_stack(recipe, IMAGE, seed=7, preprocess=stack.preparation)
    for place in range(2):
        own = control.stage(place).filter.weight
        assert torch.equal(own, fresh.stage(place).filter.weight)
        assert not torch.equal(own, stack.stage(place).filter.weight)
    settle(fresh, images)  # its own scaling and statistics, on the same images
    state = fresh.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in control.state_dict().items())

    with torch.no_grad():  # it shares no memory with what it is compared to
        for value in control.state_dict().values():
            value.zero_()
    assert all(torch.equal(value, before[name]) for name, value in stack.state_dict().items())
