"""What-where rebuilding, against a loop over windows and filters written out."""

import msgspec
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from featlearn.config.recipe import Recipe
from featlearn.config.semi import WhatWhereSpec
from featlearn.errors import RecipeError
from featlearn.geometry import MapShape
from featlearn.heads.classifier import Classifier
from featlearn.heads.semi.way import Given
from featlearn.heads.semi.what_where import WhatWhere
from featlearn.networks.stack import build_stack

IMAGE = MapShape(1, 6, 6)


def classifier(pool: str = "max", *, freeze: int = 0) -> Classifier:
    table = {
        "title": "Two",
        "data": {"source": "digits"},
        "stages": [
            {
                "name": "a",
                "filter": {"kind": "conv", "size": 3, "maps": 2},
                "pool": {"kind": pool, "size": 2, "stride": 2},
                "input": "none",
            },
            {"name": "b", "filter": {"kind": "dense", "maps": 3}, "input": "none"},
        ],
    }
    recipe = msgspec.convert(table, Recipe)
    stack = build_stack(recipe, IMAGE, seed=0)
    return Classifier(stack, recipe.finetune.head, classes=2, freeze=freeze, seed=0).train()


def images(count: int = 5) -> Tensor:
    return torch.rand(count, *IMAGE, generator=torch.Generator().manual_seed(1))


def given(made: Classifier) -> Given:
    return Given(made, made, lambda x, _: x, torch.Generator())


def where(code: NDArray[np.float64], kind: str) -> NDArray[np.float64]:
    """How much of each pooled value each place of a 2 x 2 window has."""
    shares = np.zeros_like(code)
    for m, i, j in np.ndindex(code.shape[0], 2, 2):
        window = code[m, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        if kind == "max":
            part = np.zeros((2, 2))
            part[np.unravel_index(window.argmax(), (2, 2))] = 1
        else:
            part = window / np.sqrt((window**2).sum() + 1e-8)
        shares[m, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2] = part
    return shares


@pytest.mark.parametrize("kind", ["max", "l2"])
def test_it_goes_down_as_written_out(kind: str) -> None:
    made, x = classifier(kind), images()
    way = WhatWhere(WhatWhereSpec(between=0.5), made)
    with torch.no_grad():
        for k, parameter in enumerate(way.parameters()):
            parameter.normal_(generator=torch.Generator().manual_seed(k))
    terms = way.terms(x, given(made))
    bottom, top = (d.state_dict() for d in way.decoders)
    outputs = made.stack.stage(0)(x)
    code = made.stack.stage(1)(outputs.output).code
    error = between = 0.0
    for n in range(len(x)):
        h = code[n, :, 0, 0].detach().double().numpy()
        pooled = np.tensordot(h, top["weight"].double().numpy(), 1) + top["bias"].double().numpy()
        between += ((pooled - outputs.output[n].detach().double().numpy()) ** 2).sum()
        shares = where(outputs.code[n].detach().double().numpy(), kind)
        unpooled = shares * pooled.repeat(2, axis=1).repeat(2, axis=2)
        rebuilt = np.zeros((6, 6)) + float(bottom["bias"])
        for m, i, j in np.ndindex(2, 4, 4):
            weight = bottom["weight"][m, 0].double().numpy()
            rebuilt[i : i + 3, j : j + 3] += unpooled[m, i, j] * weight
        error += ((rebuilt - x[n, 0].double().numpy()) ** 2).sum()
    assert terms["images"].item() == pytest.approx(error / len(x), rel=1e-4)
    assert terms["between"].item() == pytest.approx(0.5 * between / len(x), rel=1e-4)


def test_every_weight_but_the_head_s_is_moved() -> None:
    made = classifier()
    way = WhatWhere(WhatWhereSpec(), made)
    torch.stack(list(way.terms(images(), given(made)).values())).sum().backward()
    for parameter in [*way.parameters(), *made.stack.parameters()]:
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()
    assert all(parameter.grad is None for parameter in made.layers.parameters())


def test_images_without_any_answer_make_no_nan() -> None:
    made = classifier("l2")
    terms = WhatWhere(WhatWhereSpec(), made).terms(torch.zeros(3, *IMAGE), given(made))
    torch.stack(list(terms.values())).sum().backward()
    assert all(term.isfinite() for term in terms.values())
    weight = made.stack.stage(0).filter.weight
    assert weight.grad is None or bool(torch.as_tensor(weight.grad).isfinite().all())


def test_one_stage_has_nothing_between() -> None:
    made = classifier(freeze=1)
    assert list(WhatWhere(WhatWhereSpec(), made).terms(images(), given(made))) == ["images"]


def test_nothing_that_learns() -> None:
    with pytest.raises(RecipeError, match="keeps all 2: lower it"):
        WhatWhere(WhatWhereSpec(), classifier(freeze=2))
