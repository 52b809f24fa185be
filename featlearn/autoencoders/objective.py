"""What a stage can be trained by: the protocol that every objective meets."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from featlearn.errors import UsageError
from featlearn.ops.random import generator as named_generator
from featlearn.stages.stage import Stage

LossTerms = dict[str, Tensor]
"""Named, weighted, scalar parts of a loss; the loss is their sum."""


class Objective(Protocol):
    """An unsupervised objective of one stage.

    Any object with these two methods can train a stage: `pretrain` takes it by the name of
    the stage. Only the stage's parameters are trained, so it has no weights of its own. What
    it keeps from step to step, if anything, is as `Remembering` says, or no checkpoint would
    hold it. A run records it as it writes itself, and a resume compares that: a dataclass
    writes its numbers. docs/own-objectives.md has an example.
    """

    def terms(
        self, stage: Stage, x: Tensor, *, target: Tensor, generator: torch.Generator
    ) -> LossTerms:
        """Compute the terms of the loss.

        Called at every step, and for held-out images, without gradients, after every epoch.

        Args:
            stage: The stage in training; `stage.code(x)` and `stage.decode(h)` are its
                encoder and decoder.
            x: Its scaled input, `(batch, maps, height, width)`; patches of it, if the
                recipe says so.
            target: What to rebuild, of the same shape; `x` itself, or `x` without
                its gradient where stages are trained through one another.
            generator: Source of every random draw, on the device of `x`.

        Returns:
            One or more scalars by name, the same names every time and none called `loss`,
            which is their sum; each weighted already, summed over features and averaged over
            the batch.
        """
        ...

    def after_step(self, stage: Stage) -> None:
        """Restore constraints on the weights, in place and without gradients.

        Called after every step of the optimiser, and once before the first.
        """
        ...


@runtime_checkable
class Remembering(Protocol):
    """An objective that keeps something from step to step: counts, averages, chains.

    Its `terms` may change what is kept where gradients are recorded, and nowhere else: held-out
    images are measured without them, and leave no trace.
    """

    def begin(self, stage: Stage, *, generator: torch.Generator) -> nn.Module:
        """Make what is kept, as a phase of training begins.

        Args:
            stage: The stage that is to learn.
            generator: Source of every random draw, on the CPU.

        Returns:
            A module whose buffers checkpoints hold and give back; nothing in it is trained.
            The objective goes on using this very module.
        """
        ...


@runtime_checkable
class EpochWise(Protocol):
    """An objective that does something when an epoch is over, before held-out images are measured.

    It may change the weights and what it keeps, in place and without gradients.
    """

    def after_epoch(self, stage: Stage) -> None:
        """Take a step that is due once an epoch.

        Args:
            stage: The stage in training.
        """
        ...


@runtime_checkable
class Starting(Protocol):
    """An objective that looks at data before its stage learns for the first time."""

    def start(self, stage: Stage, x: Tensor) -> None:
        """Set weights by data, in place and without gradients.

        Called once, before the first step of the first phase that trains the stage; not
        where training goes on, or begins with weights of others.

        Args:
            stage: The stage that is to learn.
            x: Its scaled input for some training images, `(batch, maps, height, width)`;
                patches of it, if the recipe says so.
        """
        ...


@runtime_checkable
class Moving(Protocol):
    """An objective that moves weights by itself, in `after_step`, as a closed form says.

    The optimiser leaves these alone, and none of its terms need have a gradient.
    """

    def moves(self, stage: Stage) -> Sequence[nn.Parameter]:
        """Give the parameters of the stage that it moves."""
        ...


def begin_all(
    objectives: Mapping[int, Objective], stage_at: Callable[[int], Stage], *, seed: int
) -> nn.ModuleDict:
    """Let every objective that keeps something begin.

    Args:
        objectives: The objective of every stage in training, by its place.
        stage_at: Gives the stage of a place.
        seed: Seed of what is drawn.

    Returns:
        What is kept, by place, on the devices of the stages.
    """
    kept = nn.ModuleDict()
    for place, objective in objectives.items():
        if isinstance(objective, Remembering):
            stage = stage_at(place)
            draw = named_generator(seed, stage.name, "memory")
            memory = objective.begin(stage, generator=draw)
            kept[str(place)] = memory.to(stage.filter.weight.device)
    return kept


def check_objective(objective: object, *, stage: str) -> None:
    """Refuse what has not the methods of an objective.

    Args:
        objective: What a caller gave for a stage.
        stage: The stage's name, for the sentence.

    Raises:
        UsageError: If one is missing.
    """
    for method in ("terms", "after_step"):
        if not callable(getattr(objective, method, None)):
            raise UsageError(
                f"stage {stage!r}: an objective has the methods `terms` and `after_step`; "
                f"{type(objective).__name__} has no {method!r}"
            )


def check_terms(terms: object, *, stage: str, moving: bool = False) -> LossTerms:
    """Refuse what an objective gave if it is no loss; no value is asked for.

    Args:
        terms: What its `terms` returned.
        stage: The stage's name, for the sentence.
        moving: Whether the objective moves weights by itself.

    Returns:
        The same terms.

    Raises:
        UsageError: If it is no mapping of one or more scalar tensors by name, or one is called
            `loss`. Where gradients are recorded, also if no term has one, unless `moving`.
    """
    if not isinstance(terms, Mapping) or not terms:
        got = "none" if isinstance(terms, Mapping) else f"a {type(terms).__name__}"
        raise UsageError(
            f"stage {stage!r}: the objective's `terms` must return one or more scalar tensors by "
            f"name, as a dict; got {got}"
        )
    for name, term in terms.items():
        fault = _fault(name, term)
        if fault is not None:
            raise UsageError(f"stage {stage!r}: the objective's term {name!r} {fault}")
    wanted = torch.is_grad_enabled() and not moving
    if wanted and not any(term.requires_grad for term in terms.values()):
        raise UsageError(
            f"stage {stage!r}: no term of the objective ({', '.join(terms)}) has a gradient; one "
            "at least must be computed from the stage's weights, without `detach` and `no_grad`"
        )
    return dict(terms)


def _fault(name: object, term: object) -> str | None:
    """Say what is wrong with one term, if anything is."""
    if not isinstance(name, str):
        return f"must have a text for its name; got a {type(name).__name__}"
    if name == "loss":
        return "needs another name: `loss` is the sum of all terms"
    if not isinstance(term, Tensor):
        return f"must be a scalar tensor; got a {type(term).__name__}"
    if term.ndim or not term.is_floating_point():
        return f"must be a scalar tensor of floats; got {tuple(term.shape)} in {term.dtype}"
    return None
