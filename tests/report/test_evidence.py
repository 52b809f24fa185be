"""What takes long is done for few units: as many as the cost of the network allows."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from featlearn.config.plan import plan
from featlearn.evaluate.invariance import goes_on, invariance_curves, relative
from featlearn.evaluate.stimulus import Stimuli, optimal_stimulus
from featlearn.evaluate.transformed import standard_transformation
from featlearn.geometry import MapShape
from featlearn.networks.stack import Stack, build_stack
from featlearn.report import evidence
from featlearn.report.evidence import counts, with_evidence
from featlearn.report.gallery import Gallery, build_gallery
from featlearn.report.samples import Sample
from featlearn.report.shown import collect, shown_units

Tiny = Callable[..., Any]


@pytest.fixture(autouse=True)
def few_units() -> None:
    """Let there be as many units as in a page for users."""


def images(count: int = 20) -> Tensor:
    return torch.rand(count, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def galleries(stack: Stack, given: Tensor) -> list[Gallery]:
    shown = shown_units(stack)
    sample = Sample(given, "w", len(given), "j", None, ())
    answers = collect(stack, shown, [given])
    return [
        build_gallery(f"g{place}", stack, place, units, sample=sample, answers=answers[place])
        for place, units in enumerate(shown)
    ]


def test_a_dearer_network_has_fewer_units(tiny: Tiny) -> None:
    recipe = tiny()
    few, many = (
        counts(plan(recipe, MapShape(1, size, size), None), ["edges", "parts"]) for size in (400, 8)
    )
    assert many == [10, 10]
    assert all(3 <= small <= 10 for small in few)
    assert few[1] <= few[0]
    assert sum(few) < sum(many)


@pytest.mark.parametrize("index", [0, 1])
def test_curves_and_stimuli_are_those_of_the_units_named(tiny: Tiny, index: int) -> None:
    given = images()
    stack = build_stack(tiny(), MapShape(1, 8, 8), seed=0)
    before = galleries(stack, given)[index]
    after = with_evidence(before, stack, index, given, most=2)
    chosen = [entry["unit"] for entry in after.columns["stimulus"]]
    order = sorted(
        range(len(before.columns["names"])), key=lambda u: -before.columns["sparsity"][u]
    )
    alive = [u for u in order if before.columns["high"][u] > before.columns["low"][u]]
    assert chosen == alive[:2]
    assert after.sheets["stimulus"].units == tuple(chosen)
    assert all(entry["percentile"] > 50 for entry in after.columns["stimulus"])
    shift = after.columns["invariance"][0]
    assert shift["name"] == "Shift to the right"
    for place, unit in enumerate(shift["units"]):
        middle = shift["amounts"].index(0.0)
        assert shift["curves"][place][middle] == 1.0
        assert unit in chosen


def test_units_that_are_named_come_first_in_their_order(tiny: Tiny) -> None:
    given = images()
    stack = build_stack(tiny(), MapShape(1, 8, 8), seed=0)
    before = galleries(stack, given)[1]
    names = before.columns["names"][::-1]
    after = with_evidence(before, stack, 1, given, most=2, first=names)
    shown = after.columns["invariance"][0]["units"]
    assert [before.columns["names"][place] for place in shown] == names[:2]


def test_curves_stand_above_what_a_unit_answers_to_the_sample(tiny: Tiny) -> None:
    given = images()
    stages = [{"name": "s", "filter": {"kind": "dense", "maps": 3}, "objective": {"kind": "plain"},
               "activation": "relu"}]  # fmt: skip
    stack = build_stack(tiny(stages=stages), MapShape(1, 8, 8), seed=0)
    before = galleries(stack, given)[0]
    after = with_evidence(before, stack, 0, given, most=3)
    assert before.answers is not None
    rotation = next(c for c in after.columns["invariance"] if c["name"] == "Rotation")
    for place, unit in enumerate(rotation["units"]):
        top = before.columns["top"][unit][:4]
        expected = invariance_curves(
            stack,
            0,
            [(unit, 0, 0)],
            [given[top]],
            transformation=standard_transformation("rotation", stack.input_shape),
            baseline=before.answers.values[:, [unit]].double().mean(0),
        )
        torch.testing.assert_close(
            torch.tensor(rotation["curves"][place]),
            relative(expected)[0].float(),
            atol=1e-3,
            rtol=0,
        )
        assert rotation["goesOn"][place] == goes_on(expected)[0].tolist()


def test_dead_units_are_passed_over(tiny: Tiny) -> None:
    given = images()
    stack = build_stack(tiny(), MapShape(1, 8, 8), seed=0)
    with torch.no_grad():
        stack.stage(1).filter.weight.zero_()
    before = galleries(stack, given)[1]
    assert with_evidence(before, stack, 1, given, most=2) is before


def test_units_that_see_plain_images_have_no_stimulus(tiny: Tiny) -> None:
    given = images()
    given[:18] = 0.5
    stack = build_stack(tiny(), MapShape(1, 8, 8), seed=0)
    after = with_evidence(galleries(stack, given)[1], stack, 1, given, most=2)
    assert [curves["name"] for curves in after.columns["invariance"]] == [
        "Shift to the right", "Shift down", "Rotation", "Scale", "Contrast", "Noise, deviation",
    ]  # fmt: skip
    assert len(after.columns.get("stimulus", [])) <= 2


def test_stimuli_that_excite_no_more_than_a_plain_input_are_left_out(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = images()
    stack = build_stack(tiny(), MapShape(1, 8, 8), seed=0)
    before = galleries(stack, given)[1]
    all_found = with_evidence(before, stack, 1, given, most=3).columns["stimulus"]

    def first_fails(*args: Any, **options: Any) -> Stimuli:
        found = optimal_stimulus(*args, **options)
        return found._replace(raised=torch.tensor([False, True, True]))

    monkeypatch.setattr(evidence, "optimal_stimulus", first_fails)
    after = with_evidence(before, stack, 1, given, most=3)
    assert after.columns["stimulus"] == all_found[1:]
    assert after.sheets["stimulus"].count == 2
    none = torch.tensor([False] * 3)
    monkeypatch.setattr(
        evidence,
        "optimal_stimulus",
        lambda *args, **options: optimal_stimulus(*args, **options)._replace(raised=none),
    )
    assert "stimulus" not in with_evidence(before, stack, 1, given, most=3).sheets


@pytest.mark.parametrize(("side", "smoothing", "jitter"), [(8, 0.8, 0), (20, 1.2, 1), (32, 1.2, 2)])
def test_stimuli_are_kept_as_smooth_as_what_units_see_is_large(
    tiny: Tiny, side: int, smoothing: float, jitter: int
) -> None:
    given = torch.rand(12, 1, side, side, generator=torch.Generator().manual_seed(0))
    stages = [{"name": "s", "filter": {"kind": "dense", "maps": 3}, "objective": {"kind": "plain"}}]
    stack = build_stack(tiny(stages=stages), MapShape(1, side, side), seed=0)
    after = with_evidence(galleries(stack, given)[0], stack, 0, given, most=2)
    note = after.sheets["stimulus"].note
    assert f"a Gaussian of {smoothing:g}\u00a0px" in note
    assert ("under shifts" in note) == (jitter > 0)
    assert f"up to {jitter}\u00a0px" in note or not jitter
    assert all(entry["smooth"] for entry in after.columns["stimulus"])


def test_no_plane_has_no_smoothness(tiny: Tiny) -> None:
    given = images(40)
    stages = [{"name": "s", "filter": {"kind": "dense", "maps": 3}, "objective": {"kind": "plain"}}]
    recipe = tiny(stages=stages, preprocess=[{"kind": "pca", "keep": 6}])
    stack = build_stack(recipe, MapShape(1, 8, 8), seed=0, images=given)
    after = with_evidence(galleries(stack, given)[0], stack, 0, given, most=2)
    assert "smooth" not in after.sheets["stimulus"].note
    assert not any(entry["smooth"] for entry in after.columns["stimulus"])
