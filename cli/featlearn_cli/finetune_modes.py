"""What `featlearn finetune` does with a run of one head: train it, sweep, or try rates."""

import dataclasses
from pathlib import Path

import click

from featlearn_cli.given import given
from featlearn_cli.options import Training
from featlearn_cli.params import Labels


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
    """The command's own options.

    Attributes:
        name: Of the head, or of the sweep.
        labels: How many labels; several make a sweep.
        label_seed: Of their draw.
        label_seeds: How many draws a sweep makes.
        controls: What a sweep compares with.
        tune: Whether a sweep chooses learning rates.
        freeze: Stages to leave as they are.
        semi: How unlabelled images are learned from.
        from_scratch: Whether to begin with random weights.
        find_lr: Whether to try rates, and train nothing.
        out: Where the plot of these rates goes.
        alone: Which of several tasks to train by itself.
    """

    name: str | None
    labels: tuple[Labels, ...] | None
    label_seed: int | None
    label_seeds: int | None
    controls: tuple[str, ...]
    tune: bool
    freeze: int | None
    semi: str | None
    from_scratch: bool
    find_lr: bool
    out: Path | None
    alone: str | None

    @property
    def counts(self) -> tuple[Labels, ...]:
        """Numbers of labels; `all` where none was said."""
        return self.labels or ("all",)

    @property
    def count(self) -> int | None:
        """The first number of labels; `None` for all."""
        return None if self.counts[0] == "all" else self.counts[0]

    @property
    def sweeps(self) -> bool:
        """Whether there are several numbers of labels, or several draws."""
        return len(self.counts) > 1 or self.label_seeds is not None


def finetune_one(run: Path, asked: Asked, options: Training) -> None:
    """Train the head of a run, sweep over its labels, or try its rates."""
    if asked.alone is not None:
        raise click.UsageError("--alone belongs to a run whose recipe has [[tasks]]")
    _check_finding(asked)
    _check_sweeping(asked)
    if asked.semi is not None:
        from featlearn.workflows.head_plan import semi_overrides

        sets = (*semi_overrides(run, asked.semi), *options.sets)
        options = dataclasses.replace(options, sets=sets)
    if asked.sweeps:
        _sweep(run, asked, options)
    elif asked.find_lr:
        _find(run, asked, options)
    else:
        _train(run, asked, options)


def _check_finding(asked: Asked) -> None:
    """Refuse what does not go with trying rates, and what goes with nothing else."""
    if not asked.find_lr:
        if asked.out is not None:
            raise click.UsageError("--out belongs to --find-lr; a head is kept in RUN/heads/NAME")
        return
    wrong = ["several numbers or draws of labels"] if asked.sweeps else []
    wrong += given("--name", "--resume", "--overwrite", "--track")
    if wrong:
        raise click.UsageError(f"--find-lr tries rates and keeps no head; drop {wrong[0]}")


_NOT_IN_SWEEPS = {
    "--from-scratch": "--from-scratch trains one head; a sweep takes --control scratch",
    "--label-seed": "--label-seed is one draw; a sweep takes --label-seeds",
    "--track": "a sweep keeps no curves, so there is nothing to --track",
    "--save-seconds": "a sweep goes on from its last whole trial; leave out --save-seconds",
}


def _check_sweeping(asked: Asked) -> None:
    """Refuse in a sweep what belongs to a single head, and the reverse."""
    if asked.sweeps:
        for option in given(*_NOT_IN_SWEEPS):
            raise click.UsageError(_NOT_IN_SWEEPS[option])
        return
    for option in given("--control", "--tune"):
        raise click.UsageError(
            f"{option} belongs to a sweep; give several numbers of labels "
            "(--labels 100,300), or --label-seeds 10"
        )


def _train(run: Path, asked: Asked, options: Training) -> None:
    from featlearn.workflows.finetune import finetune
    from featlearn_cli.finetuning import head_summary

    result = finetune(
        run,
        name=asked.name,
        labels=asked.count,
        label_seed=asked.label_seed or 0,
        freeze=asked.freeze,
        from_scratch=asked.from_scratch,
        seed=options.seed,
        overrides=options.sets,
        **options.training(),
    )
    options.show(result, head_summary)
    options.next_step(
        f"`featlearn evaluate {run} --head {result.head}`, then `featlearn report {run}`"
    )


def _find(run: Path, asked: Asked, options: Training) -> None:
    from featlearn.workflows.find_rate import find_rate
    from featlearn_cli.finetuning import rates_tried

    result = find_rate(
        run,
        labels=asked.count,
        label_seed=asked.label_seed or 0,
        freeze=asked.freeze,
        from_scratch=asked.from_scratch,
        seed=options.seed,
        overrides=options.sets,
        out=asked.out,
        **options.working(),
    )
    options.show(result, rates_tried)
    if result.command is not None:
        options.next_step(f"`{result.command}`")


def _sweep(run: Path, asked: Asked, options: Training) -> None:
    from featlearn.workflows.label_sweep import DRAWS, sweep_labels
    from featlearn_cli.finetuning import sweep_summary

    result = sweep_labels(
        run,
        labels=asked.counts,
        draws=asked.label_seeds or DRAWS,
        controls=asked.controls,
        tune=asked.tune,
        name="labels" if asked.name is None else asked.name,
        freeze=asked.freeze,
        seed=options.seed,
        overrides=options.sets,
        **options.resuming(),
    )
    options.show(result, sweep_summary)
    options.next_step(f"`featlearn report {run}` shows it with the rest of the run")
