"""The comparison at few labels: paired, and tuned on other draws with the same care."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from featlearn.config.recipe import Recipe
from featlearn.config.training import FinetuneSpec
from featlearn.errors import DataError
from featlearn.evaluate.paired import paired_interval
from featlearn.training.pictures import Pictures
from featlearn.workflows import few_labels
from featlearn.workflows.few_labels import ARMS, Arms, FewLabels, Setting
from featlearn.workflows.pretrain import pretrain

CHOICES = (Setting(1e-6, 1.0), Setting(0.02, 0.5))


class Watched(Arms):
    """Notes what every fine-tuning was given."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, root=path)
        self.seen: list[tuple[str, Setting, tuple[int, ...], int, int]] = []

    def _accuracy(
        self, arm: str, setting: Setting, drawn: NDArray[np.int64], judged: Pictures, seed: int
    ) -> float:
        self.seen.append((arm, setting, tuple(drawn.tolist()), len(judged), seed))
        return super()._accuracy(arm, setting, drawn, judged, seed)


@pytest.fixture(scope="module")
def compared(trained: Path) -> tuple[FewLabels, Watched, list[str]]:
    with pytest.MonkeyPatch.context() as few:
        few.setattr(few_labels, "SETTINGS", CHOICES)
        few.setattr(few_labels, "_TUNING_SEEDS", range(1000, 1002))
        arms, told = Watched(trained), list[str]()
        return arms.run([30, 50], draws=3, tuning_labels=30, told=told.append), arms, told


Compared = tuple[FewLabels, Watched, list[str]]


def test_both_arms_get_the_same_draws(compared: Compared) -> None:
    result, arms, _ = compared
    reported = [given for given in arms.seen if given[4] < 1000]
    assert len(reported) == 2 * 2 * 3
    for one, two in zip(reported[::2], reported[1::2], strict=True):
        assert (one[0], two[0]) == ARMS
        assert one[2:] == two[2:]
        assert one[3] == 500  # the test split
    assert len({given[2] for given in reported}) == 6
    assert [len(point.pretrained) for point in result.curve] == [3, 3]


def test_settings_are_chosen_on_other_draws_and_other_images(compared: Compared) -> None:
    result, arms, _ = compared
    tuning = [given for given in arms.seen if given[4] >= 1000]
    # Every arm tries every setting on every tuning draw.
    tried = sorted((arm, setting.lr, seed) for arm, setting, _, _, seed in tuning)
    assert tried == sorted(
        (arm, choice.lr, seed) for arm in ARMS for choice in CHOICES for seed in (1000, 1001)
    )
    # Judged on training images that were not drawn.
    assert {given[3] for given in tuning} == {400 - 30} == {result.validation}
    reported = {given[2] for given in arms.seen if given[4] < 1000}
    assert reported.isdisjoint(given[2] for given in tuning)
    # A rate of a millionth learns nothing, so neither arm takes it.
    assert {arm: setting.lr for arm, setting in result.settings.items()} == dict.fromkeys(
        ARMS, 0.02
    )
    assert {given[1].lr for given in arms.seen if given[4] < 1000} == {0.02}


def test_the_interval_is_that_of_the_paired_differences(compared: Compared) -> None:
    result, _, told = compared
    for point in result.curve:
        interval = paired_interval(point.pretrained, point.scratch)
        assert point.difference_interval == (interval.low, interval.high)
        assert interval.low <= np.mean(np.subtract(point.pretrained, point.scratch))
    assert result.test == 500
    assert len(told) == 4


def test_figures_are_those_of_the_network_and_better_than_chance(compared: Compared) -> None:
    result, arms, _ = compared
    *_, last = arms.seen
    setting, drawn = last[1], np.array(last[2])
    again = arms._accuracy(last[0], setting, drawn, arms.test, last[4])
    assert again == result.curve[-1].scratch[-1]
    for point in result.curve:
        assert min(point.pretrained + point.scratch + point.pixels) > 0.15


def test_the_run_s_stack_is_not_changed(compared: Compared, trained: Path) -> None:
    from featlearn.networks.store import load_stack

    _, arms, _ = compared
    state = load_stack(trained).stack.state_dict()
    now = arms.stack.state_dict()
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
        Arms(tmp_path / "run", root=tmp_path)
