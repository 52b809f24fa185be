"""k-means of points against loops, scikit-learn and finite differences, and misuse."""

from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans as Reference
from sklearn.cluster import MiniBatchKMeans
from torch import Tensor

from featlearn.autoencoders.build import build_objective
from featlearn.autoencoders.centroids import Counts, KMeans
from featlearn.config.clusters import KMeansSpec
from featlearn.config.load import parse_recipe
from featlearn.config.stages import StageSpec
from featlearn.errors import RecipeError
from featlearn.geometry import MapShape
from featlearn.stages.clusters import bank_weights, bank_windows
from featlearn.stages.stage import Stage, build_stage
from tests.autoencoders.cluster_filters import FILTERS, IMAGE


def make(kind: str, image: MapShape = IMAGE, *, maps: int | None = None) -> Stage:
    own = FILTERS[kind] if maps is None else {**FILTERS[kind], "maps": maps}
    raw = {
        "name": "it",
        "filter": {**own, "bias": False},
        "activation": "triangle",
        "objective": {"kind": "k-means", "distance": "squared"},
        "input": "none",
    }
    draw = torch.Generator().manual_seed(0)
    return build_stage(msgspec.convert(raw, StageSpec), image, generator=draw).double()


def started(stage: Stage, *, full: bool = False) -> tuple[KMeans, Counts]:
    objective = KMeans(KMeansSpec(distance="squared", update="full" if full else "mini-batch"))
    kept = objective.begin(stage, generator=torch.Generator())
    assert isinstance(kept, Counts)
    objective.after_step(stage)
    return objective, kept


def batch(count: int = 3, image: MapShape = IMAGE, seed: int = 1) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(count, *image, generator=draw, dtype=torch.float64)


def step(objective: KMeans, stage: Stage, x: Tensor, seed: int = 2) -> float:
    """Take a step as the loop does, the optimiser's wild one included."""
    (term,) = objective.terms(
        stage, x, target=x, generator=torch.Generator().manual_seed(seed)
    ).values()
    with torch.no_grad():
        stage.filter.weight.add_(17.0)
        objective.after_step(stage)
    return float(term.detach())


def set_centres(stage: Stage, kept: Counts, centres: Tensor) -> None:
    with torch.no_grad():
        stage.filter.weight.copy_(centres.reshape(stage.filter.weight.shape))
    kept.placed.fill_(value=True)
    kept.waiting.fill_(value=False)


def inertia(x: Tensor, centres: Tensor) -> float:
    return float(torch.cdist(x, centres).square().amin(1).sum())


@pytest.mark.parametrize("kind", FILTERS)
def test_the_loss_is_the_mean_squared_distance_of_the_nearest(kind: str) -> None:
    stage, x = make(kind), batch()
    objective = KMeans(KMeansSpec(distance="squared"))
    (term,) = objective.terms(stage, x, target=x, generator=torch.Generator()).values()
    least = [
        torch.cdist(seen, bank).square().amin(1)
        for seen, bank in zip(
            bank_windows(stage.filter, x), bank_weights(stage.filter).detach(), strict=True
        )
    ]
    assert float(term.detach()) == pytest.approx(float(torch.cat(least).mean()), rel=1e-12)


@pytest.mark.parametrize("kind", FILTERS)
def test_the_gradient_is_that_of_differences(kind: str) -> None:
    stage, x = make(kind), batch()
    objective = KMeans(KMeansSpec(distance="squared"))
    weight = stage.filter.weight

    def loss() -> Tensor:
        return objective.terms(stage, x, target=x, generator=torch.Generator())["distortion"]

    loss().backward()
    assert weight.grad is not None
    way = torch.randn(weight.shape, generator=torch.Generator().manual_seed(2)).double()
    values: list[float] = []
    for sign in (1, -1):
        with torch.no_grad():
            weight.add_(sign * 1e-6 * way)
            values.append(float(loss()))
            weight.sub_(sign * 1e-6 * way)
    assert (values[0] - values[1]) / 2e-6 == pytest.approx(
        float((weight.grad * way).sum()), rel=1e-5
    )


@pytest.mark.parametrize("kind", FILTERS)
def test_mini_batches_keep_the_mean_of_all_that_was_won(kind: str) -> None:
    """Sculley's loop, sample by sample, with the batch's assignments made beforehand."""
    stage = make(kind)
    objective, kept = started(stage)
    set_centres(stage, kept, bank_weights(stage.filter).detach())
    centres = bank_weights(stage.filter).detach().clone().numpy()
    counts = np.zeros(centres.shape[:2])
    for seed in range(3):
        x = batch(seed=seed)
        step(objective, stage, x)
        for bank, seen in enumerate(bank_windows(stage.filter, x)):
            apart = ((seen.numpy()[:, None] - centres[bank]) ** 2).sum(2)
            for sample, nearest in zip(seen.numpy(), apart.argmin(1), strict=True):
                counts[bank, nearest] += 1
                centres[bank, nearest] += (sample - centres[bank, nearest]) / counts[bank, nearest]
        found = bank_weights(stage.filter).detach().numpy()
        np.testing.assert_allclose(found, centres, atol=1e-12)
        np.testing.assert_array_equal(kept.members.numpy(), counts)


@pytest.mark.parametrize("kind", FILTERS)
def test_an_epoch_of_full_updates_is_a_step_of_lloyd(kind: str) -> None:
    stage = make(kind)
    objective, kept = started(stage, full=True)
    set_centres(stage, kept, bank_weights(stage.filter).detach())
    before = bank_weights(stage.filter).detach().clone()
    batches = [batch(seed=seed) for seed in range(4)]
    for x in batches:
        step(objective, stage, x)
        assert bank_weights(stage.filter).equal(before)
    with torch.no_grad():
        objective.after_epoch(stage)
    parts = [list(bank_windows(stage.filter, x)) for x in batches]
    for bank, centres in enumerate(before):
        seen = torch.cat([part[bank] for part in parts])
        nearest = torch.cdist(seen, centres).argmin(1)
        for place in range(len(centres)):
            own = seen[nearest == place]
            expected = own.mean(0) if len(own) else centres[place]
            found = bank_weights(stage.filter)[bank, place].detach()
            torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-12)
            assert bool(kept.waiting[bank, place]) == (len(own) == 0)


def blobs(count: int, seed: int = 0) -> tuple[MapShape, Tensor]:
    """Six heaps of unequal sizes in twelve dimensions."""
    draw = torch.Generator().manual_seed(seed)
    heaps = 3 * torch.randn(6, 12, generator=draw, dtype=torch.float64)
    which = torch.randint(21, (count,), generator=draw).sqrt().long()  # 1, 3, 5, ... of 21
    noise = torch.randn(count, 12, generator=draw, dtype=torch.float64)
    return MapShape(1, 3, 4), heaps[which.clamp_max(5)] + noise


def test_full_updates_end_where_scikit_learn_does() -> None:
    image, x = blobs(300)
    stage = make("dense", image, maps=6)
    objective, kept = started(stage, full=True)
    begin = x[:6]
    set_centres(stage, kept, begin)
    losses: list[float] = []
    for _ in range(30):
        losses.append(step(objective, stage, x.view(-1, *image)))
        with torch.no_grad():
            objective.after_epoch(stage)
    assert all(after <= before + 1e-9 for before, after in pairwise(losses))
    options: dict[str, Any] = {"init": begin.numpy(), "n_init": 1, "max_iter": 30, "tol": 0}
    reference = Reference(6, **options).fit(x.numpy())
    assert losses[-1] * 300 == pytest.approx(reference.inertia_, rel=1e-9)
    found = stage.filter.weight.detach().flatten(1).numpy()
    np.testing.assert_allclose(found, reference.cluster_centers_, atol=1e-9)


@pytest.mark.parametrize("full", [False, True])
def test_clusters_from_samples_are_as_tight_as_scikit_learns(full: bool) -> None:
    image, x = blobs(2000, seed=3)
    stage = make("dense", image, maps=20)
    objective, _ = started(stage, full=full)
    draw = torch.Generator().manual_seed(4)
    for epoch in range(12):
        for number, rows in enumerate(torch.randperm(2000, generator=draw).split(100)):
            step(objective, stage, x[rows].view(-1, *image), seed=100 * epoch + number)
        with torch.no_grad():
            objective.after_epoch(stage)
    ours = inertia(x, stage.filter.weight.detach().flatten(1))
    options: dict[str, Any] = {"batch_size": 100, "max_iter": 12, "n_init": 1}
    theirs = MiniBatchKMeans(20, random_state=0, **options)
    assert ours <= 1.03 * theirs.fit(x.numpy()).inertia_


def test_centres_begin_on_samples_and_held_out_ones_leave_no_trace() -> None:
    stage, x = make("dense", maps=3), batch(40)
    objective, kept = started(stage)
    before = stage.filter.weight.detach().clone()
    with torch.no_grad():
        objective.terms(stage, x, target=x, generator=torch.Generator())
        objective.after_step(stage)
    assert stage.filter.weight.equal(before)
    assert not kept.placed.any()
    objective, kept = started(stage, full=True)  # so that centres stay where they were put
    step(objective, stage, x)
    assert kept.placed.all()
    for centre in stage.filter.weight.detach():
        assert any(centre.equal(sample) for sample in x)


def test_a_centre_that_wins_nothing_is_put_on_a_sample() -> None:
    image, x = blobs(200)
    stage = make("dense", image, maps=4)
    objective, kept = started(stage)
    far = torch.full((1, 12), 1e3, dtype=torch.float64)
    set_centres(stage, kept, torch.cat([x[:3], far]))
    step(objective, stage, x.view(-1, *image))
    assert stage.filter.weight[3].detach().flatten().equal(far[0])
    with torch.no_grad():
        objective.after_epoch(stage)
    assert kept.waiting.tolist() == [[False, False, False, True]]
    step(objective, stage, x.view(-1, *image))
    assert not kept.waiting.any()
    assert int(kept.members[0, 3]) > 0
    assert float(stage.filter.weight[3].detach().abs().max()) < 20


def test_filters_without_a_sample_of_their_own_repeat_one() -> None:
    stage = make("dense", maps=6)
    objective, kept = started(stage)
    x = batch(2).repeat(4, 1, 1, 1)
    for _ in range(3):
        step(objective, stage, x)
        with torch.no_grad():
            objective.after_epoch(stage)
    assert int(kept.placed.sum()) == 2
    weights = stage.filter.weight.detach().flatten(1)
    assert len(weights.unique(dim=0)) == 2
    assert inertia(x.flatten(1), weights) == pytest.approx(0, abs=1e-20)


def test_it_is_built_by_its_distance() -> None:
    assert isinstance(build_objective(KMeansSpec(distance="squared", update="full")), KMeans)


@pytest.mark.parametrize(
    ("filters", "objective", "more", "said"),
    [
        ("", 'distance = "squared"', "", "compares points, and learns no bias"),
        ("bias = false", 'update = "full"', "", '"full"` needs `distance = "squared"`'),
        ("bias = false", 'distance = "cubic"', "", "cosine"),
        (
            "bias = false",
            'distance = "squared"',
            '[pretrain]\nschedule = "greedy-then-joint"',
            "would forget the greedy one",
        ),
        ('bias = false, norm = { kind = "batch" }', 'distance = "squared"', "", "`filter.norm`"),
    ],
)
def test_misuse_is_refused(filters: str, objective: str, more: str, said: str) -> None:
    text = f"""
title = "t"
data = {{ source = "digits" }}
[[stages]]
name = "it"
filter = {{ kind = "dense", maps = 3{", " if filters else ""}{filters} }}
objective = {{ kind = "k-means", {objective} }}
{more}
"""
    with pytest.raises(RecipeError, match=said):
        parse_recipe(text)
