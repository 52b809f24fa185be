"""What every objective is held to: slopes by differences, a loss that falls, recipes refused."""

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from featlearn.autoencoders.objective import Objective
from featlearn.config.load import parse_recipe
from featlearn.errors import RecipeError
from featlearn.stages.stage import Stage

_STEP = 1e-6


def check_slopes(
    stage: Stage,
    terms: Callable[[], dict[str, Tensor]],
    names: Sequence[str],
    *,
    figure: Callable[[str], Tensor] | None = None,
    within: float = 1e-6,
) -> None:
    """Compare the gradients of terms with differences along random directions.

    Args:
        stage: In double precision; every parameter is moved.
        terms: Computes the terms.
        names: Of the terms to look at.
        figure: What a term is differentiated as, where part of it is held still; the term itself
            if absent.
        within: How far a slope may be off that is next to nothing.
    """
    draw = torch.Generator().manual_seed(3)

    def value(name: str) -> float:
        return float((terms()[name] if figure is None else figure(name)).detach())

    for name in names:
        stage.zero_grad()
        terms()[name].backward()
        for parameter in stage.parameters():
            direction = torch.randn(parameter.shape, generator=draw, dtype=torch.float64)
            values: list[float] = []
            for sign in (1, -1):
                parameter.data.add_(direction, alpha=sign * _STEP)
                values.append(value(name))
                parameter.data.sub_(direction, alpha=sign * _STEP)
            slope = (values[0] - values[1]) / (2 * _STEP)
            gradient = parameter.grad
            expected = 0.0 if gradient is None else float((gradient * direction).sum())
            assert slope == pytest.approx(expected, rel=1e-5, abs=within)


def descend(
    stage: Stage, objective: Objective, terms: Callable[[], dict[str, Tensor]], *, steps: int = 40
) -> list[dict[str, float]]:
    """Take steps of Adam as training does, and give the terms before each of them."""
    optimizer = torch.optim.Adam(stage.parameters(), lr=0.02)
    seen: list[dict[str, float]] = []
    with torch.no_grad():
        objective.after_step(stage)
    for _ in range(steps):
        found = terms()
        optimizer.zero_grad()
        torch.stack(list(found.values())).sum().backward()
        optimizer.step()
        with torch.no_grad():
            objective.after_step(stage)
        seen.append({name: float(term.detach()) for name, term in found.items()})
    return seen


def check_columns(stage: Stage, objective: Objective) -> None:
    """Only a decoder of its own is kept at columns of unit norm; filters stay as they are."""
    before = stage.filter.weight.detach().clone()
    with torch.no_grad():
        objective.after_step(stage)
    assert torch.equal(stage.filter.weight, before)
    assert stage.decoder is not None
    if stage.decoder.weight is not None:
        norms = stage.decoder.weight.detach().flatten(-3).norm(dim=-1)
        torch.testing.assert_close(norms, torch.ones_like(norms))


def check_refused(recipe: str, old: str, new: str, said: str) -> None:
    """A recipe is right as it is, and refused in one sentence where a part is another.

    Args:
        recipe: Its stage is called `s`.
        old: A part of it.
        new: What stands there instead.
        said: Part of the sentence, which names the stage.
    """
    parse_recipe(recipe)
    assert old in recipe
    with pytest.raises(RecipeError) as caught:
        parse_recipe(recipe.replace(old, new))
    assert "stage 's'" in str(caught.value)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
