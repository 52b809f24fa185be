"""k-sparse auto-encoders against numpy loops, finite differences, and what they are for."""

from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor

from featlearn.autoencoders.build import build_objective
from featlearn.autoencoders.ksparse import KSparseAutoEncoder
from featlearn.autoencoders.objective import LossTerms
from featlearn.autoencoders.silence import Silence
from featlearn.config.stages import StageSpec
from featlearn.geometry import MapShape
from featlearn.stages.activation import BatchTopK
from featlearn.stages.stage import Stage, build_stage
from tests.autoencoders.oracles import check_columns, check_refused, check_slopes, descend

IMAGE = MapShape(2, 5, 6)
FILTERS: dict[str, dict[str, Any]] = {
    "dense": {"kind": "dense", "maps": 6},
    "conv": {"kind": "conv", "size": 3, "maps": 6, "stride": 2, "padding": "same"},
    "local": {"kind": "local", "size": 3, "maps": 4},
    "tiled": {"kind": "tiled", "size": 3, "maps": 4, "tile": 2},
}
ACTIVATIONS: dict[str, dict[str, Any]] = {
    "top-k": {"kind": "top-k", "k": 2},
    "batch-top-k": {"kind": "batch-top-k", "k": 2},
    "one": {"kind": "batch-top-k", "k": 1},
}
KEPT = ["top-k", "batch-top-k"]


def make(
    kind: str = "dense", kept: str = "top-k", **objective: Any
) -> tuple[Stage, KSparseAutoEncoder]:
    """Build a stage in double precision, with its objective, which has begun."""
    raw = {
        "name": "it",
        "filter": FILTERS[kind],
        "activation": ACTIVATIONS[kept],
        "objective": {"kind": "top-k", "aux": 0.5, "aux_k": 2, "dead_after": 3, **objective},
    }
    draw = torch.Generator().manual_seed(0)
    stage = build_stage(msgspec.convert(raw, StageSpec), IMAGE, generator=draw).double()
    assert stage.decoder is not None
    with torch.no_grad():
        stage.decoder.bias.add_(0.1)
        if stage.decoder.weight is not None:
            stage.decoder.weight.mul_(1.3).add_(0.05)
    stage.activation.train()
    assert stage.spec.objective is not None
    made = build_objective(stage.spec.objective)
    assert isinstance(made, KSparseAutoEncoder)
    made.begin(stage, generator=draw)
    return stage, made


def batch(count: int = 4, seed: int = 1) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(count, *IMAGE, generator=draw, dtype=torch.float64)


def terms(made: tuple[Stage, KSparseAutoEncoder], x: Tensor) -> LossTerms:
    stage, objective = made
    return objective.terms(stage, x, target=x, generator=torch.Generator())


def kill(stage: Stage, objective: KSparseAutoEncoder, *units: int) -> None:
    """Let some maps lose everywhere, as they have done for long."""
    assert objective.silence is not None
    assert stage.filter.bias is not None
    others = [unit for unit in range(stage.code_shape.maps) if unit not in units]
    with torch.no_grad():
        stage.filter.bias[..., others] += 20
    objective.silence.steps.zero_()
    objective.silence.steps[list(units)] = 1000


@pytest.mark.parametrize("decoder", ["tied", "untied"])
def test_terms_are_the_paper_s_sums(decoder: str) -> None:
    stage, objective = made = make(decoder=decoder)
    x, dead = batch(), [0, 3, 4]
    kill(stage, objective, *dead)
    assert stage.decoder is not None
    assert stage.filter.bias is not None
    own = stage.decoder.weight
    encoder = stage.filter.weight.detach().flatten(1).numpy()
    columns = encoder if own is None else own.detach().flatten(1).numpy()
    offset = stage.decoder.bias.detach().flatten().numpy()
    errors: list[float] = []
    aux: list[float] = []
    for sample in x.flatten(1).numpy():
        a = encoder @ sample + stage.filter.bias.detach().numpy()
        code, revived = np.zeros(6), np.zeros(6)
        for unit in np.argsort(a)[-2:]:
            code[unit] = max(a[unit], 0)
        for unit in sorted(dead, key=lambda unit: a[unit])[-2:]:
            revived[unit] = max(a[unit], 0)
        left = sample - (code @ columns + offset)
        errors.append(float((left**2).sum()))
        aux.append(float(((revived @ columns - left) ** 2).sum()))
    found = terms(made, x)
    assert list(found) == ["reconstruction", "aux"]
    assert float(found["reconstruction"].detach()) == pytest.approx(np.mean(errors))
    assert float(found["aux"].detach()) == pytest.approx(0.5 * np.mean(aux))


@pytest.mark.parametrize("kept", KEPT)
@pytest.mark.parametrize("decoder", ["tied", "untied"])
@pytest.mark.parametrize("kind", FILTERS)
def test_gradients_are_those_of_finite_differences(kind: str, decoder: str, kept: str) -> None:
    """The second term's, with the codes' error held still: it has no gradient there."""
    stage, objective = made = make(kind, kept, decoder=decoder, dead_after=500)
    x, dead = batch(), [1, 2]
    kill(stage, objective, *dead)
    with torch.no_grad():
        left = x - stage.decode(stage.code(x))

    def figure(name: str) -> Tensor:
        if name == "reconstruction":
            return terms(made, x)[name]
        revived = torch.zeros_like(stage.filter(x))
        revived[:, dead] = stage.filter(x)[:, dead].relu()
        assert stage.decoder is not None
        rebuilt = stage.filter.adjoint(revived, weight=stage.decoder.weight)
        return 0.5 * (rebuilt - left).square().sum() / len(x)

    names = ["reconstruction", "aux"]
    for name in names:
        torch.testing.assert_close(terms(made, x)[name], figure(name))
    check_slopes(stage, lambda: terms(made, x), names, figure=figure)


@pytest.mark.parametrize("kind", FILTERS)
def test_silence_is_counted_for_every_filter(kind: str) -> None:
    stage, _ = make(kind)
    silence = Silence(stage.filter)
    expected = np.zeros(tuple(silence.steps.shape), dtype=int)
    rows, columns = expected.shape[1:]
    for seed in range(5):
        code = stage.code(batch(2, seed=seed))
        silence.count(code.detach())
        expected += 1
        for _, unit, row, column in (code != 0).nonzero().tolist():
            expected[unit, row % rows, column % columns] = 0
        np.testing.assert_array_equal(silence.steps.numpy(), expected)
    weights = stage.filter.weight
    shape = weights.shape[:-4][:2] if weights.ndim > 4 else (1, 1)
    assert tuple(silence.steps.shape[1:]) == tuple(shape)
    dead = silence.at_least(1, like=stage.filter(batch(2)))
    for unit, row, column in np.ndindex(*dead.shape):
        assert bool(dead[unit, row, column]) == (expected[unit, row % rows, column % columns] >= 1)


def test_held_out_images_leave_no_trace() -> None:
    stage, objective = made = make()
    assert objective.silence is not None
    with torch.no_grad():
        terms(made, batch())
    assert not bool(objective.silence.steps.any())
    terms(made, torch.zeros(2, *IMAGE, dtype=torch.float64))  # no unit is in a code of zeros
    assert objective.silence.steps.unique().tolist() == [1]
    assert "silence" not in "".join(stage.state_dict())


def test_without_a_beginning_no_unit_is_dead() -> None:
    stage, objective = make()
    objective.silence = None
    assert float(terms((stage, objective), batch())["aux"]) == 0


@pytest.mark.parametrize("kept", KEPT)
@pytest.mark.parametrize("decoder", ["tied", "untied"])
@pytest.mark.parametrize("kind", FILTERS)
def test_the_loss_falls(kind: str, decoder: str, kept: str) -> None:
    stage, objective = made = make(kind, kept, decoder=decoder)
    x = batch(16)
    seen = descend(stage, objective, lambda: terms(made, x), steps=60)
    assert seen[-1]["reconstruction"] < 0.9 * seen[0]["reconstruction"]
    if isinstance(stage.activation, BatchTopK):
        assert float(stage.activation.threshold) > 0


def test_the_second_term_revives_units_that_lose_everywhere() -> None:
    """Two units answer a hundredth as strongly as the others, and by themselves never win."""
    dead: list[int] = []
    for aux in (0.0, 1.0):
        stage, objective = made = make(kept="one", aux=aux, aux_k=4, decoder="untied")
        with torch.no_grad():
            stage.filter.weight[4:] *= 0.01
        optimizer = torch.optim.Adam(stage.parameters(), lr=0.005)
        for seed in range(300):
            found = terms(made, batch(64, seed=seed))
            optimizer.zero_grad()
            torch.stack(list(found.values())).sum().backward()
            optimizer.step()
            objective.after_step(stage)
        assert objective.silence is not None
        dead.append(int((objective.silence.steps >= 50).sum()))
    assert dead == [2, 0]


def test_only_a_decoder_of_its_own_is_kept_at_unit_columns() -> None:
    for decoder in ("tied", "untied"):
        check_columns(*make(decoder=decoder))


RECIPE = """
title = "T"
[data]
source = "digits"
[[stages]]
name = "s"
filter = { kind = "conv", size = 3, maps = 4 }
activation = { kind = "top-k", k = 2 }
objective = { kind = "top-k" }
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('{ kind = "top-k", k = 2 }', '"relu"', 'kind `batch-top-k`; got "relu"'),
        ('kind = "top-k" }', 'kind = "top-k", aux = -1 }', "objective.aux must be >= 0; got -1"),
        ('kind = "top-k" }', 'kind = "top-k", aux_k = 0 }', "objective.aux_k must be >= 1; got 0"),
        ('kind = "top-k" }', 'kind = "top-k", dead_after = 0 }', "objective.dead_after must be"),
        (
            'kind = "top-k" }',
            'kind = "top-k", reconstruction = "cross-entropy" }',
            'reconstruction must be "squared"',
        ),
    ],
)
def test_what_the_stage_must_have_is_said(old: str, new: str, said: str) -> None:
    check_refused(RECIPE, old, new, said)
