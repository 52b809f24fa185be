"""What units see in galleries: never more than the image."""

import torch

from featlearn.evaluate.units import Window, receptive_window
from featlearn.geometry import MapShape
from featlearn.networks.stack import Stack, build_stack
from featlearn.report.evidence import with_evidence
from featlearn.report.gallery import Gallery, build_gallery, within
from featlearn.report.samples import Sample
from featlearn.report.shown import collect, shown_units
from tests.report.conftest import RECIPE

IMAGES = torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def galleries() -> tuple[Stack, list[Gallery]]:
    stack = build_stack(RECIPE, MapShape(1, 8, 8), seed=0, images=IMAGES)
    shown = shown_units(stack)
    sample = Sample(IMAGES, "w", len(IMAGES), "j", None, ())
    answers = collect(stack, shown, [IMAGES])
    return stack, [
        build_gallery(f"g{place}", stack, place, units, sample=sample, answers=answers[place])
        for place, units in enumerate(shown)
    ]


def test_a_unit_whose_window_is_larger_than_the_image_sees_the_image() -> None:
    stack, (_, dense) = galleries()
    window = receptive_window(stack, 1, (0, 0, 0))
    assert min(window.height, window.width) > 8
    assert dense.columns["sees"] == [[8, 8]] * 7
    found = with_evidence(dense, stack, 1, IMAGES, most=2)
    for kind in ("projection", "stimulus"):
        assert "each tile has a scale of its own" in found.sheets[kind].note
        assert (found.sheets[kind].height, found.sheets[kind].width) == (8, 8)


def test_a_unit_at_the_border_sees_what_lies_within_the_image() -> None:
    stack, (local, _) = galleries()
    for unit, seen in zip(local.shown.units, local.columns["sees"], strict=True):
        window = receptive_window(stack, 0, unit)
        rows = sum(0 <= row < 8 for row in range(window.top, window.top + window.height))
        columns = sum(0 <= x < 8 for x in range(window.left, window.left + window.width))
        assert seen == [rows, columns]


def test_windows_keep_one_size_and_span_only_what_they_exceed() -> None:
    windows = [Window(-2, -3, 13, 4), Window(3, 5, 13, 4)]
    found = within(windows, MapShape(1, 8, 8))
    assert found == [Window(0, -3, 8, 4), Window(0, 5, 8, 4)]
    assert within(windows, MapShape(1, 13, 4)) == windows
    assert within([], MapShape(1, 8, 8)) == []
