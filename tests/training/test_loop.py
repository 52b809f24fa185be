"""The loop on a small problem whose every step can be written down."""

import itertools
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from featlearn.config.training import FinetuneSpec
from featlearn.errors import TrainingError
from featlearn.training.loop import Loop
from featlearn.training.optimizers import Group
from featlearn.training.progress import StepReport
from tests.training.peaks import peak_bytes

ROWS = 10


class Line:
    """Fit y = 2x: the loss of a batch is the mean of (w·x − 2x)², x the sample's number."""

    name = "line"
    aside = None
    samples = ROWS
    device = torch.device("cpu")

    def __init__(self, held_out: Sequence[float] | None = None, *, dropout: float = 0.0) -> None:
        self.module = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(self.module.weight)
        self.dropout = dropout
        self.kept = None if held_out is None else iter(held_out)
        self.seen: list[list[int]] = []
        self.noise: list[float] = []
        self.restored = 0
        self.bad: dict[int, float] = {}

    def groups(self) -> list[Group]:
        return [{"params": [self.module.weight], "scale": 1.0}]

    def terms(self, rows: Tensor, draw: torch.Generator) -> dict[str, Tensor]:
        self.seen.append(rows.tolist())
        self.noise.append(float(torch.rand((), generator=draw)))
        x = rows[:, None] / ROWS
        kept = nn.functional.dropout(torch.ones(len(rows), 1), self.dropout)
        error = (self.module(x) - 2 * x).square() * kept
        spoilt = self.bad.get(len(self.seen), 0.0)
        return {"error": error.mean(), "extra": torch.tensor(spoilt)}

    def after_step(self) -> None:
        self.restored += 1

    def held_out(self) -> dict[str, float] | None:
        if self.kept is None:
            return None
        loss = next(self.kept)
        return {"error": loss, "loss": loss}

    @property
    def weight(self) -> float:
        return self.module.weight.item()


def loop(problem: Line, *, epochs: int = 3, seed: int = 0, **table: Any) -> Loop:
    plain = {"batch": 4, "optimizer": {"kind": "sgd", "lr": 0.1, "momentum": 0.0}}
    spec = msgspec.convert({**plain, **table}, FinetuneSpec)
    return Loop(problem, spec, epochs=epochs, seed=seed)


def run(work: Loop, count: int | None = None) -> list[StepReport]:
    """Take `count` steps, or all."""
    steps = work.steps()
    return list(steps) if count is None else [next(steps) for _ in range(count)]


def test_every_step_is_that_of_its_batch() -> None:
    problem = Line()
    reports = run(loop(problem))
    w = 0.0
    for rows, report in zip(problem.seen, reports, strict=True):
        x = np.array(rows) / ROWS
        assert report.terms["error"] == pytest.approx(np.mean((w * x - 2 * x) ** 2), rel=1e-4)
        assert report.loss == pytest.approx(sum(report.terms.values()))
        w -= 0.1 * np.mean(2 * (w * x - 2 * x) * x)
    assert problem.weight == pytest.approx(w, rel=1e-4)
    assert reports[-1].loss < reports[0].loss


def test_an_epoch_sees_every_sample_once_in_its_own_order() -> None:
    problem = Line()
    reports = run(loop(problem))
    assert [report.step for report in reports] == list(range(1, 10))
    assert [report.epoch for report in reports] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert {report.steps for report in reports} == {9}
    assert [len(rows) for rows in problem.seen[:3]] == [4, 4, 2]
    epochs = [list(itertools.chain(*problem.seen[start : start + 3])) for start in (0, 3, 6)]
    assert all(sorted(epoch) == list(range(ROWS)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_order_and_noise_follow_the_seed() -> None:
    def drawn(seed: int) -> tuple[list[list[int]], list[float]]:
        problem = Line()
        run(loop(problem, seed=seed))
        return problem.seen, problem.noise

    assert drawn(0) == drawn(0)
    assert drawn(0)[0] != drawn(1)[0]
    assert drawn(0)[1] != drawn(1)[1]
    assert len(set(drawn(0)[1])) == 9


def test_dropout_follows_the_seed_and_leaves_the_global_generator_alone() -> None:
    def trained(seed: int) -> float:
        problem = Line(dropout=0.5)
        state = torch.get_rng_state()
        run(loop(problem, seed=seed, batch=10))
        assert torch.equal(torch.get_rng_state(), state)
        return problem.weight

    assert trained(0) == trained(0) != trained(1)


def test_the_rate_is_the_schedule_s_times_the_group_s() -> None:
    problem = Line()
    work = loop(problem, rate={"kind": "step", "every": 1, "factor": 0.5})
    next(work.updates.groups)["scale"] = 0.0
    reports = run(work)
    assert [report.lr for report in reports] == pytest.approx([0.1] * 3 + [0.05] * 3 + [0.025] * 3)
    assert problem.weight == 0.0


def test_clipping_bounds_the_norm_of_the_gradient() -> None:
    free, clipped = Line(), Line()
    run(loop(free), 1)
    run(loop(clipped, clip=0.01), 1)
    assert free.weight > 0.1 * 0.01
    assert clipped.weight == pytest.approx(0.1 * 0.01, rel=1e-3)
    loose = Line()
    run(loop(loose, clip=100.0), 1)
    assert loose.weight == free.weight


def test_constraints_are_restored_before_the_first_step_and_after_each() -> None:
    problem = Line()
    run(loop(problem))
    assert problem.restored == 10


def test_patience_ends_early_with_the_best_weights() -> None:
    losses = [5.0, 3.0, 4.0, 3.5, 1.0]
    best = Line(losses)
    run(loop(best, epochs=2))
    problem = Line(losses)
    work = loop(problem, epochs=5, patience=2)
    reports = run(work)
    assert work.state.epoch == 4
    assert len(reports) == 12
    assert problem.weight == best.weight
    ends = [report.held_out for report in reports if report.held_out is not None]
    assert [end["loss"] for end in ends] == losses[:4]


def test_patience_without_anything_held_out_never_ends() -> None:
    assert len(run(loop(Line(), patience=1))) == 9


def test_the_best_weights_are_kept_when_patience_does_not_run_out() -> None:
    best, problem = Line([2.0]), Line([2.0, 3.0, 4.0])
    run(loop(best, epochs=1))
    run(loop(problem, patience=9))
    assert problem.weight == best.weight


def test_without_patience_the_last_weights_stay() -> None:
    free, measured = Line(), Line([1.0, 2.0, 3.0])
    run(loop(free))
    run(loop(measured))
    assert measured.weight == free.weight


def test_a_plateau_lowers_the_rate() -> None:
    work = loop(Line([1.0, 1.0, 1.0]), rate={"kind": "plateau", "patience": 1, "factor": 0.5})
    rates = [report.lr for report in run(work)]
    assert rates == pytest.approx([0.1] * 6 + [0.05] * 3)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_loss_that_is_not_finite_names_step_and_term(value: float) -> None:
    problem = Line()
    problem.bad = {5: value}
    work = loop(problem)
    run(work, 4)
    before = problem.weight
    with pytest.raises(
        TrainingError, match=rf"line: step 5: the term 'extra' is {value}; try a smaller"
    ):
        next(work.steps())
    assert problem.weight == before


def test_held_out_figures_that_are_not_finite_are_named() -> None:
    work = loop(Line([1.0, float("nan")]))
    with pytest.raises(TrainingError, match="line: step 6: the held-out term 'error' is nan"):
        run(work)


def test_weights_that_blow_up_in_the_last_step_are_not_kept() -> None:
    problem = Line()
    work = loop(problem, epochs=1, batch=10)
    nn.init.constant_(problem.module.weight, 1e18)
    next(work.updates.groups)["scale"] = 1e38  # the loss is finite, the step is not
    with pytest.raises(TrainingError, match="line: step 1: 'weight' holds numbers that are not"):
        run(work)
    with pytest.raises(TrainingError, match="not finite"):
        work.save()


HELD_OUT = [5.0, 4.0, 4.5, 4.5, 4.5, 4.5]


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"optimizer": {"kind": "adamw", "lr": 0.1}, "rate": {"kind": "one-cycle"}},
        {"patience": 2},
        {"rate": {"kind": "plateau", "patience": 2, "factor": 0.5}, "clip": 0.2},
    ],
)
def test_a_loop_that_is_put_back_goes_on_with_the_same_bits(table: dict[str, Any]) -> None:
    whole = Line(HELD_OUT, dropout=0.3)
    expected = run(loop(whole, epochs=6, **table))
    for count in range(1, len(expected) + 1):
        first = Line(HELD_OUT, dropout=0.3)
        work = loop(first, epochs=6, **table)
        done = run(work, count)
        tensors, values = work.save()
        values = msgspec.json.decode(msgspec.json.encode(values))  # as it lies on disk

        second = Line(HELD_OUT[count // 3 :], dropout=0.3)
        second.module.load_state_dict(first.module.state_dict())
        again = loop(second, epochs=6, **table)
        again.restore({name: tensor.clone() for name, tensor in tensors.items()}, values)
        done += run(again)
        assert done == expected
        assert torch.equal(second.module.weight, whole.module.weight)
        assert first.restored + second.restored == whole.restored


def test_a_finished_loop_that_is_put_back_takes_no_step() -> None:
    problem = Line()
    work = loop(problem)
    run(work)
    tensors, values = work.save()
    again = loop(problem)
    again.restore(tensors, values)
    assert run(again) == []


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_held_out_samples_are_measured_in_the_precision_of_training(precision: str) -> None:
    class Measured(Line):
        def terms(self, rows: Tensor, draw: torch.Generator) -> dict[str, Tensor]:
            trained.add(self.module(torch.ones(1, 1)).dtype)
            return super().terms(rows, draw)

        def held_out(self) -> dict[str, float] | None:
            measured.add(self.module(torch.ones(1, 1)).dtype)
            return super().held_out()

    trained, measured = set[torch.dtype](), set[torch.dtype]()
    run(loop(Measured([3.0, 2.0, 1.0]), precision=precision))
    assert trained == measured == {getattr(torch, precision)}


def test_bfloat16_is_close_to_float32() -> None:
    exact, half = Line(), Line()
    run(loop(exact, epochs=10))
    run(loop(half, epochs=10, precision="bfloat16"))
    assert half.module.weight.dtype == torch.float32
    assert half.weight == pytest.approx(exact.weight, rel=0.02)
    assert half.weight != exact.weight


def test_looking_for_weights_that_are_not_finite_takes_little_memory() -> None:
    problem = Line()
    problem.module = nn.Linear(3000, 3000, bias=False)
    work = loop(problem)
    assert peak_bytes(work.save) < problem.module.weight.nbytes
    with torch.no_grad():
        problem.module.weight[-1, -1] = float("inf")
    with pytest.raises(TrainingError, match="'weight' holds numbers that are not finite"):
        work.save()
