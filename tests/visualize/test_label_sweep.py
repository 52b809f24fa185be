"""The figure of a sweep holds the errors that it is given, and their intervals."""

import numpy as np
import pytest
from matplotlib.text import Annotation

from featlearn.errors import DataError
from featlearn.evaluate.paired import mean_interval, paired_interval
from featlearn.visualize.label_sweep import LabelSweep, label_sweep_figure, label_sweeps_figure
from featlearn.visualize.style import png_bytes, svg_text

COUNTS = [50, 200]
ERRORS = {
    "pretrained": [[0.10, 0.08, 0.09], [0.05, 0.03, 0.04]],
    "scratch": [[0.14, 0.10, 0.12], [0.05, 0.05, 0.04]],
    "pixels": [[0.20, 0.22, 0.25], [0.15, 0.12, 0.12]],
}
DOUBLE = {arm: [[2 * value for value in draw] for draw in draws] for arm, draws in ERRORS.items()}


def test_means_draws_and_intervals_of_every_method() -> None:
    above, below = label_sweep_figure(COUNTS, ERRORS).axes
    shown = {line.get_label(): line for line in above.lines}
    for label, arm in (
        ("pre-trained", "pretrained"),
        ("from scratch", "scratch"),
        ("linear on pixels", "pixels"),
    ):
        means = [100 * float(np.mean(values)) for values in ERRORS[arm]]
        assert shown[label].get_ydata() == pytest.approx(means)
        ends = [
            pytest.approx([100 * max(found.low, 0), 100 * found.high])
            for found in map(mean_interval, ERRORS[arm])
        ]
        bars = [np.asarray(line.get_ydata()).tolist() for line in above.lines]
        assert all(end in bars for end in ends)
        for values in ERRORS[arm]:
            assert pytest.approx([100 * value for value in values]) in bars
    gains = [line for line in below.lines if line.get_linewidth() == 2.0]
    for line, more, less in zip(gains, ERRORS["scratch"], ERRORS["pretrained"], strict=True):
        found = paired_interval(more, less)
        assert line.get_ydata() == pytest.approx([100 * found.low, 100 * found.high])
    assert below.get_ylabel() == "from scratch\nerrs more, points"
    assert [tick.get_text() for tick in below.get_xticklabels()] == ["50", "200"]


def test_without_a_control_there_is_one_part() -> None:
    (axes,) = label_sweep_figure([60_000], {"pretrained": [[0.1, 0.2]]}).axes
    assert axes.get_ylim()[0] == 0
    assert axes.get_legend() is None
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["60\u202f000"]


def test_a_linear_classifier_may_be_the_only_control() -> None:
    errors = {arm: ERRORS[arm] for arm in ("pretrained", "pixels")}
    _, below = label_sweep_figure(COUNTS, errors).axes
    assert below.get_ylabel().startswith("linear on pixels")


def test_bytes_do_not_change() -> None:
    png = [png_bytes(label_sweep_figure(COUNTS, ERRORS), dpi=60) for _ in range(2)]
    svg = [svg_text(label_sweep_figure(COUNTS, ERRORS)) for _ in range(2)]
    assert png[0] == png[1]
    assert svg[0] == svg[1]


@pytest.mark.parametrize(
    ("counts", "errors"),
    [
        ([], {"pretrained": []}),
        ([50], {}),
        ([50], {"pretrained": [[0.1]]}),
        ([50], {"pretrained": [[0.1, 0.2]], "scratch": [[0.1, 0.2, 0.3]]}),
        ([50, 60], {"pretrained": [[0.1, 0.2]]}),
        ([50], {"pretrained": [[0.1, 0.2]], "magic": [[0.1, 0.2]]}),
    ],
)
def test_what_does_not_belong_together(
    counts: list[int], errors: dict[str, list[list[float]]]
) -> None:
    with pytest.raises(DataError, match="same two or more draws"):
        label_sweep_figure(counts, errors)


class TestSideBySide:
    def test_each_panel_holds_its_own_figures(self) -> None:
        figure = label_sweeps_figure(
            [LabelSweep("MNIST", COUNTS, ERRORS), LabelSweep("CIFAR", [30, 500], DOUBLE)]
        )
        first, second, first_gains, second_gains = figure.axes
        assert [axes.get_title(loc="left") for axes in (first, second)] == ["MNIST", "CIFAR"]
        for above, below, counts, errors in (
            (first, first_gains, COUNTS, ERRORS),
            (second, second_gains, [30, 500], DOUBLE),
        ):
            alone = label_sweep_figure(counts, errors).axes
            for axes, one in ((above, alone[0]), (below, alone[1])):
                lines = [np.asarray(line.get_xydata()) for line in axes.lines]
                others = [np.asarray(line.get_xydata()) for line in one.lines]
                assert len(lines) == len(others)
                assert all(np.array_equal(*pair) for pair in zip(lines, others, strict=True))
            told = [tick.get_text() for tick in below.get_xticklabels()]
            assert told == [str(count) for count in counts]
            assert below.get_xlabel() == "labelled images"

    def test_what_all_have_in_common_is_said_once(self) -> None:
        sweeps = [LabelSweep(name, COUNTS, ERRORS) for name in ("a", "b", "c")]
        above, below = np.split(np.array(label_sweeps_figure(sweeps).axes), 2)
        assert [axes.get_legend() is not None for axes in above] == [True, False, False]
        assert [axes.get_ylabel() for axes in above] == ["test error, %", "", ""]
        assert [bool(axes.get_ylabel()) for axes in below] == [True, False, False]

    def test_small_gains_are_told_in_hundredths(self) -> None:
        errors = {"pretrained": [[0.010, 0.012]], "scratch": [[0.0112, 0.0132]]}
        _, below = label_sweep_figure([100], errors).axes
        assert [text.get_text() for text in below.texts] == ["+0.12"]
        _, below = label_sweep_figure(COUNTS, ERRORS).axes
        assert [text.get_text() for text in below.texts] == ["+3.0", "+0.67"]

    def test_sweeps_of_other_methods_stand_in_no_row(self) -> None:
        alone = {arm: ERRORS[arm] for arm in ("pretrained", "scratch")}
        with pytest.raises(DataError, match="of the same methods; got 2"):
            label_sweeps_figure([LabelSweep("a", COUNTS, ERRORS), LabelSweep("b", COUNTS, alone)])
        with pytest.raises(DataError, match="one sweep or more"):
            label_sweeps_figure([])


def test_errors_that_differ_by_much_stand_on_a_logarithmic_axis() -> None:
    errors = {"pretrained": [[0.05, 0.06], [0.011, 0.013]], "scratch": [[0.2, 0.3], [0.02, 0.02]]}
    above, below = label_sweep_figure(COUNTS, errors).axes
    assert above.get_yscale() == "log"
    assert above.get_ylim()[0] == pytest.approx(0.66)
    notes = [text for text in below.texts if isinstance(text, Annotation)]
    texts = {note.get_text(): note.xy for note in notes}
    assert texts["+0.80"] == pytest.approx(
        (200, 100 * paired_interval([0.02] * 2, [0.011, 0.013]).high)
    )
    errors["pretrained"][1][0] = 0.0
    assert label_sweep_figure(COUNTS, errors).axes[0].get_yscale() == "linear"


def test_numbers_of_labels_do_not_run_into_one_another() -> None:
    counts = [100, 200, 300, 60_000]
    (axes,) = label_sweep_figure(counts, {"pretrained": [[0.1, 0.2]] * 4}).axes
    told = [tick.get_text() for tick in axes.get_xticklabels()]
    assert told == ["100", "200", "", "60\u202f000"]
