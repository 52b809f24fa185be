"""What stages measure on training data."""

import contextlib
from collections.abc import Callable

import msgspec
import numpy as np
import pytest
import torch

from featlearn.config.recipe import Recipe
from featlearn.errors import DataError, RecipeError
from featlearn.geometry import MapShape
from featlearn.networks.stack import Stack, build_stack
from featlearn.stages.activation import BatchTopK
from featlearn.stages.norm import BatchNorm
from featlearn.training import settling
from featlearn.training.pictures import Pictures
from featlearn.training.pretraining import Pretraining
from featlearn.training.settling import (
    check_norms,
    fit_scaler,
    fitting_sample,
    following,
    settle,
    settle_norm,
)

Tiny = Callable[..., Recipe]
Make = Callable[..., Pictures]


def normalised(tiny: Tiny) -> Stack:
    first, second = tiny().stages
    spec = msgspec.to_builtins(first) | {"norm": {"kind": "batch"}}
    return build_stack(tiny(stages=[spec, msgspec.to_builtins(second)]), MapShape(1, 8, 8), seed=0)


def test_a_stage_s_input_is_standardised(tiny: Tiny, pictures: Make) -> None:
    stack, images = build_stack(tiny(), MapShape(1, 8, 8), seed=0), pictures(300)
    fit_scaler(stack, 0, images)
    fit_scaler(stack, 1, images)
    whole = images.at(range(300))
    pixels = stack.stage(0).scaler(whole)
    assert abs(float(pixels.mean())) < 1e-5
    assert abs(float(pixels.std(correction=0)) - 1) < 1e-5
    units = stack.stage(1).scaler(stack.maps_below(whole, 1))  # dense: unit by unit
    torch.testing.assert_close(units.mean(0), torch.zeros(4, 3, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(units.std(0, correction=0), torch.ones(4, 3, 3), atol=1e-4, rtol=0)


def test_a_threshold_is_the_plain_mean_over_batches(
    tiny: Tiny, pictures: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tiny().stages
    spec = msgspec.to_builtins(first) | {"activation": {"kind": "batch-top-k", "k": 1}}
    recipe = tiny(stages=[spec, msgspec.to_builtins(second)])
    stack, images = build_stack(recipe, MapShape(1, 8, 8), seed=0), pictures(90)
    stage = stack.stage(0)
    assert isinstance(stage.activation, BatchTopK)
    stage.activation.threshold.fill_(5.0)
    stage.activation.batches.fill_(7)
    monkeypatch.setattr(settling, "measured_at_once", lambda _stack: 40)
    settle_norm(stack, 0, images)
    least: list[float] = []
    for rows in np.array_split(np.arange(90), 3):
        maps = stack.maps_below(images.at(rows), 0)
        responses = stage.responses(stage.scaler(maps)).detach()
        positions = responses.numel() // 4
        least.append(float(responses.flatten().sort(descending=True).values[positions - 1]))
    assert float(stage.activation.threshold) == pytest.approx(np.mean(least), rel=1e-5)
    assert int(stage.activation.batches) == 3
    assert stage.activation.momentum == 0.01
    assert not stage.activation.training


def test_batch_statistics_are_plain_averages(tiny: Tiny, pictures: Make) -> None:
    stack, images = normalised(tiny), pictures(100)
    norm = stack.stage(0).norm
    assert isinstance(norm, BatchNorm)
    settle_norm(stack, 0, images)
    pooled = stack(images.at(range(100)))[0].pooled
    assert pooled is not None
    torch.testing.assert_close(norm.running_mean, pooled.mean((0, 2, 3)))
    torch.testing.assert_close(norm.running_var, pooled.transpose(0, 1).flatten(1).var(1))
    assert norm.momentum == 0.1
    assert not norm.training


def test_settling_goes_bottom_first_and_once_is_enough(tiny: Tiny, pictures: Make) -> None:
    stack, images = normalised(tiny), pictures(50)
    settle(stack, images)
    once = {name: value.clone() for name, value in stack.state_dict().items()}
    settle(stack, images)
    now = stack.state_dict()
    assert all(torch.equal(now[name], value) for name, value in once.items())
    units = stack.stage(1).scaler(stack.maps_below(images.at(range(50)), 1))
    torch.testing.assert_close(units.mean(0), torch.zeros(4, 3, 3), atol=1e-5, rtol=0)


def test_the_sample_is_drawn_by_the_recipe_s_seed(tiny: Tiny, pictures: Make) -> None:
    images = pictures(24)

    def drawn(seed: int) -> torch.Tensor:
        sample = fitting_sample(tiny(pretrain={"fit_samples": 10}, seed=seed), images)
        return sample.at(range(len(sample)))

    assert len(drawn(0)) == 10
    assert torch.equal(drawn(0), drawn(0))
    assert not torch.equal(drawn(0), drawn(1))
    assert fitting_sample(tiny(), images) is images


def single(tiny: Tiny, **changes: object) -> Recipe:
    """Put batch normalisation after a dense stage, whose maps have one position."""
    _, dense = tiny().stages
    normalised = msgspec.to_builtins(dense) | {"norm": {"kind": "batch"}}
    return tiny(stages=[normalised, {**normalised, "name": "top"}], **changes)


@pytest.mark.parametrize("count", [2, 255, 256, 257, 513])
def test_no_image_is_left_over_for_batch_statistics(tiny: Tiny, pictures: Make, count: int) -> None:
    stack, images = build_stack(single(tiny), MapShape(1, 8, 8), seed=0), pictures(count)
    settle(stack, images)
    norm = stack.stage(0).norm
    assert isinstance(norm, BatchNorm)
    codes = stack(images.at(range(count)))[0].code
    torch.testing.assert_close(norm.running_mean, codes.mean((0, 2, 3)), atol=1e-3, rtol=1e-3)


def test_one_image_has_no_statistics(tiny: Tiny, pictures: Make) -> None:
    stack = build_stack(single(tiny), MapShape(1, 8, 8), seed=0)
    with pytest.raises(DataError, match=r"stage 'parts': .* needs two or more images.*; got 1"):
        settle(stack, pictures(1))


def test_batches_of_one_are_refused_where_they_have_no_statistics(
    tiny: Tiny, pictures: Make
) -> None:
    stack = build_stack(single(tiny), MapShape(1, 8, 8), seed=0)
    check_norms(stack, range(2), batch=2, samples=3, table="finetune")
    with pytest.raises(RecipeError, match=r"stage 'parts': batch norm.* set finetune.batch above"):
        check_norms(stack, range(2), batch=1, samples=3, table="finetune")
    with pytest.raises(DataError, match=r"two or more images to learn from; got 1"):
        check_norms(stack, range(2), batch=8, samples=1, table="finetune")
    check_norms(stack, [], batch=1, samples=3, table="finetune")
    # Over several positions one image is enough.
    check_norms(normalised(tiny), range(2), batch=1, samples=1, table="finetune")


def test_joint_training_by_single_images_is_refused_before_it_starts(
    tiny: Tiny, pictures: Make
) -> None:
    # The pooled map has one position, which only the shape of the images shows.
    first, second = map(msgspec.to_builtins, tiny().stages)
    pool = {"kind": "max", "size": 6}
    stages = [first | {"pool": pool, "norm": {"kind": "batch"}}, second]
    recipe = tiny(stages=stages, pretrain={"schedule": "joint", "batch": 1})
    with pytest.raises(RecipeError, match=r"stage 'edges': .* set pretrain.batch above 1"):
        Pretraining(recipe, pictures(4), held_out=None)
    greedy = tiny(stages=stages, pretrain={"batch": 1})
    Pretraining(greedy, pictures(4), held_out=None)


@pytest.mark.parametrize("on", [True, False])
def test_scaling_follows_only_inside_and_only_where_asked(tiny: Tiny, on: bool) -> None:
    stack = build_stack(tiny(), MapShape(1, 8, 8), seed=0)
    scalers = [stack.stage(place).scaler for place in range(2)]
    with contextlib.suppress(KeyboardInterrupt), following(stack, on=on):
        assert [scaler.running for scaler in scalers] == [on, on]
        raise KeyboardInterrupt  # training that is stopped leaves the scaling frozen too
    assert [scaler.running for scaler in scalers] == [False, False]
