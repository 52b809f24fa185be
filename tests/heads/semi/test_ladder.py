"""The ladder against algorithm 1 of its paper, written out for a dense network."""

import msgspec
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from featlearn.config.recipe import Recipe
from featlearn.geometry import MapShape
from featlearn.heads.classifier import Classifier
from featlearn.heads.semi.ladder import Ladder
from featlearn.heads.semi.way import Given
from featlearn.networks.stack import build_stack

IMAGE = MapShape(1, 2, 3)
NOISE = 0.4
COSTS = (3.0, 2.0, 0.5)


@pytest.fixture
def classifier() -> Classifier:
    filters = [
        {"kind": "dense", "maps": width, "bias": False, "norm": {"kind": "batch"}}
        for width in (5, 4)
    ]
    table = {
        "title": "Dense",
        "data": {"source": "digits"},
        "stages": [
            {"name": name, "filter": one, "input": "none"}
            for name, one in zip("ab", filters, strict=True)
        ],
        "finetune": {"head": {"kind": "classification", "input": "none"}},
    }
    recipe = msgspec.convert(table, Recipe)
    stack = build_stack(recipe, IMAGE, seed=0)
    made = Classifier(stack, recipe.finetune.head, classes=3, freeze=0, seed=1)
    with torch.no_grad():
        last = made.layers[-1]
        assert isinstance(last, nn.Linear)
        last.weight.normal_(generator=torch.Generator().manual_seed(1))
        for place in range(2):
            norm = stack.stage(place).filter_norm
            assert norm is not None
            norm.weight.uniform_(0.5, 1.5, generator=torch.Generator().manual_seed(2 + place))
            norm.bias.normal_(generator=torch.Generator().manual_seed(4 + place))
    return made.train()


def normal(x: Tensor, like: Tensor) -> Tensor:
    return (x - like.mean(0)) / (like.var(0, correction=0) + 1e-5).sqrt()


def unnormal(z: Tensor, like: Tensor) -> Tensor:
    return z * (like.var(0, correction=0) + 1e-5).sqrt() + like.mean(0)


def encoded(
    classifier: Classifier, x: Tensor, noise: float, draw: torch.Generator
) -> tuple[list[Tensor], list[Tensor]]:
    """Every layer's normalised responses, noisy if there is noise, and what they were before."""

    def noisy(z: Tensor) -> Tensor:
        if not noise:
            return z
        shape = (len(z), *IMAGE) if z.shape[1] == IMAGE.units else (*z.shape, 1, 1)
        return z + noise * torch.randn(shape, generator=draw).view(z.shape)

    zs, pres = [noisy(x.flatten(1))], [x.flatten(1)]
    h = zs[0]
    for place in range(2):
        stage = classifier.stack.stage(place)
        pre, norm = h @ stage.filter.weight.flatten(1).T, stage.filter_norm
        assert norm is not None
        response = normal(pre, pre) * norm.weight + norm.bias
        zs.append(noisy(normal(response, response)))
        pres.append(response)
        h = F.relu(unnormal(zs[-1], response))
    last = classifier.layers[-1]
    assert isinstance(last, nn.Linear)
    logits = last(h)
    return [*zs, noisy(normal(logits, logits))], [*pres, logits]


def written_out(
    classifier: Classifier, way: Ladder, x: Tensor, draw: torch.Generator
) -> tuple[list[Tensor], Tensor]:
    """Algorithm 1 line by line, with the noise in units of a normalised response."""
    clean, clean_pres = encoded(classifier, x, 0.0, draw)
    tilde, noisy_pres = encoded(classifier, x, NOISE, draw)
    answer = unnormal(tilde[3], noisy_pres[3])
    above = answer.softmax(1)
    costs: list[Tensor] = []
    for k in (3, 2, 1, 0):
        if k < 3:
            down = way.down[str(k + 1)]
            above = above @ (down.T if k == 2 else down.flatten(1))
        u = normal(above, above)
        a = way.numbers[str(k)].flatten(1)
        mean = a[0] * torch.sigmoid(a[1] * u + a[2]) + a[3] * u + a[4]
        trust = a[5] * torch.sigmoid(a[6] * u + a[7]) + a[8] * u + a[9]
        above = (tilde[k] - mean) * trust + mean
        compared = normal(unnormal(above, noisy_pres[k]), clean_pres[k]) if k else above
        costs.append((compared - clean[k]).square().sum(1).mean() / clean[k].shape[1])
    return costs[::-1], answer


def test_it_equals_the_algorithm_written_out(classifier: Classifier) -> None:
    way = Ladder(classifier, noise=NOISE, costs=COSTS, seed=0)
    with torch.no_grad():
        for k, numbers in enumerate(way.numbers.values()):
            numbers.normal_(generator=torch.Generator().manual_seed(k))
    x = torch.rand(7, *IMAGE, generator=torch.Generator().manual_seed(6))
    given = Given(classifier, classifier, lambda images, _: images, _draw())
    terms = way.terms(x, given)
    expected, _ = written_out(classifier, way, x, _draw())
    assert list(terms) == ["answer", "b", "a", "images"]
    weighed = [cost * weight for cost, weight in zip(expected, (3.0, 2.0, 0.5, 0.5), strict=True)]
    for name, value in zip(("images", "a", "b", "answer"), weighed, strict=True):
        torch.testing.assert_close(terms[name], value, rtol=1e-4, atol=1e-5)


def test_labels_are_learned_from_the_noisy_answer(classifier: Classifier) -> None:
    way = Ladder(classifier, noise=NOISE, costs=(0.0, 0.0, 0.0, 1.0), seed=0)
    x = torch.rand(7, *IMAGE, generator=torch.Generator().manual_seed(6))
    before = {k: v.clone() for k, v in classifier.state_dict().items()}
    given = Given(classifier, classifier, lambda images, _: images, _draw())
    got = way.answer(x, given)
    for name, value in classifier.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    _, expected = written_out(classifier, _full(classifier), x, _draw())
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


def test_statistics_follow_clean_images_while_labels_are_all_there_is(
    classifier: Classifier,
) -> None:
    way = Ladder(classifier, noise=NOISE, costs=COSTS, seed=0)
    x = torch.rand(7, *IMAGE, generator=torch.Generator().manual_seed(6))
    norm = classifier.stack.stage(0).filter_norm
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    before = norm.running_mean.clone()
    given = Given(classifier, classifier, lambda images, _: images, _draw(), alone=True)
    got = way.answer(x, given)
    clean = x.flatten(1) @ classifier.stack.stage(0).filter.weight.flatten(1).T
    torch.testing.assert_close(norm.running_mean, torch.lerp(before, clean.mean(0), 0.1))
    _, expected = written_out(classifier, _full(classifier), x, _draw())
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


def test_gamma_has_one_layer_to_rebuild(classifier: Classifier) -> None:
    way = Ladder(classifier, noise=NOISE, costs=(0.0, 0.0, 0.0, 1.0), seed=0)
    assert list(way.numbers) == ["3"]
    assert not list(way.down)


def _full(classifier: Classifier) -> Ladder:
    return Ladder(classifier, noise=NOISE, costs=COSTS, seed=0)


def _draw() -> torch.Generator:
    return torch.Generator().manual_seed(11)
