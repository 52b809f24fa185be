"""Candidates in parts against each part and class chosen and scored by itself."""

import pytest
import torch
from torch import Tensor

from featlearn.config.banks import ConvSpec
from featlearn.config.data import ContrastSpec, DataSpec
from featlearn.config.pieces import L2PoolSpec
from featlearn.config.recipe import Recipe
from featlearn.config.stages import StageSpec
from featlearn.errors import DataError
from featlearn.evaluate.bootstrap import bootstrap_mean
from featlearn.evaluate.candidates import (
    Candidates,
    Half,
    bank_candidates,
    find_best,
    halves_passed,
    stack_candidates,
    statistics_candidates,
)
from featlearn.evaluate.controls import image_statistics, template_bank
from featlearn.evaluate.thresholds import select, tally, unit_ranges
from featlearn.geometry import MapShape
from featlearn.networks.stack import Stack, build_stack


def half(seed: int, images: int = 90) -> Half:
    """Class 1 is bright, class 2 bright at the left."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (images,), generator=draw)
    x = torch.rand(images, 1, 6, 6, generator=draw)
    x += 0.5 * (labels == 1)[:, None, None, None]
    x[:, :, :, :3] += (labels == 2)[:, None, None, None]
    return Half(lambda rows: x[rows.start : rows.stop], labels)


def network() -> Stack:
    stages = tuple(
        StageSpec(
            name=name, filter=ConvSpec(size=2, maps=3), pool=L2PoolSpec(size=2), activation="relu"
        )
        for name in ("low", "high")
    )
    recipe = Recipe(
        title="t",
        data=DataSpec(source="digits"),
        stages=stages,
        preprocess=(ContrastSpec(),),
    )
    shape = MapShape(1, 6, 6)
    return build_stack(recipe, shape, seed=0, images=half(3).at(range(40))).eval()


@pytest.mark.parametrize(("cells", "kept"), [(1 << 25, 1 << 26), (400, 0)])
def test_every_part_and_class_is_tested_by_itself(
    cells: int, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("featlearn.evaluate.candidates._CELLS", cells)
    monkeypatch.setattr("featlearn.evaluate.candidates._KEPT", kept)
    stack = network()
    candidates = stack_candidates(stack)
    assert candidates.parts == (("low", 48), ("high", 12))
    ours, others, passed = half(1), half(2), list[int]()
    found = find_best(candidates, ours, others, classes=3, wanted=[2, 0], told=passed.append)
    assert sum(passed) == halves_passed(ours, others) == 270
    for place, positive in enumerate([2, 0]):
        for part, best in [("low", found.best_of["low"]), ("high", found.best_of["high"])]:
            stage = stack.index(part)

            def given(
                data: Half, stage: int = stage, positive: int = positive
            ) -> list[tuple[Tensor, Tensor]]:
                maps = stack(data.at(range(90)))[stage].output.flatten(1).detach()
                return [(maps, data.labels == positive)]

            chosen, mine = best[place], given(ours)
            selection = select(tally(mine, unit_ranges(mine)))
            expected = selection.best()
            assert (chosen.part, chosen.place) == (part, expected.unit)
            assert chosen.choice[1:] == pytest.approx(expected[1:])
            (answers, _) = given(others)[0]
            torch.testing.assert_close(chosen.responses, answers[:, expected.unit])
            first = 48 * stage
            part_of = found.selections[place].accuracy[first : first + len(selection.accuracy)]
            torch.testing.assert_close(part_of, selection.accuracy)
        most = max(found.best_of, key=lambda name: found.best_of[name][place].choice.accuracy)
        assert found.best[place].part == most


def test_controls_answer_as_units_do() -> None:
    stack, data = network(), half(1)
    images = data.at(range(9))
    statistics = statistics_candidates()
    torch.testing.assert_close(statistics.answer(images), image_statistics(images))
    assert statistics.total == statistics.answer(images).shape[1]
    bank = template_bank(stack.prepare(images))
    filters = bank_candidates(stack, bank)
    assert filters.total == 9
    rows = stack.prepare(images).flatten(1)
    torch.testing.assert_close(filters.answer(images), rows @ bank.T)
    found = find_best(filters, data, half(2), classes=3, wanted=[1])
    assert found.best[0].responses.shape == (90,)


def test_a_part_that_answers_all_alike_is_left_out() -> None:
    def answer(images: Tensor) -> Tensor:
        first = images.flatten(1)[:, :2]
        return torch.cat([torch.zeros_like(first), first], 1)

    candidates = Candidates(answer, (("dead", 2), ("alive", 2)))
    found = find_best(candidates, half(1), half(2), classes=3, wanted=[2])
    assert list(found.best_of) == ["alive"]
    assert found.best[0].part == "alive"
    assert found.best[0].place == found.best[0].choice.unit - 2
    dead = Candidates(lambda images: torch.zeros(len(images), 2), (("dead", 2),))
    with pytest.raises(DataError, match="no unit can be chosen"):
        find_best(dead, half(1), half(2), classes=3, wanted=[2])


def test_choosing_among_many_that_know_nothing_flatters_only_where_it_was_chosen() -> None:
    draw = torch.Generator().manual_seed(0)
    labels = torch.arange(60) % 2
    noise = [torch.randn(60, 2000, generator=draw) for _ in range(2)]
    ours, others = (Half(lambda rows, x=x: x[rows.start : rows.stop], labels) for x in noise)
    candidates = Candidates(lambda images: images, (("noise", 2000),))
    best = find_best(candidates, ours, others, classes=2, wanted=[1]).best[0]
    right = best.choice.right(best.responses, labels == 1).double().numpy()
    found = bootstrap_mean(right)
    assert best.choice.accuracy > 0.65
    assert found.low < 0.5 < found.high


def test_a_unit_that_falls_is_found_with_its_sign() -> None:
    draw = torch.Generator().manual_seed(1)
    labels = (torch.rand(300, generator=draw) < 0.4).long()
    answers = torch.randn(300, 5, generator=draw)
    answers[:, 2] -= 4 * labels
    data = Half(lambda rows: answers[rows.start : rows.stop], labels)
    candidates = Candidates(lambda images: images, (("units", 5),))
    best = find_best(candidates, data, data, classes=2, wanted=[1]).best[0]
    assert (best.place, best.choice.sign) == (2, -1)
    right = (answers[:, 2] <= best.choice.threshold) == (labels == 1)
    assert best.choice.accuracy == pytest.approx(float(right.double().mean()))
    assert best.choice.accuracy > 0.9
