"""Restricted Boltzmann machines against brute force over every state, and misuse."""

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor

from featlearn.autoencoders.boltzmann import ContrastiveDivergence, PersistentDivergence
from featlearn.autoencoders.build import build_objective
from featlearn.autoencoders.machine import BoltzmannMachine
from featlearn.autoencoders.objective import LossTerms
from featlearn.config.boltzmann import RbmSpec
from featlearn.config.load import parse_recipe
from featlearn.config.stages import StageSpec
from featlearn.errors import RecipeError, UsageError
from featlearn.geometry import MapShape
from featlearn.stages.stage import Stage, build_stage
from tests.autoencoders.machines import (
    FILTERS,
    IMAGE,
    SMALL,
    VISIBLE,
    batch,
    bits,
    energies,
    log_sum,
    make,
    model,
    plain,
)
from tests.autoencoders.oracles import check_slopes


def terms(stage: Stage, x: Tensor, *, seed: int = 2) -> LossTerms:
    assert stage.spec.objective is not None
    objective = build_objective(stage.spec.objective)
    return objective.terms(stage, x, target=x, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("visible", VISIBLE)
@pytest.mark.parametrize("kind", FILTERS)
def test_free_energy_is_the_sum_over_hidden_states(kind: str, visible: str) -> None:
    stage = make(kind, visible=visible)
    x = batch(stage)
    wanted = -log_sum(-energies(stage, x.flatten(1).numpy()), 1)
    found = BoltzmannMachine(stage).free_energy(x).detach().numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize("visible", VISIBLE)
@pytest.mark.parametrize("kind", FILTERS)
def test_code_and_reconstruction_are_conditional_means(kind: str, visible: str) -> None:
    stage = make(kind, visible=visible)
    weight, b, c = plain(stage)
    x = batch(stage)
    code = stage.code(x)
    hidden = torch.from_numpy(1 / (1 + np.exp(-(x.flatten(1).numpy() @ weight.T + c))))
    torch.testing.assert_close(code.flatten(1), hidden)
    fields = torch.from_numpy(hidden.numpy() @ weight + b)
    wanted = fields if visible == "gaussian" else torch.sigmoid(fields)
    torch.testing.assert_close(stage.rebuild_from(code).flatten(1), wanted)
    torch.testing.assert_close(BoltzmannMachine(stage).means(code).flatten(1), wanted)


@pytest.mark.parametrize("visible", VISIBLE)
@pytest.mark.parametrize("kind", FILTERS)
@pytest.mark.parametrize("zero", [False, True])
def test_gradients_are_those_of_finite_differences(kind: str, visible: str, *, zero: bool) -> None:
    stage = make(kind, visible=visible, sparsity={"target": 0.2, "weight": 3.0})
    x = torch.zeros_like(batch(stage)) if zero else batch(stage)
    check_slopes(stage, lambda: terms(stage, x), ["data", "sparsity"], within=1e-7)


@pytest.mark.parametrize("visible", VISIBLE)
@pytest.mark.parametrize("mean_field", [False, True])
def test_the_gradient_is_that_of_contrastive_divergence(visible: str, *, mean_field: bool) -> None:
    """⟨h v⟩ of the samples less ⟨h v⟩ of the data, the same of the biases."""
    stage = make(visible=visible, k=3, mean_field=mean_field)
    x = batch(stage)
    torch.stack(list(terms(stage, x).values())).sum().backward()
    draw = torch.Generator().manual_seed(2)
    samples = BoltzmannMachine(stage).gibbs(x, steps=3, mean_field=mean_field, generator=draw)
    weight, _, c = plain(stage)
    rows = [part.flatten(1).numpy() for part in (samples, x)]
    hidden = [1 / (1 + np.exp(-(v @ weight.T + c))) for v in rows]
    products = [h.T @ v / len(v) for h, v in zip(hidden, rows, strict=True)]
    assert stage.filter.weight.grad is not None
    assert stage.decoder is not None
    assert stage.decoder.bias.grad is not None
    assert stage.filter.bias is not None
    assert stage.filter.bias.grad is not None
    found = stage.filter.weight.grad.flatten(1).numpy()
    np.testing.assert_allclose(found, products[0] - products[1], atol=1e-12)
    found = stage.decoder.bias.grad.flatten().numpy()
    np.testing.assert_allclose(found, rows[0].mean(0) - rows[1].mean(0), atol=1e-12)
    found = stage.filter.bias.grad.numpy()
    np.testing.assert_allclose(found, hidden[0].mean(0) - hidden[1].mean(0), atol=1e-12)


def likelihood(stage: Stage, x: Tensor) -> float:
    negative = -energies(stage, x.flatten(1).numpy())
    return float(log_sum(negative, 1).mean()) - model(stage)[1]


@pytest.mark.parametrize("kind", ["dense", "conv", "local", "tiled"])
def test_under_samples_of_the_model_the_gradient_is_that_of_the_likelihood(kind: str) -> None:
    """Exactly, with every state weighed; and within error bars from a step of chains."""
    count = 500 if kind == "local" else 4000  # so many at once are slow where all are untied
    stage = make(kind, SMALL, chains=count)
    machine, x = BoltzmannMachine(stage), batch(stage, 6).round()
    states = torch.from_numpy(bits(SMALL.units)).view(-1, *SMALL)
    chances = torch.from_numpy(model(stage)[0])
    negative = machine.free_energy(x).mean() - (chances * machine.free_energy(states)).sum()
    exact = torch.autograd.grad(negative, list(stage.parameters()))
    step, draw = 1e-5, torch.Generator().manual_seed(3)
    for parameter, slope in zip(stage.parameters(), exact, strict=True):
        direction = torch.randn(parameter.shape, generator=draw, dtype=torch.float64)
        values: list[float] = []
        for sign in (1, -1):
            parameter.data.add_(direction, alpha=sign * step)
            values.append(-likelihood(stage, x))
            parameter.data.sub_(direction, alpha=sign * step)
        found = (values[0] - values[1]) / (2 * step)
        assert found == pytest.approx(float((slope * direction).sum()), rel=1e-6)
    assert isinstance(stage.spec.objective, RbmSpec)
    objective = PersistentDivergence(stage.spec.objective)
    memory = objective.begin(stage, generator=draw)
    chosen = torch.multinomial(chances, count, replacement=True, generator=draw)
    memory.get_buffer("visible").copy_(states[chosen])
    found = objective.terms(stage, x, target=x, generator=draw)
    noisy = torch.autograd.grad(torch.stack(list(found.values())).sum(), list(stage.parameters()))
    for one, other in zip(noisy, exact, strict=True):
        # Each entry is a mean of so many numbers in [-3, 3].
        torch.testing.assert_close(one, other, atol=6 / count**0.5, rtol=0)


def test_sampling_leaves_the_model_as_it_is() -> None:
    stage = make("dense", SMALL)
    chances, draw = torch.from_numpy(model(stage)[0]), torch.Generator().manual_seed(4)
    states = torch.from_numpy(bits(SMALL.units)).view(-1, *SMALL)
    chosen = torch.multinomial(chances, 100_000, replacement=True, generator=draw)
    moved = BoltzmannMachine(stage).gibbs(states[chosen], steps=2, generator=draw)
    places = (moved.flatten(1) * 2 ** torch.arange(7, -1, -1)).sum(1).long()
    counts = torch.bincount(places, minlength=256).double()
    expected = 100_000 * chances
    many = expected > 20
    distance = ((counts - expected).square() / expected)[many].sum() / many.sum()
    assert 0.7 < float(distance) < 1.3


def test_sampling_leaves_a_gaussian_model_as_it_is() -> None:
    """A mixture of normal distributions, one for every state of the hidden units."""
    stage = make("dense", SMALL, visible="gaussian")
    weight, b, c = plain(stage)
    h = bits(len(c))
    centres = torch.from_numpy(b + h @ weight)
    logs = torch.from_numpy(h @ c) + (centres.square().sum(1) - float(b @ b)) / 2
    chances, draw = torch.softmax(logs, 0), torch.Generator().manual_seed(4)
    chosen = torch.multinomial(chances, 100_000, replacement=True, generator=draw)
    machine = BoltzmannMachine(stage)
    v = machine.visible(centres[chosen].view(-1, *SMALL), generator=draw)
    moved = machine.gibbs(v, steps=2, generator=draw).flatten(1)
    mean = chances @ centres
    spread = (centres - mean).T @ ((centres - mean) * chances[:, None]) + torch.eye(8)
    torch.testing.assert_close(moved.mean(0), mean, atol=0.04, rtol=0)
    torch.testing.assert_close(moved.T.cov(), spread, atol=0.1, rtol=0.05)


@pytest.mark.parametrize("kind", ["dense", "conv", "local", "tiled"])
@pytest.mark.parametrize("chains", [None, 50])
def test_the_likelihood_rises(kind: str, chains: int | None) -> None:
    """Rows or columns of a picture are all on or all off: learned by CD and by PCD."""
    stage = make(kind, SMALL, chains=chains, sampled=True)
    rows = torch.tensor([[1.0] * 4, [0.0] * 4]).double()
    x = torch.stack([rows, rows.flip(0), torch.ones(2, 4), torch.zeros(2, 4)]).unsqueeze(1)
    x = x.double().repeat(8, 1, 1, 1)
    assert stage.spec.objective is not None
    objective = build_objective(stage.spec.objective)
    draw = torch.Generator().manual_seed(5)
    if isinstance(objective, PersistentDivergence):
        objective.begin(stage, generator=draw)
    before, losses = likelihood(stage, x), list[float]()
    descent = torch.optim.SGD(stage.parameters(), lr=0.1, momentum=0.5)
    for _ in range(150):
        loss = torch.stack(list(objective.terms(stage, x, target=x, generator=draw).values())).sum()
        descent.zero_grad()
        loss.backward()
        descent.step()
        losses.append(float(loss.detach()))
    assert likelihood(stage, x) > before + 0.5
    assert all(np.isfinite(losses))


def test_a_binary_sample_is_drawn_of_what_is_no_sample() -> None:
    stage, x = make(sampled=True), torch.full((500, *IMAGE), 0.3).double()
    first, second = (float(terms(stage, x, seed=s)["data"].detach()) for s in (1, 2))
    assert first != second
    own = float(terms(make(), x)["data"].detach())
    assert first == pytest.approx(own, abs=0.5)


def test_sparsity_is_that_of_the_paper_whether_filters_are_shared_or_not() -> None:
    for kind in FILTERS:
        stage = make(kind, sparsity={"target": 0.1, "weight": 2.0})
        x = batch(stage)
        code = stage.code(x).detach().numpy()
        wanted = 0.0
        for unit in np.ndindex(code.shape[1:]):
            here = code[:, unit[0]] if stage.filter.shared else code[(slice(None), *unit)]
            wanted += 2 * (0.1 - here.mean()) ** 2
        assert float(terms(stage, x)["sparsity"].detach()) == pytest.approx(wanted)


def test_chains_go_on_from_step_to_step_and_held_out_images_leave_no_trace() -> None:
    stage = make(chains=7)
    x, draw = batch(stage), torch.Generator().manual_seed(0)
    assert stage.spec.objective is not None
    objective = build_objective(stage.spec.objective)
    assert isinstance(objective, PersistentDivergence)
    memory = objective.begin(stage, generator=draw)
    kept = memory.get_buffer("visible")
    assert kept.shape == (7, *IMAGE)
    assert set(kept.unique().tolist()) == {0.0, 1.0}
    before = kept.clone()
    with torch.no_grad():
        objective.terms(stage, x, target=x, generator=draw)
    assert torch.equal(kept, before)
    objective.terms(stage, x, target=x, generator=draw)
    assert not torch.equal(kept, before)
    assert kept is memory.get_buffer("visible")


@pytest.mark.parametrize("visible", VISIBLE)
@pytest.mark.parametrize("kind", ["dense", "conv"])
def test_visible_biases_begin_at_base_rates_and_chains_with_them(kind: str, visible: str) -> None:
    stage = make(kind, SMALL, visible=visible, chains=5000)
    assert isinstance(stage.spec.objective, RbmSpec)
    objective = PersistentDivergence(stage.spec.objective)
    draw = torch.Generator().manual_seed(6)
    x = torch.rand(300, *SMALL, generator=draw).double() * torch.linspace(0, 1, 4)
    objective.start(stage, x)
    machine = BoltzmannMachine(stage)
    mean = x.mean((0, 2, 3), keepdim=True)[0] if stage.filter.shared else x.mean(0)
    shown = machine.bias.detach() if machine.gaussian else torch.sigmoid(machine.bias.detach())
    close = 1e-9 if machine.gaussian else 0.0051
    torch.testing.assert_close(shown, mean, atol=close, rtol=0)
    assert machine.bias.isfinite().all()
    chains = objective.begin(stage, generator=draw).get_buffer("visible")
    found = chains.mean((0, 2, 3), keepdim=True)[0] if stage.filter.shared else chains.mean(0)
    torch.testing.assert_close(found, mean, atol=0.06, rtol=0)


def test_of_patches_chains_have_the_size() -> None:
    raw = {
        "name": "it",
        "filter": {"kind": "conv", "size": 2, "maps": 3},
        "activation": "sigmoid",
        "objective": {"kind": "rbm", "chains": 5, "visible": "gaussian"},
        "patches": {"size": 3},
    }
    draw = torch.Generator().manual_seed(0)
    shape = MapShape(2, 8, 8)
    stage = build_stage(msgspec.convert(raw, StageSpec), shape, generator=draw)
    assert stage.spec.objective is not None
    objective = build_objective(stage.spec.objective)
    assert isinstance(objective, PersistentDivergence)
    kept = objective.begin(stage, generator=draw).get_buffer("visible")
    assert kept.shape == (5, 2, 3, 3)
    assert kept.dtype == torch.float32
    patches = torch.randn(4, 2, 3, 3, generator=draw)
    assert terms_of(objective, stage, patches).isfinite()


def terms_of(objective: ContrastiveDivergence, stage: Stage, x: Tensor) -> Tensor:
    draw = torch.Generator().manual_seed(0)
    return torch.stack(list(objective.terms(stage, x, target=x, generator=draw).values())).sum()


def test_what_learns_below_is_modelled_and_not_changed() -> None:
    stage = make()
    x = batch(stage).requires_grad_()
    objective = ContrastiveDivergence(RbmSpec())
    found = objective.terms(stage, x, target=x.detach(), generator=torch.Generator())
    torch.stack(list(found.values())).sum().backward()
    assert x.grad is None


def test_numbers_that_are_no_probabilities_are_refused() -> None:
    raw = {
        "name": "ink",
        "filter": {"kind": "dense", "maps": 2},
        "activation": "sigmoid",
        "objective": {"kind": "rbm"},
        "input": "none",
    }
    draw = torch.Generator().manual_seed(0)
    stage = build_stage(msgspec.convert(raw, StageSpec), SMALL, generator=draw)
    terms(stage, torch.rand(3, *SMALL, generator=draw))
    said = r"stage 'ink': .* needs inputs in \[0, 1\]; got 0 to 1\.5: set `input = \"unit\"`"
    with pytest.raises(RecipeError, match=said):
        terms(stage, torch.tensor([0.0, 1.5]).expand(3, 1, 4, 2).transpose(2, 3))


def test_other_stages_are_no_machines() -> None:
    raw = {"name": "it", "filter": {"kind": "dense", "maps": 2}}
    draw = torch.Generator().manual_seed(0)
    stage = build_stage(msgspec.convert(raw, StageSpec), SMALL, generator=draw)
    with pytest.raises(UsageError, match="stage 'it' is no restricted Boltzmann machine"):
        BoltzmannMachine(stage)


RECIPE = """
title = "T"
[data]
source = "digits"
[[stages]]
name = "s"
filter = { kind = "dense", maps = 2 }
activation = "sigmoid"
input = "unit"
objective = { kind = "rbm" }
"""
LONG = '{ kind = "whiten", keep = 4, unit_length = true }'


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"sigmoid"', '"relu"', r'`activation = "sigmoid"`; got "relu"'),
        ('"unit"', '"standardize"', r'needs inputs in \[0, 1\].*got `input = "standardize"`'),
        (
            '"rbm"',
            '"rbm", visible = "gaussian"',
            r'needs inputs of unit variance.*`input = "unit"`',
        ),
        ("maps = 2", 'maps = 2, norm = { kind = "batch" }', "leave out `filter.norm`"),
        ('"rbm"', '"rbm", k = 0', "objective.k"),
        ('"rbm"', '"rbm", chains = 0', "objective.chains"),
        ('"rbm"', '"rbm", chains = 9, mean_field = true', "leave out `objective.mean_field`"),
        ('"rbm"', '"rbm", visible = "gaussian", sampled = true', "leave it out"),
        ('"rbm"', '"rbm", sparsity = { target = 2.0 }', "sparsity.target"),
        ('"rbm"', '"rbm", decoder = "untied"', "decoder"),
        (
            '"unit"\nobjective = { kind = "rbm"',
            f'{LONG}\nobjective = {{ kind = "rbm", visible = "gaussian"',
            'got `input = "whiten"` with `unit_length`',
        ),
    ],
)
def test_misuse_is_refused(old: str, new: str, said: str) -> None:
    parse_recipe(RECIPE)
    with pytest.raises(RecipeError, match=said):
        parse_recipe(RECIPE.replace(old, new))
