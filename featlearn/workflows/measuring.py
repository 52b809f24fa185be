"""A trial of a search in the making: what is measured on its way, and whether it is stopped."""

from collections.abc import Callable, Sequence

from featlearn.config.recipe import JOINT
from featlearn.training.loop import Loop
from featlearn.training.progress import StepReport
from featlearn.workflows.pruning import Point

Pulse = Callable[[str], None]
"""Told after every step where a trial is; may raise to end it."""

Verdict = Callable[[Sequence[Point], Sequence[int]], bool]
"""Says of measurements, and the epochs that each phase plans, whether a trial is stopped."""


class Pruned(Exception):  # a verdict, and nobody's error
    """A trial was stopped by what was measured on its way."""


class Making:
    """A trial in the making: takes its measurements, and asks whether to go on.

    Attributes:
        phases: Names of the phases, as far as they are known.
        planned: Epochs of the phases that are measured.
        curve: What was measured.
    """

    def __init__(self, *, verdict: Verdict, pulse: Pulse) -> None:
        """Begin.

        Args:
            verdict: Asked after every measurement.
            pulse: Told of every step.
        """
        self.verdict = verdict
        self.pulse = pulse
        self.phases: list[str] = []
        self.planned: list[int] = []
        self.curve: list[Point] = []
        self._losses: dict[str, float] = {}

    @property
    def settled(self) -> float:
        """The held-out losses that the phases ended with, together.

        That is the sum which stages that learn together minimise; a joint phase, which comes
        last, measures all of them itself.
        """
        return self._losses.get(JOINT, sum(self._losses.values()))

    def pretraining(self, loop: Loop, report: StepReport) -> None:
        """Take a step of pre-training; at the end of an epoch that is a measurement.

        Raises:
            Pruned: If the trial is to be stopped.
        """
        self.unmeasured(loop, report)
        if report.held_out is None:
            return
        phase = self.phases.index(report.phase)
        best = loop.state.best if loop.spec.patience is not None else None
        self._losses[report.phase] = report.held_out["loss"] if best is None else best
        last = loop.done and not any(self.planned[phase + 1 :])
        self._measure(Point(phase, report.epoch + 1, self.settled), asked=not last)

    def unmeasured(self, loop: Loop, report: StepReport) -> None:
        """Take a step whose figures say nothing about what is minimised."""
        held = loop.state.held_out
        words = "" if held is None else f", held out {held['loss']:.4g}"
        self.pulse(f"{report.phase}, epoch {report.epoch + 1}/{loop.epochs}{words}")

    def finetuning(self, report: StepReport, error: Callable[[], float] | None) -> None:
        """Take a step of fine-tuning, and measure the error if one is asked for.

        Raises:
            Pruned: If the trial is to be stopped.
        """
        self.pulse(f"{report.phase}, epoch {report.epoch + 1}/{self.planned[-1]}")
        if error is not None:
            self._measure(Point(0, report.epoch + 1, error()), asked=True)

    def _measure(self, point: Point, *, asked: bool) -> None:
        self.curve.append(point)
        if asked and self.verdict(self.curve, self.planned):
            raise Pruned
