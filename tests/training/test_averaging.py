"""The average of weights against a loop, and in a training that is interrupted."""

from collections.abc import Callable

import msgspec
import pytest
import torch
from torch import Tensor, nn

from featlearn.config.training import FinetuneSpec
from featlearn.training.averaging import WeightAverage
from featlearn.training.loop import Loop
from featlearn.training.optimizers import Group, weight_groups


class Net(nn.Module):
    """A linear map, batch statistics, and a weight that nobody changes."""

    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(3, 1)
        self.norm = nn.BatchNorm1d(1)
        self.still = nn.Parameter(torch.tensor([0.1, 1 / 3]), requires_grad=False)
        nn.init.ones_(self.line.weight)
        nn.init.zeros_(self.line.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.line(x))


class Fit:
    """Fits the net to numbers, and notes what its held-out loss was asked of."""

    name = "fit"
    aside = None
    samples = 12
    device = torch.device("cpu")

    def __init__(self) -> None:
        self.module = Net()
        draw = torch.Generator().manual_seed(0)
        self.x = torch.randn(12, 3, generator=draw)
        self.y = torch.randn(12, 1, generator=draw)
        self.seen: list[dict[str, Tensor]] = []
        self.asked: list[dict[str, Tensor]] = []

    def groups(self) -> list[Group]:
        return weight_groups(self.module)

    def terms(self, rows: Tensor, draw: torch.Generator) -> dict[str, Tensor]:
        del draw
        return {"error": (self.module(self.x[rows]) - self.y[rows]).square().mean()}

    def after_step(self) -> None:
        self.seen.append({k: v.clone() for k, v in self.module.state_dict().items()})

    def held_out(self) -> dict[str, float]:
        self.asked.append({k: v.clone() for k, v in self.module.state_dict().items()})
        return {"loss": 1.0 / len(self.asked)}


def loop(problem: Fit, *, ema: float | None, patience: int | None = None) -> Loop:
    table = {"batch": 4, "patience": patience, "optimizer": {"kind": "adamw", "lr": 0.05}}
    spec = msgspec.convert(table, FinetuneSpec)
    return Loop(problem, spec, epochs=4, seed=0, ema=ema)


@pytest.mark.parametrize("decay", [0.3, 0.9])
def test_the_average_is_that_of_a_loop(decay: float) -> None:
    problem = Fit()
    list(loop(problem, ema=decay).steps())
    average = problem.seen[0]  # before the first step
    asked: list[dict[str, Tensor]] = []
    for step, weights in enumerate(problem.seen[1:]):
        kept = min(decay, (1 + step) / (10 + step))
        average = {
            name: kept * average[name] + (1 - kept) * now if now.is_floating_point() else now
            for name, now in weights.items()
        }
        if (step + 1) % 3 == 0:
            asked.append(average)
    for found, expected in zip(problem.asked, asked, strict=True):
        torch.testing.assert_close(found, expected)
    torch.testing.assert_close(dict(problem.module.state_dict()), average)
    assert torch.equal(problem.module.still, torch.tensor([0.1, 1 / 3]))  # to the last bit


def test_the_weights_come_back_and_training_does_not_see_the_average() -> None:
    plain, averaged = Fit(), Fit()
    list(loop(plain, ema=None).steps())
    list(loop(averaged, ema=0.9).steps())
    for one, other in zip(plain.seen, averaged.seen, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)
    with WeightAverage(plain.module, 0.5).in_use():
        pass
    assert torch.equal(plain.module.state_dict()["line.weight"], plain.seen[-1]["line.weight"])


def test_patience_keeps_the_average_that_was_best() -> None:
    problem = Fit()
    losses = iter([0.5, 0.2, 0.9, 0.9])
    problem.held_out = lambda: (  # type: ignore[method-assign]
        problem.asked.append({k: v.clone() for k, v in problem.module.state_dict().items()})
        or {"loss": next(losses)}
    )
    list(loop(problem, ema=0.9, patience=2).steps())
    best, now = problem.asked[1], problem.module.state_dict()
    assert all(torch.equal(now[name], value) for name, value in best.items())


@pytest.mark.parametrize("at", [1, 5, 12])
def test_a_resumed_training_ends_in_the_same_bytes(at: int) -> None:
    whole, first, second = Fit(), Fit(), Fit()
    list(loop(whole, ema=0.95, patience=9).steps())
    begun = loop(first, ema=0.95, patience=9)
    steps: Callable[[], object] = begun.steps().__next__
    for _ in range(at):
        steps()
    tensors, values = begun.save()
    kept = {name: value.clone() for name, value in tensors.items()}
    second.module.load_state_dict(first.module.state_dict())
    again = loop(second, ema=0.95, patience=9)
    again.restore(kept, values)
    list(again.steps())
    expected = whole.module.state_dict()
    assert all(torch.equal(v, expected[k]) for k, v in second.module.state_dict().items())
