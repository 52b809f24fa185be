"""Sparse coding and PSD against the Lasso, differences of least energies, the paper's loop, misuse.

The gradient at codes that minimise the energy is that of the least energy itself, so that
differences of least energies, each with codes of their own, are an oracle for it.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from sklearn.linear_model import Lasso
from torch import Tensor, nn

from featlearn.autoencoders.build import build_objective
from featlearn.autoencoders.coding import OnlineSparseCoding, SparseCoding
from featlearn.autoencoders.objective import LossTerms, Moving, Objective, Remembering
from featlearn.autoencoders.psd import PredictiveSparseDecomposition
from featlearn.config.load import parse_recipe
from featlearn.config.stages import StageSpec
from featlearn.errors import RecipeError
from featlearn.geometry import MapShape
from featlearn.stages.stage import Stage, build_stage

IMAGE = MapShape(2, 4, 5)
FILTERS: dict[str, dict[str, Any]] = {
    "dense": {"kind": "dense", "maps": 25},
    "conv": {"kind": "conv", "size": 3, "maps": 6},
    "strided": {"kind": "conv", "size": 3, "maps": 5, "stride": 2, "padding": "same"},
    "local": {"kind": "local", "size": 3, "maps": 4},
    "tiled": {"kind": "tiled", "size": 3, "maps": 4, "tile": 2},
    "groups": {"kind": "conv", "size": 3, "maps": 6, "groups": 2},
}
CODING: dict[str, Any] = {
    "kind": "sparse-coding",
    "weight": 0.3,
    "codes": {"kind": "fista", "steps": 300},
}
PSD: dict[str, Any] = {"kind": "psd", "weight": 0.4, "prediction": 0.8, "steps": 300}


def make(objective: dict[str, Any], kind: str = "dense", **own: Any) -> tuple[Stage, Objective]:
    """Build a stage in double precision, its constraints restored, and its objective."""
    raw: dict[str, Any] = {
        "name": "it",
        "filter": {**FILTERS[kind], "bias": objective["kind"] == "psd"},
        "activation": "tanh" if objective["kind"] == "psd" else "soft-threshold",
        "objective": objective,
        "input": "none",
        **own,
    }
    spec = msgspec.convert(raw, StageSpec)
    assert spec.objective is not None
    draw = torch.Generator().manual_seed(0)
    stage = build_stage(spec, IMAGE, generator=draw).double()
    built = build_objective(spec.objective)
    with torch.no_grad():
        for parameter in stage.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=draw).double())
        built.after_step(stage)
    return stage, built


def batch(count: int = 3, seed: int = 1) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(count, *IMAGE, generator=draw, dtype=torch.float64)


def terms(stage: Stage, objective: Objective, x: Tensor) -> LossTerms:
    return objective.terms(stage, x, target=x, generator=torch.Generator())


def columns(stage: Stage) -> Tensor:
    """Lay every code of a single 1 down: the dictionary as a matrix, `(inputs, codes)`."""
    units = stage.code_shape.units
    codes = torch.eye(units, dtype=torch.float64).view(units, *stage.code_shape)
    with torch.no_grad():
        return stage.decode(codes).flatten(1).T


def least_energy(matrix: Tensor, x: Tensor, *, weight: float) -> Tensor:
    """Let scikit-learn minimise ½‖x − Dz‖² + λ Σ|z|, sample by sample."""
    rows, inputs = x.flatten(1).numpy(), len(matrix)
    solver = Lasso(alpha=weight / inputs, fit_intercept=False, tol=1e-12, max_iter=200_000)
    found: list[float] = []
    for row in rows:
        z = solver.fit(matrix.numpy(), row).coef_
        found.append(float(((row - matrix.numpy() @ z) ** 2).sum() / 2 + weight * np.abs(z).sum()))
    return torch.tensor(found, dtype=torch.float64)


@pytest.mark.parametrize("kind", FILTERS)
def test_the_energy_of_sparse_coding_is_that_of_the_lasso(kind: str) -> None:
    stage, objective = make(CODING, kind)
    x = batch()
    found = terms(stage, objective, x)
    wanted = least_energy(columns(stage), x, weight=0.3).mean()
    energy = sum(float(term.detach()) for term in found.values())
    assert energy == pytest.approx(float(wanted), rel=1e-5)
    assert list(found) == ["reconstruction", "sparsity"]


@pytest.mark.parametrize("kind", FILTERS)
def test_the_energy_of_psd_is_the_least(kind: str) -> None:
    stage, objective = make(PSD, kind)
    x = batch(2)
    found = terms(stage, objective, x)
    # sqrt(α) more inputs for each code hold the term of the prediction.
    matrix, pull = columns(stage), math.sqrt(0.8)
    more = torch.cat([matrix, pull * torch.eye(matrix.shape[1]).double()])
    with torch.no_grad():
        target = torch.cat([x.flatten(1), pull * stage.code(x).flatten(1)], 1)
    wanted = 2 * least_energy(more, target, weight=0.2).mean()
    energy = sum(float(term.detach()) for term in found.values())
    assert energy == pytest.approx(float(wanted), rel=1e-5)
    assert list(found) == ["reconstruction", "sparsity", "prediction"]


@pytest.mark.parametrize("kind", FILTERS)
@pytest.mark.parametrize("raw", [CODING, PSD], ids=["coding", "psd"])
def test_the_gradient_is_that_of_the_least_energy(raw: dict[str, Any], kind: str) -> None:
    stage, objective = make(raw, kind)
    x = batch(2)
    torch.stack(list(terms(stage, objective, x).values())).sum().backward()
    draw = torch.Generator().manual_seed(2)
    steps = {p: torch.randn(p.shape, generator=draw).double() for p in stage.parameters()}
    values: list[float] = []
    for sign in (1, -2):
        with torch.no_grad():
            for parameter, step in steps.items():
                parameter.add_(sign * 1e-5 * step)
            values.append(float(sum(terms(stage, objective, x).values())))
    slope = (values[0] - values[1]) / 2e-5
    wanted = 0.0
    for parameter, step in steps.items():
        assert parameter.grad is not None
        wanted += float((parameter.grad * step).sum())
    assert slope == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("activation", ["scaled-tanh", "shrinkage"])
def test_learned_activations_predict(activation: str) -> None:
    stage, objective = make(PSD, "conv", activation={"kind": activation})
    x = batch(2)
    torch.stack(list(terms(stage, objective, x).values())).sum().backward()
    assert stage.activation is not None
    for name, parameter in stage.activation.named_parameters():
        assert parameter.grad is not None
        before, values = parameter.detach().clone(), list[float]()
        for sign in (1, -1):
            with torch.no_grad():
                parameter.copy_(before + sign * 1e-5)
                values.append(float(sum(terms(stage, objective, x).values())))
                parameter.copy_(before)
        slope = (values[0] - values[1]) / 2e-5
        assert slope == pytest.approx(float(parameter.grad.sum()), rel=1e-5), name


@pytest.mark.parametrize("non_negative", [False, True])
def test_coordinate_descent_finds_the_codes_of_fista(non_negative: bool) -> None:
    x = batch(6)
    descent = {"kind": "coordinate-descent", "steps": 5000, "tolerance": 1e-8}
    shared = {**CODING, "non_negative": non_negative}
    stage, fista = make(shared)
    other = make({**shared, "codes": descent})[1]
    assert isinstance(fista, SparseCoding)
    assert isinstance(other, SparseCoding)
    codes = fista.codes(stage, x)
    torch.testing.assert_close(other.codes(stage, x), codes, atol=1e-6, rtol=0)
    assert bool((codes < 0).any()) != non_negative


def planted(count: int = 600) -> tuple[Tensor, Tensor]:
    """Make samples of one to three of 25 atoms, `(count, *IMAGE)`, and the atoms as rows."""
    draw = torch.Generator().manual_seed(5)
    atoms = torch.randn(25, IMAGE.units, generator=draw, dtype=torch.float64)
    atoms /= torch.linalg.vector_norm(atoms, dim=1, keepdim=True)
    codes = torch.zeros(count, 25, dtype=torch.float64)
    for _ in range(3):
        place = torch.randint(25, (count, 1), generator=draw)
        codes.scatter_(1, place, 3 * torch.randn(count, 1, generator=draw).double())
    return (codes @ atoms).view(count, *IMAGE), atoms


def learn(
    stage: Stage, objective: Objective, x: Tensor, *, epochs: int, lr: float
) -> Iterator[dict[str, float]]:
    """Take steps as training does, and give the terms of each."""
    own = objective.moves(stage) if isinstance(objective, Moving) else ()
    kept = {id(parameter) for parameter in own}
    rest: list[nn.Parameter] = [p for p in stage.parameters() if id(p) not in kept]
    if isinstance(objective, Remembering):
        objective.begin(stage, generator=torch.Generator()).double()
    descent = torch.optim.Adam([*rest, nn.Parameter(torch.zeros(1))], lr)  # never empty
    for _ in range(epochs):
        for part in x.split(50):
            found = terms(stage, objective, part)
            loss = torch.stack(list(found.values())).sum()
            if loss.requires_grad:
                descent.zero_grad()
                loss.backward()
                descent.step()
            with torch.no_grad():
                objective.after_step(stage)
            yield {name: float(term.detach()) for name, term in found.items()}


WAYS: dict[str, tuple[dict[str, Any], float]] = {
    "gradient": ({**CODING, "weight": 0.2, "codes": {"kind": "fista", "steps": 30}}, 0.02),
    "on-line": (
        {
            **CODING,
            "weight": 0.4,
            "codes": {"kind": "coordinate-descent", "steps": 60},
            "update": "on-line",
        },
        0.02,
    ),
    "psd": ({**PSD, "prediction": 0.2, "steps": 30}, 0.02),
}


@pytest.mark.parametrize("way", WAYS)
def test_planted_atoms_are_found_again(way: str) -> None:
    raw, lr = WAYS[way]
    stage, objective = make(raw, activation={"kind": "scaled-tanh", "gain": 3.0})
    x, atoms = planted()
    course = list(learn(stage, objective, x, epochs=25, lr=lr))
    first, last = (sum(sum(row.values()) for row in part) for part in (course[:12], course[-12:]))
    assert last < 0.6 * first
    assert stage.decoder is not None
    own = stage.decoder.weight
    found = (stage.filter.weight if own is None else own).detach().flatten(1)
    cosines = (atoms @ nn.functional.normalize(found, dim=1).T).abs().amax(1)
    assert (cosines > 0.95).double().mean() > 0.8  # a few end as mixtures of two


def test_a_predictor_comes_to_predict() -> None:
    stage, objective = make({**PSD, "steps": 30}, activation={"kind": "scaled-tanh", "gain": 3.0})
    course = [
        row["prediction"] for row in learn(stage, objective, planted()[0], epochs=25, lr=0.02)
    ]
    assert sum(course[-12:]) < 0.5 * sum(course[:12])


def test_the_on_line_update_is_that_of_the_paper() -> None:
    raw = {**CODING, "update": "on-line", "forget": 2.0}
    stage, objective = make(raw)
    assert isinstance(objective, OnlineSparseCoding)
    x = batch(12)
    atoms = stage.filter.weight.detach().flatten(1).T.numpy().copy()
    a, b = np.zeros((25, 25)), np.zeros((IMAGE.units, 25))
    memory = objective.begin(stage, generator=torch.Generator()).double()
    for t, part in enumerate(x.split(4), start=1):
        terms(stage, objective, part)
        rows = part.flatten(1).numpy()
        solver = Lasso(0.3 / IMAGE.units, fit_intercept=False, tol=1e-13, max_iter=200_000)
        codes = np.stack([solver.fit(atoms, row).coef_ for row in rows])
        kept = (1 - 1 / t) ** 2
        a = kept * a + codes.T @ codes / 4
        b = kept * b + rows.T @ codes / 4
        with torch.no_grad():
            objective.after_step(stage)
        spare = 0
        for unit in range(25):
            if a[unit, unit] > 1e-6 * a.diagonal().max():
                moved = (b[:, unit] - atoms @ a[:, unit]) / a[unit, unit] + atoms[:, unit]
                atoms[:, unit] = moved / max(np.linalg.norm(moved), 1)
        for unit in range(25):
            if a[unit, unit] <= 1e-6 * a.diagonal().max():
                atoms[:, unit] = rows[spare % 4] / np.linalg.norm(rows[spare % 4])
                spare += 1
        found = stage.filter.weight.detach().flatten(1).T.numpy()
        np.testing.assert_allclose(found, atoms, atol=1e-5)
    assert int(memory.get_buffer("batches")) == 3


def test_what_is_only_measured_leaves_no_trace() -> None:
    stage, objective = make({**CODING, "update": "on-line"})
    assert isinstance(objective, OnlineSparseCoding)
    memory = objective.begin(stage, generator=torch.Generator()).double()
    weight = stage.filter.weight.detach().clone()
    with torch.no_grad():
        terms(stage, objective, batch())
        objective.after_step(stage)
    assert not any(buffer.any() for buffer in memory.buffers())
    torch.testing.assert_close(stage.filter.weight.detach(), weight)


@pytest.mark.parametrize("raw", [CODING, PSD, {**CODING, "update": "on-line"}])
def test_samples_of_zeros_have_codes_of_zeros(raw: dict[str, Any]) -> None:
    stage, objective = make(raw, filter={"kind": "dense", "maps": 7, "bias": False})
    if isinstance(objective, Remembering):
        objective.begin(stage, generator=torch.Generator())
    found = terms(stage, objective, torch.zeros(2, *IMAGE).double())
    assert all(float(term.detach()) == 0 for term in found.values())
    with torch.no_grad():
        objective.after_step(stage)
    assert all(parameter.isfinite().all() for parameter in stage.parameters())


def test_a_stage_may_infer_its_codes() -> None:
    activation = {"kind": "fista", "weight": 0.3, "steps": 300}
    for kind in FILTERS:
        stage, objective = make(CODING, kind, activation=activation)
        assert isinstance(objective, SparseCoding)
        x = batch(2)
        torch.testing.assert_close(stage.code(x), objective.codes(stage, x))


def test_they_are_built_by_their_names() -> None:
    built: list[tuple[dict[str, Any], Callable[..., Any]]] = [
        (CODING, SparseCoding),
        ({**CODING, "update": "on-line"}, OnlineSparseCoding),
        (PSD, PredictiveSparseDecomposition),
    ]
    for raw, kind in built:
        assert type(make(raw)[1]) is kind


@pytest.mark.parametrize(
    ("filters", "objective", "said"),
    [
        ('kind = "dense", maps = 3', 'kind = "sparse-coding"', "`filter.bias = false`"),
        (
            'kind = "dense", maps = 3, bias = false, norm = { kind = "batch" }',
            'kind = "sparse-coding"',
            "leave out `filter.norm`",
        ),
        (
            'kind = "local", size = 3, maps = 3, bias = false',
            'kind = "sparse-coding", update = "on-line"',
            "for dense filters",
        ),
        (
            'kind = "dense", size = 3, maps = 3, bias = false',
            'kind = "sparse-coding", codes = { kind = "coordinate-descent" }',
            "`patches` of that size",
        ),
        (
            'kind = "dense", maps = 3, bias = false',
            'kind = "sparse-coding", forget = 2',
            "`objective.forget` belongs to",
        ),
        ('kind = "dense", maps = 3, bias = false', 'kind = "sparse-coding", weight = 0', "weight"),
        ('kind = "dense", maps = 3', 'kind = "psd", steps = 0', "steps"),
    ],
)
def test_misuse_is_refused(filters: str, objective: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        parse_recipe(recipe(filters, objective))


@pytest.mark.parametrize(
    ("filters", "objective", "said"),
    [
        ('kind = "dense", maps = 3', 'kind = "plain"', "`filter.bias = false`"),
        (
            'kind = "dense", maps = 3, bias = false, norm = { kind = "batch" }',
            'kind = "plain"',
            "leave out `filter.norm`",
        ),
        ('kind = "dense", maps = 3, bias = false', 'kind = "psd"', "predict codes in one pass"),
        (
            'kind = "residual", maps = 3',
            None,
            "belongs to one bank of filters, and a residual filter",
        ),
    ],
)
def test_misuse_of_inference_is_refused(filters: str, objective: str | None, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        parse_recipe(recipe(filters, objective, activation='{ kind = "fista" }'))


def recipe(filters: str, objective: str | None, *, activation: str = '"relu"') -> str:
    learned = "" if objective is None else f"objective = {{ {objective} }}"
    return f"""
title = "t"
data = {{ source = "digits" }}
[[stages]]
name = "it"
filter = {{ {filters} }}
activation = {activation}
{learned}
"""
