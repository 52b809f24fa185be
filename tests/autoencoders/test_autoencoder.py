"""Objectives of a stage against their formulas, finite differences, and what they are for."""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from featlearn.autoencoders.autoencoder import AutoEncoder, DenoisingAutoEncoder, corrupt
from featlearn.autoencoders.build import build_objective
from featlearn.autoencoders.objective import LossTerms, Objective
from featlearn.config.autoencoding import GaussianNoiseSpec, MaskNoiseSpec, SaltPepperSpec
from featlearn.config.stages import StageSpec
from featlearn.geometry import MapShape
from featlearn.stages.stage import Stage, build_stage
from tests.autoencoders.oracles import check_slopes, descend

Array = NDArray[np.float64]
IMAGE = MapShape(2, 5, 6)
FILTERS: dict[str, dict[str, Any]] = {
    "dense": {"kind": "dense", "maps": 4},
    "conv": {"kind": "conv", "size": 3, "maps": 3, "stride": 2, "padding": "same"},
    "local": {"kind": "local", "size": 3, "maps": 2},
}
MASK = {"kind": "mask", "rate": 0.4}
OBJECTIVES: dict[str, dict[str, Any]] = {
    "plain": {"kind": "plain"},
    "plain cross-entropy": {"kind": "plain", "reconstruction": "cross-entropy"},
    "l1": {"kind": "sparse", "penalty": {"kind": "l1", "weight": 0.3}},
    "kl": {"kind": "sparse", "penalty": {"kind": "kl", "weight": 0.7, "target": 0.1}},
    "gaussian": {"kind": "denoising", "corruption": {"kind": "gaussian", "std": 0.2}},
    "mask": {
        "kind": "denoising",
        "corruption": MASK,
        "emphasis": {"corrupted": 1.5, "untouched": 0.25},
        "reconstruction": "cross-entropy",
    },
    "salt-pepper": {
        "kind": "denoising",
        "corruption": {"kind": "salt-pepper", "rate": 0.3},
        "penalty": {"kind": "l1", "weight": 0.2},
    },
}


def make(
    objective: dict[str, Any],
    kind: str = "dense",
    *,
    activation: str = "sigmoid",
    scaling: str = "unit",
    seed: int = 0,
    **changes: Any,
) -> Stage:
    """Build a stage in double precision, its biases moved off zero."""
    spec = {
        "name": "it",
        "filter": FILTERS[kind],
        "activation": activation,
        "input": scaling,
        "objective": objective,
        **changes,
    }
    draw = torch.Generator().manual_seed(seed)
    stage = build_stage(msgspec.convert(spec, StageSpec), IMAGE, generator=draw).double()
    with torch.no_grad():
        for name, parameter in stage.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(0, 0.3, generator=draw)
            elif name == "decoder.weight":  # it starts as a copy of the filter's
                parameter.mul_(1.3).add_(0.05)
    return stage


def batch(count: int = 4, seed: int = 1) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.rand(count, *IMAGE, generator=draw, dtype=torch.float64)


def objective_of(stage: Stage) -> Objective:
    assert stage.spec.objective is not None
    return build_objective(stage.spec.objective)


def terms(stage: Stage, x: Tensor, *, seed: int = 2) -> LossTerms:
    return objective_of(stage).terms(
        stage, x, target=x, generator=torch.Generator().manual_seed(seed)
    )


@torch.no_grad()
def figures(stage: Stage, x: Tensor, *, seed: int = 2) -> dict[str, float]:
    return {name: float(term) for name, term in terms(stage, x, seed=seed).items()}


@pytest.mark.parametrize("kind", FILTERS)
@pytest.mark.parametrize("decoder", ["tied", "untied"])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_gradients_are_those_of_finite_differences(kind: str, decoder: str, name: str) -> None:
    stage, x = make({**OBJECTIVES[name], "decoder": decoder}, kind), batch()
    parameters = dict(stage.named_parameters())
    assert ("decoder.weight" in parameters) == (decoder == "untied")
    check_slopes(stage, lambda: terms(stage, x), list(terms(stage, x)))


def dense_by_hand(stage: Stage, x: Array) -> tuple[Array, Array]:
    """Compute code and reconstruction of a dense stage with sigmoid units in NumPy."""
    parts = {name: value.detach().numpy() for name, value in stage.named_parameters()}
    weight = parts["filter.weight"].reshape(4, -1)
    columns = parts.get("decoder.weight", parts["filter.weight"]).reshape(4, -1)
    code = 1 / (1 + np.exp(-(x @ weight.T + parts["filter.bias"])))
    return code, code @ columns + parts["decoder.bias"].reshape(-1)


def flat(x: Tensor) -> Array:
    return x.flatten(1).numpy()


@pytest.mark.parametrize("decoder", ["tied", "untied"])
def test_squared_error_is_summed_over_inputs_and_averaged_over_the_batch(decoder: str) -> None:
    stage, x = make({"kind": "plain", "decoder": decoder}), batch()
    _, rebuilt = dense_by_hand(stage, flat(x))
    found = figures(stage, x)
    assert list(found) == ["reconstruction"]
    assert found["reconstruction"] == pytest.approx(((rebuilt - flat(x)) ** 2).sum() / 4)


def test_cross_entropy_takes_the_reconstruction_as_logits() -> None:
    stage, x = make(OBJECTIVES["plain cross-entropy"]), batch()
    _, logits = dense_by_hand(stage, flat(x))
    p, t = 1 / (1 + np.exp(-logits)), flat(x)
    expected = -(t * np.log(p) + (1 - t) * np.log(1 - p)).sum() / 4
    assert figures(stage, x)["reconstruction"] == pytest.approx(expected)


def test_l1_is_the_weighted_sum_of_absolute_codes() -> None:
    stage, x = make(OBJECTIVES["l1"]), batch()
    code, _ = dense_by_hand(stage, flat(x))
    assert figures(stage, x)["l1"] == pytest.approx(0.3 * np.abs(code).sum() / 4)


def bernoulli_kl(p: float, q: Array) -> Array:
    return p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))


def test_kl_compares_each_unit_s_mean_activity_with_the_target() -> None:
    stage, x = make(OBJECTIVES["kl"]), batch()
    code, _ = dense_by_hand(stage, flat(x))
    expected = 0.7 * bernoulli_kl(0.1, code.mean(0)).sum()
    assert figures(stage, x)["kl"] == pytest.approx(expected, rel=1e-4)


def test_kl_of_shared_filters_counts_a_map_s_activity_at_every_position() -> None:
    stage, x = make(OBJECTIVES["kl"], "conv"), batch()
    code = stage.code(x).detach().numpy()
    activity = code.mean((0, 2, 3))
    expected = 0.7 * bernoulli_kl(0.1, activity).sum() * code.shape[2] * code.shape[3]
    assert figures(stage, x)["kl"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("emphasis", [None, (2.0, 0.5), (1.0, 0.0)])
def test_denoising_rebuilds_the_clean_input_from_a_masked_one(
    emphasis: tuple[float, float] | None,
) -> None:
    objective: dict[str, Any] = {"kind": "denoising", "corruption": MASK}
    if emphasis is not None:
        objective["emphasis"] = {"corrupted": emphasis[0], "untouched": emphasis[1]}
    stage, x = make(objective), batch()
    draw = torch.Generator().manual_seed(2)
    masked = flat(torch.rand(x.shape, generator=draw) < 0.4)
    assert 0 < masked.sum() < masked.size
    _, rebuilt = dense_by_hand(stage, np.where(masked, 0.0, flat(x)))
    on, off = emphasis or (1.0, 1.0)
    expected = (np.where(masked, on, off) * (rebuilt - flat(x)) ** 2).sum() / 4
    assert figures(stage, x)["reconstruction"] == pytest.approx(expected)


def test_noise_is_drawn_from_the_generator_alone() -> None:
    stage, x = make(OBJECTIVES["gaussian"]), batch()
    state = torch.get_rng_state()
    one, same, other = (figures(stage, x, seed=s)["reconstruction"] for s in (2, 2, 3))
    assert one == same != other
    assert torch.equal(torch.get_rng_state(), state)


def test_salt_and_pepper_are_the_extremes_of_the_batch() -> None:
    x = batch(20)
    noisy, mask = corrupt(x, SaltPepperSpec(rate=0.5), generator=torch.Generator().manual_seed(0))
    assert torch.equal(noisy[~mask], x[~mask])
    assert set(noisy[mask].tolist()) == {float(x.min()), float(x.max())}


def test_gaussian_noise_touches_everything_by_its_deviation() -> None:
    x = batch(200)
    draw = torch.Generator().manual_seed(0)
    noisy, mask = corrupt(x, GaussianNoiseSpec(std=0.5), generator=draw)
    assert bool(mask.all())
    assert float((noisy - x).std()) == pytest.approx(0.5, rel=0.03)
    hidden, _ = corrupt(x, MaskNoiseSpec(rate=1.0), generator=draw)
    assert not bool(hidden.any())


@pytest.mark.parametrize("name", ["plain", "plain cross-entropy", "l1", "kl"])
@pytest.mark.parametrize("kind", FILTERS)
def test_a_batch_twice_as_large_weighs_the_same(name: str, kind: str) -> None:
    stage, x = make(OBJECTIVES[name], kind), batch()
    once, twice = figures(stage, x), figures(stage, torch.cat([x, x]))
    assert once.keys() == twice.keys()
    for term, value in once.items():
        assert twice[term] == pytest.approx(value)


@pytest.mark.parametrize("kind", ["l1", "kl"])
def test_a_penalty_is_linear_in_its_weight(kind: str) -> None:
    sums: list[float] = []
    for weight in (0.0, 1.0, 2.5):
        stage = make({"kind": "sparse", "penalty": {"kind": kind, "weight": weight}})
        sums.append(figures(stage, batch())[kind])
    assert sums[0] == 0 < sums[1]
    assert sums[2] == pytest.approx(2.5 * sums[1])


@pytest.mark.parametrize("kind", ["conv", "local"])
def test_positions_are_averaged_only_if_the_recipe_says_so(kind: str) -> None:
    objective = OBJECTIVES["l1"]
    summed = figures(make(objective, kind), batch())
    averaged = figures(make({**objective, "average_positions": True}, kind), batch())
    positions = IMAGE.height * IMAGE.width
    assert averaged["reconstruction"] == pytest.approx(summed["reconstruction"] / positions)
    assert averaged["l1"] == summed["l1"]


def test_without_unit_columns_scale_games_the_penalty() -> None:
    objective = {"kind": "sparse", "penalty": {"kind": "l1", "weight": 1.0}, "decoder": "untied"}
    stage, x = make(objective, activation="relu"), batch()
    assert stage.decoder is not None
    assert stage.decoder.weight is not None
    before = figures(stage, x)
    with torch.no_grad():  # the same reconstruction at a tenth of the price
        stage.filter.weight.mul_(0.1)
        assert stage.filter.bias is not None
        stage.filter.bias.mul_(0.1)
        stage.decoder.weight.mul_(10)
    gamed = figures(stage, x)
    assert gamed["reconstruction"] == pytest.approx(before["reconstruction"])
    assert gamed["l1"] == pytest.approx(0.1 * before["l1"])


def test_training_games_the_penalty_only_where_columns_are_free() -> None:
    objective = {"kind": "sparse", "penalty": {"kind": "l1", "weight": 0.3}, "decoder": "untied"}
    draw = torch.Generator()
    prices: dict[bool, float] = {}
    for held in (True, False):
        stage, x = make(objective, activation="relu"), batch()
        optimizer = torch.optim.Adam(stage.parameters(), lr=0.02)
        for _ in range(300):
            terms = objective_of(stage).terms(stage, x, target=x, generator=draw)
            optimizer.zero_grad()
            torch.stack(list(terms.values())).sum().backward()
            optimizer.step()
            if held:
                objective_of(stage).after_step(stage)
        # What the code costs for each unit of the input's energy that it explains.
        final = figures(stage, x)
        energy = float(x.square().flatten(1).sum(1).mean())
        prices[held] = final["l1"] / (energy - final["reconstruction"])
    assert prices[False] < 0.3 * prices[True]


@pytest.mark.parametrize("decoder", ["tied", "untied"])
@pytest.mark.parametrize("kind", FILTERS)
def test_a_step_under_l1_ends_with_unit_columns(kind: str, decoder: str) -> None:
    stage = make({**OBJECTIVES["l1"], "decoder": decoder}, kind)
    assert stage.decoder is not None
    columns = stage.filter.weight if stage.decoder.weight is None else stage.decoder.weight
    with torch.no_grad():
        columns.flatten(0, -4)[0] = 0.0  # a dead unit stays dead, and finite
    others = {name: p.clone() for name, p in stage.named_parameters() if p is not columns}
    objective_of(stage).after_step(stage)
    norms = np.linalg.norm(columns.detach().flatten(-3).numpy(), axis=-1).reshape(-1)
    np.testing.assert_allclose(norms, [0.0] + [1.0] * (len(norms) - 1), atol=1e-12)
    now = dict(stage.named_parameters())
    assert all(torch.equal(now[name], value) for name, value in others.items())


@pytest.mark.parametrize("name", ["plain", "kl", "gaussian", "mask"])
def test_without_l1_no_weight_is_constrained(name: str) -> None:
    stage = make(OBJECTIVES[name])
    before = {key: value.clone() for key, value in stage.state_dict().items()}
    objective_of(stage).after_step(stage)
    assert all(torch.equal(value, before[key]) for key, value in stage.state_dict().items())


@pytest.mark.parametrize("kind", FILTERS)
@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_loss_falls(name: str, kind: str) -> None:
    stage, x = make({**OBJECTIVES[name], "decoder": "untied"}, kind), batch(16)
    objective = objective_of(stage)
    seen = descend(stage, objective, lambda: terms(stage, x))
    losses = [sum(step.values()) for step in seen]
    assert losses[-1] < 0.98 * losses[0]  # cross-entropy cannot fall below its target's


def test_a_convolution_learns_from_patches_larger_than_its_window() -> None:
    stage = make({"kind": "plain"}, "conv", patches={"size": 4})
    patches = batch()[:, :, :4, :4]
    found = figures(stage, patches)["reconstruction"]
    rebuilt = stage.decode(stage.code(patches), size=(4, 4)).detach()
    assert rebuilt.shape == patches.shape
    assert found == pytest.approx(float((rebuilt - patches).square().sum()) / 4)


def test_each_spec_has_its_objective() -> None:
    kinds: dict[str, Callable[..., Any]] = {
        "plain": AutoEncoder,
        "l1": AutoEncoder,
        "mask": DenoisingAutoEncoder,
    }
    for name, kind in kinds.items():
        stage = make(OBJECTIVES[name])
        assert type(objective_of(stage)) is kind
