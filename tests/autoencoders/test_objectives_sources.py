"""RICA, ISA and topographic ICA find sources that were mixed, as FastICA finds them."""

from typing import Any

import msgspec
import numpy as np
import torch
from sklearn.decomposition import FastICA
from torch import Tensor

from featlearn.config.stages import StageSpec
from featlearn.geometry import MapShape
from featlearn.stages.stage import build_stage
from tests.autoencoders.component_stages import Array, loss, make, taught


def whitened_sources(*, subspaces: bool) -> tuple[Tensor, Array]:
    """Mix six sparse sources, or three pairs of a common size each; give white mixtures too."""
    draw = np.random.default_rng(0)
    sources = draw.laplace(size=(2000, 6))
    if subspaces:
        size = np.repeat(draw.exponential(size=(2000, 3)), 2, axis=1)
        sources = size * draw.normal(size=(2000, 6))
    mixed = sources @ draw.normal(size=(6, 6))
    mixed -= mixed.mean(0)
    values, axes = np.linalg.eigh(mixed.T @ mixed / len(mixed))
    white = mixed @ axes / np.sqrt(values)
    unmix = np.linalg.lstsq(white, sources, rcond=None)[0].T
    return torch.from_numpy(white).view(-1, 6, 1, 1), unmix


def learn(
    objective: dict[str, Any],
    x: Tensor,
    pool: dict[str, Any] | None = None,
    *,
    start: Array | None = None,
) -> Array:
    """Learn from a white sample, from a start if one is given, and give the filters."""
    raw: dict[str, Any] = {
        "name": "it",
        "filter": {"kind": "dense", "maps": 6, "bias": False},
        "activation": "identity",
        "input": "none",
        "objective": objective,
    }
    if pool is not None:
        raw["pool"] = pool
    spec = msgspec.convert(raw, StageSpec)
    draw = torch.Generator().manual_seed(0)
    stage = build_stage(spec, MapShape(6, 1, 1), generator=draw).double()
    weight, objective_ = stage.filter.weight, taught(stage)
    optimizer, steps = torch.optim.Adam(stage.parameters()), 300
    with torch.no_grad():
        if start is not None:
            weight.copy_(torch.from_numpy(start).view_as(weight))
        objective_.after_step(stage)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 0.05 * (1 - step / steps)
        optimizer.zero_grad()
        loss(stage, x).backward()
        optimizer.step()
        with torch.no_grad():
            objective_.after_step(stage)
    return weight.detach().flatten(1).numpy()


def learn_rica(x: Tensor) -> Array:
    """Learn by L-BFGS, as the paper does: a soft constraint is too stiff for plain steps."""
    stage = make("rica", "dense", MapShape(6, 1, 1), maps=6)
    descent = torch.optim.LBFGS(stage.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        descent.zero_grad()
        value = loss(stage, x)
        value.backward()
        return value

    descent.step(closure)  # pyright: ignore[reportUnknownMemberType]
    return stage.filter.weight.detach().flatten(1).numpy()


def test_sources_are_found_as_fast_ica_finds_them() -> None:
    x, unmix = whitened_sources(subspaces=False)
    white = x.flatten(1).numpy()
    reference: Any = FastICA(whiten=False, random_state=0, max_iter=500, tol=1e-6)  # pyright: ignore[reportArgumentType]
    true = unmix / np.linalg.norm(unmix, axis=1, keepdims=True)
    alone = {"kind": "sheet", "rows": 2, "columns": 3, "size": 1}
    found: list[Array] = [
        reference.fit(white).components_,
        learn_rica(x),
        learn({"kind": "isa"}, x, {"kind": "group", "size": 1}),
        learn({"kind": "orthonormal-tica"}, x, alone),
    ]
    for W in found:
        cosines = np.abs(W @ true.T) / np.linalg.norm(W, axis=1, keepdims=True)
        assert sorted(cosines.argmax(1)) == list(range(6))
        assert cosines.max(1).min() > 0.98


def test_subspaces_are_found_from_near_by() -> None:
    """Groups of halves of subspaces are optima too, so that a far start may miss them."""
    x, unmix = whitened_sources(subspaces=True)
    near = unmix / np.linalg.norm(unmix, axis=1, keepdims=True)
    near = near + np.random.default_rng(1).normal(scale=0.25, size=(6, 6))
    W = learn({"kind": "isa"}, x, {"kind": "group", "size": 2}, start=near)
    for pair in range(3):
        mine = slice(2 * pair, 2 * pair + 2)
        polar = np.linalg.svd(near[mine], full_matrices=False)[2]
        basis = np.linalg.svd(unmix[mine], full_matrices=False)[2]
        began, ended = (np.square(rows @ basis.T).sum() / 2 for rows in (polar, W[mine]))
        assert began < 0.95
        assert ended > 0.99
