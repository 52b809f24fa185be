"""`finetune --find-lr`: which learning rate suits a head, before it is trained."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

import msgspec

from featlearn.config.changes import Overrides, override_texts
from featlearn.config.recipe import Recipe
from featlearn.datasets.labels import whole_labels
from featlearn.files import check_folder
from featlearn.training.range_test import RangeTest, range_test
from featlearn.training.rundir import RunDirectory
from featlearn.training.trying import at_full_rate
from featlearn.workflows.check_words import judge_rate
from featlearn.workflows.finetune import start_head
from featlearn.workflows.head_plan import Options, check_same_images, plan_head
from featlearn.workflows.labelled import draw_labelled
from featlearn.workflows.outputs import check_apart
from featlearn.workflows.run_options import WorkOptions
from featlearn.workflows.running import Running


class FindRateResult(msgspec.Struct, frozen=True, kw_only=True):
    """What trying rates came to.

    Attributes:
        run: The run.
        labelled: Labelled images that were learned from.
        test: The rates, the losses, and which rate is suggested.
        said: One sentence about the recipe's own rate.
        option: What makes `finetune` take the rate that is suggested, if one is.
        command: What trains the head of the same labels and options, at that rate unless the
            recipe's own will do; `None` if the loss fell at no rate.
        files: Pictures that were written.
    """

    run: str
    labelled: int
    test: RangeTest
    said: str
    option: str | None
    command: str | None
    files: list[str]


def find_rate(
    path: Path | str,
    *,
    labels: int | None = None,
    label_seed: int = 0,
    freeze: int | None = None,
    from_scratch: bool = False,
    seed: int | None = None,
    overrides: Overrides = (),
    out: Path | None = None,
    **how: Unpack[WorkOptions],
) -> FindRateResult:
    """Try learning rates on the head that `finetune` would train with the same options.

    Args:
        path: The run; nothing is written into it.
        labels: How many labels to use, class-balanced; all if absent.
        label_seed: Seed of the draw of labels.
        freeze: Stages to leave as they are; the recipe's if absent.
        from_scratch: Start from random weights (the paired control).
        seed: Seed of weights, order and noise; the recipe's if absent.
        overrides: Values by key, or `finetune.KEY=VALUE` texts.
        out: Folder for a plot, `rates.png` and `rates.svg`.
        **how: `root` of the data sets, `device`, `threads` and `progress`: see `WorkOptions` in
            `featlearn.workflows.run_options`.

    Raises:
        FeatlearnError: If the run, the data or the options stand in the way.
        OSError: If nothing can be written into `out`.
    """
    labels, overrides = whole_labels(labels), override_texts(overrides)
    running = Running.prepare(**how)
    run = RunDirectory.open(path)
    recipe, options = plan_head(
        run,
        overrides,
        labels=labels,
        label_seed=label_seed,
        freeze=freeze,
        from_scratch=from_scratch,
        seed=seed,
    )
    if out is not None:
        source = recipe.data.source
        check_apart(out / "rates.png", source=source, run=path, root=running.root)
        check_folder(out)
    labelled, test = _tried(run, recipe, options, running)
    verdict, option = judge_rate(test), _option(test)
    words = ["featlearn", "finetune", str(path), *options.words(), *running.words]
    changes = [*overrides, *option[1:]] if not verdict.passed else overrides
    return FindRateResult(
        run=str(path),
        labelled=labelled,
        test=test,
        said=verdict.said,
        option=shlex.join(option) if option else None,
        command=_command(words, changes) if option else None,
        files=[] if out is None else draw_rates([test], out),
    )


def _tried(
    run: RunDirectory, recipe: Recipe, options: Options, running: Running
) -> tuple[int, RangeTest]:
    """Set the head's training up, and try rates on it; give how many labels it has, too."""
    data = draw_labelled(
        recipe, labels=options.labels, label_seed=options.label_seed, root=running.root
    )
    check_same_images(run, recipe, data.splits)
    # The schedule counts for nothing here: its warm-up may be longer than a test.
    plain = msgspec.structs.replace(recipe, finetune=at_full_rate(recipe.finetune))
    loop = start_head(run, plain, options, data, running.device).loop
    test = range_test(
        loop.problem,
        plain.finetune,
        seed=options.seed,
        average=loop.average,
        progress=running.progress,
    )
    return len(data.train), test


def _option(test: RangeTest) -> list[str]:
    """Spell the option that takes the suggested rate, if there is one."""
    rate = test.suggested
    return [] if rate is None else ["--set", f"finetune.optimizer.lr={rate:.2g}"]


def _command(words: Sequence[str], changes: Sequence[str]) -> str:
    """Write a command that changes the recipe, the later changes over the earlier ones."""
    return shlex.join([*words, *(word for text in changes for word in ("--set", text))])


def draw_rates(tests: list[RangeTest], folder: Path) -> list[str]:
    """Draw range tests, if there are any, and give the files."""
    if not tests:
        return []
    from featlearn.visualize.rates import rates_figure
    from featlearn.visualize.style import save_figure

    files = [folder / f"rates{suffix}" for suffix in (".png", ".svg")]
    for file in files:
        save_figure(rates_figure(tests), file)
    return [str(file) for file in files]
