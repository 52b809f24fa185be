"""The comparison at few labels: paired, and tuned on other draws with the same care."""

from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import cast

import msgspec
import numpy as np
import pytest
import torch

from featlearn.config.recipe import Recipe
from featlearn.config.training import FinetuneSpec
from featlearn.datasets.labels import balanced_subset
from featlearn.errors import DataError
from featlearn.evaluate.paired import paired_interval
from featlearn.networks.store import load_stack
from featlearn.workflows.few_labels import ARMS, FewLabels, compare_few_labels
from featlearn.workflows.pretrain import pretrain
from featlearn.workflows.trial import PIXELS, PRETRAINED, SCRATCH, Score, Setting, Trial
from featlearn.workflows.trials import Workbench

CHOICES = (Setting(1e-6, 1.0), Setting(0.02, 0.5))


class Watched(Workbench):
    """Notes every trial, and what came of it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, root=path)
        self.seen: dict[Trial, Score] = {}

    def scores(self, trials: Sequence[Trial], *, workers: int) -> Iterator[Score]:
        found = list(super().scores(trials, workers=workers))
        self.seen.update(zip(trials, found, strict=True))
        return iter(found)


Compared = tuple[FewLabels, Watched, list[str]]


@pytest.fixture(scope="module")
def compared(trained: Path) -> Compared:
    bench, told = Watched(trained), list[str]()
    result = compare_few_labels(
        bench, [30, 50], draws=3, tuning_labels=30, settings=CHOICES, told=told.append
    )
    return result, bench, told


def test_every_arm_gets_the_same_draws(compared: Compared) -> None:
    result, bench, _ = compared
    reported = [trial for trial in bench.seen if not trial.choosing]
    draws = {arm: {(t.labels, t.seed) for t in reported if t.arm == arm} for arm in (*ARMS, PIXELS)}
    expected = {(labels, seed) for labels in (30, 50) for seed in range(3)}
    assert draws == dict.fromkeys((PRETRAINED, SCRATCH, PIXELS), expected)
    assert [point.labels for point in result.curve] == [30, 50]
    for point in result.curve:
        for arm, scores in zip(
            (*ARMS, PIXELS), (point.pretrained, point.scratch, point.pixels), strict=True
        ):
            setting = result.settings.get(arm)
            trials = [
                Trial(arm=arm, setting=setting, labels=point.labels, label_seed=seed, seed=seed)
                for seed in range(3)
            ]
            assert scores == [bench.seen[trial].accuracy for trial in trials]


def test_settings_are_chosen_on_other_draws_and_other_images(compared: Compared) -> None:
    result, bench, _ = compared
    tuning = [trial for trial in bench.seen if trial.choosing]
    # Every arm tries every setting on every tuning draw.
    seeds = {trial.seed for trial in tuning}
    assert len(seeds) == result.tuning_draws >= 2
    assert len(tuning) == len(ARMS) * len(CHOICES) * len(seeds)
    assert seeds.isdisjoint(trial.seed for trial in bench.seen if not trial.choosing)
    drawn = [balanced_subset(bench.labels, 30, seed=seed) for seed in (*seeds, 0, 1, 2)]
    assert len({tuple(rows) for rows in drawn}) == len(drawn)
    assert result.validation == 400 - 30
    # A rate of a millionth learns nothing, so neither arm takes it.
    assert {arm: setting.lr for arm, setting in result.settings.items()} == dict.fromkeys(
        ARMS, 0.02
    )
    assert result.tried == list(CHOICES)


def test_the_interval_is_that_of_the_paired_differences(compared: Compared) -> None:
    result, _, told = compared
    for point in result.curve:
        interval = paired_interval(point.pretrained, point.scratch)
        assert point.difference_interval == (interval.low, interval.high)
        assert interval.low <= np.mean(np.subtract(point.pretrained, point.scratch))
    assert result.test == 500
    assert len(told) == 4


def test_figures_repeat_and_are_better_than_chance(compared: Compared) -> None:
    result, bench, _ = compared
    for trial in list(bench.seen)[-8:]:
        assert list(bench.scores([trial], workers=1)) == [bench.seen[trial]]
    for point in result.curve:
        assert min(point.pretrained + point.scratch + point.pixels) > 0.15


def test_processes_change_nothing_but_the_time(compared: Compared) -> None:
    _, bench, _ = compared
    trials = list(bench.seen)[-8:]
    assert {trial.arm for trial in trials} == {PRETRAINED, SCRATCH, PIXELS}
    before = torch.get_num_threads()
    found = list(Workbench.scores(bench, trials, workers=2))
    assert found == [bench.seen[trial] for trial in trials]
    assert torch.get_num_threads() == before


def test_between_scores_the_threads_are_the_caller_s(compared: Compared) -> None:
    _, bench, _ = compared
    torch.set_num_threads(3)
    scores = Workbench.scores(bench, list(bench.seen)[-2:], workers=1)
    next(scores)
    assert torch.get_num_threads() == 3
    torch.set_num_threads(2)
    cast("Generator[Score]", scores).close()
    assert torch.get_num_threads() == 2


def test_a_process_does_not_keep_an_overwritten_run(
    tmp_path: Path, tiny: Callable[..., Recipe]
) -> None:
    found: list[list[Score]] = []
    trials = [Trial(arm=PRETRAINED, setting=CHOICES[1], labels=30, label_seed=0, seed=0)] * 2
    for seed in (0, 1):
        pretrain(tiny(seed=seed), out=tmp_path / "run", root=tmp_path, overwrite=True)
        bench = Workbench(tmp_path / "run", root=tmp_path)
        at_once = list(bench.scores(trials, workers=2))
        assert at_once == list(bench.scores(trials, workers=1))
        found.append(at_once)
    assert found[0] != found[1]


def test_the_run_s_stack_is_not_changed(compared: Compared, trained: Path) -> None:
    _, bench, _ = compared
    state = load_stack(trained).stack.state_dict()
    now = bench.stack.state_dict()
    assert all(torch.equal(now[name], value) for name, value in state.items())


def test_a_setting_is_written_as_it_is_applied(tiny: Callable[..., Recipe]) -> None:
    setting = Setting(0.25, 0.5)
    spec = setting.applied(tiny().finetune)
    assert (spec.optimizer.lr, spec.stack_lr) == (0.25, 0.5)
    assert setting.overrides() == ["finetune.optimizer.lr=0.25", "finetune.stack_lr=0.5"]
    assert (
        msgspec.structs.replace(
            spec, optimizer=tiny().finetune.optimizer, stack_lr=FinetuneSpec().stack_lr
        )
        == tiny().finetune
    )


def test_data_without_labels_are_refused(tmp_path: Path, tiny: Callable[..., Recipe]) -> None:
    np.save(tmp_path / "bare.npy", np.random.default_rng(0).random((30, 8, 8), np.float32))
    recipe = tiny(data={"source": str(tmp_path / "bare.npy"), "limit": None})
    pretrain(recipe, out=tmp_path / "run", root=tmp_path)
    with pytest.raises(DataError, match="needs labels and a test split"):
        Workbench(tmp_path / "run", root=tmp_path)
