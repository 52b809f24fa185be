"""The training loop: an iterator over steps, with a state that can be put back."""

import math
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from featlearn.config.training import LoopSpec, PlateauSpec
from featlearn.datasets.batches import batches_of
from featlearn.errors import TrainingError
from featlearn.ops.casts import casts_kept
from featlearn.ops.random import generator, seeded
from featlearn.seeds import derive
from featlearn.training.averaging import WeightAverage
from featlearn.training.optimizers import Updates
from featlearn.training.problem import EpochWise, Problem, Renewing
from featlearn.training.progress import StepReport
from featlearn.training.rates import Plateau, rate_factor
from featlearn.training.states import all_finite, copied, under


class LoopState(msgspec.Struct):
    """Where a loop stands. Random draws are named by it, so no generator is saved.

    Attributes:
        epoch: The epoch in progress, from 0.
        batch: Batches of it that are done.
        step: Steps done in all.
        best: Least held-out loss so far (`None` before the first).
        best_epoch: The epoch that reached it.
        held_out: The last held-out figures.
        rate: Factor of a plateau schedule, its best loss and how long it waited.
        last_loss: Sum of the terms of the last step (`None` before the first).
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    best: float | None = None
    best_epoch: int = -1
    held_out: dict[str, float] | None = None
    rate: tuple[float, float | None, int] = (1.0, None, 0)
    last_loss: float | None = None


class Loop:
    """Minimise a problem, step by step.

    Iterate over `steps()`: the caller logs, saves and stops. Everything random
    in a step is drawn from a generator named by the seed, the problem and the
    step, so that a loop that is put back goes on exactly as it would have.
    """

    def __init__(
        self,
        problem: Problem,
        spec: LoopSpec,
        *,
        epochs: int,
        seed: int,
        ema: float | None = None,
    ) -> None:
        """Set up the optimiser.

        Args:
            problem: What to minimise.
            spec: Batch size, optimiser, rate, clipping, precision, patience.
            epochs: Epochs to train for.
            seed: Seed of order and noise.
            ema: How much of itself the average of the weights keeps, which then is measured,
                kept and left in the module; none is made if absent.
        """
        self.problem = problem
        self.spec = spec
        self.epochs = epochs
        self.seed = seed
        self.state = LoopState()
        in_backward = spec.update == "backward"
        self.updates = Updates(spec.optimizer, problem.groups(), in_backward=in_backward)
        self.renewing = problem if isinstance(problem, Renewing) else None
        self.plateau = Plateau(spec.rate) if isinstance(spec.rate, PlateauSpec) else None
        self.best: dict[str, Tensor] = {}
        self.average = None if ema is None else WeightAverage(problem.module, ema)
        self._order_of, self._batches = 0, self._order(0)
        self.steps_per_epoch = len(self._batches)

    @property
    def total_steps(self) -> int:
        """Steps of all epochs, if none is stopped early."""
        return self.epochs * self.steps_per_epoch

    def steps(self) -> Iterator[StepReport]:
        """Take the steps that are left; the state is right whenever one is yielded.

        Raises:
            TrainingError: If the loss or the weights are no longer finite.
        """
        if self.state.step == 0:
            # Not when a loop goes on: restoring a constraint twice may change the last bit.
            self.problem.after_step()
        while not self.done:
            yield self._advance()
        if self.best:
            self.problem.module.load_state_dict(self.best)
        elif self.average is not None:
            self.problem.module.load_state_dict(self.average.values)
        self._check_weights()

    @property
    def done(self) -> bool:
        """Tell whether every epoch is over, or patience with the held-out loss."""
        state, patience = self.state, self.spec.patience
        if state.epoch >= self.epochs:
            return True
        if patience is None or state.best is None:
            return False
        return state.epoch - 1 - state.best_epoch >= patience

    def _advance(self) -> StepReport:
        """Take one step and, after the last batch of an epoch, end the epoch."""
        state = self.state
        if self._order_of != state.epoch:
            self._order_of, self._batches = state.epoch, self._order(state.epoch)
        report = self._step(torch.from_numpy(self._batches[state.batch]))
        state.batch += 1
        state.step += 1
        if state.batch < len(self._batches):
            return report
        return report._replace(held_out=self._end_epoch(), ended=True)

    def _order(self, epoch: int) -> list[NDArray[np.int64]]:
        """Give the batches of an epoch, each the numbers of its samples."""
        seed = derive(self.seed, self.problem.name, "order")
        return batches_of(self.problem.samples, batch=self.spec.batch, seed=seed, epoch=epoch)

    def _step(self, rows: Tensor) -> StepReport:
        """Take one step on the samples at `rows`."""
        state, problem = self.state, self.problem
        factor = rate_factor(
            self.spec.rate,
            step=state.step,
            steps=self.total_steps,
            steps_per_epoch=self.steps_per_epoch,
        )
        lr = self.spec.optimizer.lr * factor * (self.plateau.factor if self.plateau else 1.0)
        for group in self.updates.groups:
            group["lr"] = lr * group["scale"]
        figures = self._backward(rows)
        if self.spec.clip is not None:
            nn.utils.clip_grad_norm_(self.updates.parameters, self.spec.clip)
        self.updates.step()
        problem.after_step()
        if self.renewing is not None:
            self.updates.forget(self.renewing.renew(state.step + 1, steps=self.total_steps))
        if self.average is not None:
            self.average.update(state.step)
        state.last_loss = sum(figures.values())
        return StepReport(
            phase=problem.name,
            epoch=state.epoch,
            step=state.step + 1,
            steps=self.total_steps,
            lr=lr,
            loss=state.last_loss,
            terms=figures,
        )

    def _backward(self, rows: Tensor) -> dict[str, float]:
        """Compute the loss and its gradients; give the terms as numbers."""
        problem, step = self.problem, self.state.step
        draw = generator(self.seed, problem.name, "noise", step, device=problem.device)
        with seeded(derive(self.seed, problem.name, "dropout", step), problem.device):
            with self._precision(), casts_kept(self.updates.taker), self.updates.sums.noted():
                terms = problem.terms(rows, draw)
                loss = torch.stack([term.float() for term in terms.values()]).sum()
            # At once: each number that is asked for waits for the device.
            figures = dict(zip(terms, _numbers(terms.values()), strict=True))
            self._check_figures(figures, "term", step=step + 1)
            self.updates.backward(loss)
        return figures

    def _precision(self) -> torch.autocast:
        """Compute products in the precision that was asked for."""
        half = self.spec.precision == "bfloat16"
        return torch.autocast(self.problem.device.type, dtype=torch.bfloat16, enabled=half)

    def _check_figures(self, figures: dict[str, float], kind: str, *, step: int) -> None:
        """Stop before a bad figure reaches the weights or the metrics."""
        for name, value in figures.items():
            if not math.isfinite(value):
                raise self._broken(step, f"the {kind} {name!r} is {value}")

    def _check_weights(self) -> None:
        """Stop before weights are kept that blew up in a step with a finite loss."""
        for name, tensor in self.problem.module.state_dict().items():
            if not all_finite(tensor):
                raise self._broken(self.state.step, f"{name!r} holds numbers that are not finite")

    def _broken(self, step: int, what: str) -> TrainingError:
        return TrainingError(
            f"{self.problem.name}: step {step}: {what}; try a "
            f"smaller optimizer.lr than {self.spec.optimizer.lr:g}, or set clip"
        )

    def _end_epoch(self) -> dict[str, float] | None:
        """Take what steps are due, measure held-out samples, keep the best weights, go on."""
        state = self.state
        if isinstance(self.problem, EpochWise):
            self.problem.after_epoch()
        with nullcontext() if self.average is None else self.average.in_use():
            with self._precision():
                held_out = self.problem.held_out()
            if held_out is not None:
                self._judge(held_out)
        state.held_out = held_out
        state.epoch, state.batch = state.epoch + 1, 0
        return held_out

    def _judge(self, held_out: dict[str, float]) -> None:
        """Keep the weights that were measured, if they are the best so far."""
        state = self.state
        self._check_figures(held_out, "held-out term", step=state.step)
        loss = held_out["loss"]
        if self.plateau is not None:
            self.plateau.see(loss)
        if state.best is None or loss < state.best:
            state.best, state.best_epoch = loss, state.epoch
            if self.spec.patience is not None:
                self.best = copied(self.problem.module.state_dict())

    def save(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Give everything that `restore` needs: tensors, and values in JSON's types.

        The problem's module is the caller's to save.

        Raises:
            TrainingError: If the weights are not finite, and so not worth keeping.
        """
        self._check_weights()
        tensors = {f"optimizer.{k}": v for k, v in self.updates.tensors().items()}
        tensors |= {f"best.{k}": v for k, v in self.best.items()}
        if self.average is not None:
            tensors |= {f"average.{k}": v for k, v in self.average.values.items()}
        if self.problem.aside is not None:
            tensors |= {f"aside.{k}": v for k, v in self.problem.aside.state_dict().items()}
        if self.plateau is not None:
            best = self.plateau.best if math.isfinite(self.plateau.best) else None
            self.state.rate = (self.plateau.factor, best, self.plateau.waited)
        return tensors, msgspec.to_builtins(self.state)

    def restore(self, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
        """Stand where `save` was called."""
        self.state = msgspec.convert(values, LoopState)
        self.updates.restore(under("optimizer.", tensors))
        device = self.problem.device
        self.best = {name: value.to(device) for name, value in under("best.", tensors).items()}
        if self.average is not None:
            self.average.restore(under("average.", tensors))
        if self.problem.aside is not None:
            self.problem.aside.load_state_dict(under("aside.", tensors))
        if self.plateau is not None:
            factor, best, waited = self.state.rate
            self.plateau.factor, self.plateau.waited = factor, waited
            self.plateau.best = math.inf if best is None else best


def _numbers(scalars: Iterable[Tensor]) -> list[float]:
    return torch.stack([scalar.detach().double() for scalar in scalars]).tolist()
