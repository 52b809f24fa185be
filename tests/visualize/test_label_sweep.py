"""The figure of a sweep holds the errors that it is given, and their intervals."""

import numpy as np
import pytest
from matplotlib.text import Annotation

from featlearn.errors import DataError
from featlearn.evaluate.paired import mean_interval, paired_interval
from featlearn.visualize.label_sweep import label_sweep_figure
from featlearn.visualize.style import png_bytes, svg_text

COUNTS = [50, 200]
ERRORS = {
    "pretrained": [[0.10, 0.08, 0.09], [0.05, 0.03, 0.04]],
    "scratch": [[0.14, 0.10, 0.12], [0.05, 0.05, 0.04]],
    "pixels": [[0.20, 0.22, 0.25], [0.15, 0.12, 0.12]],
}


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


def test_errors_that_differ_by_much_stand_on_a_logarithmic_axis() -> None:
    errors = {"pretrained": [[0.05, 0.06], [0.011, 0.013]], "scratch": [[0.2, 0.3], [0.02, 0.02]]}
    above, below = label_sweep_figure(COUNTS, errors).axes
    assert above.get_yscale() == "log"
    assert above.get_ylim()[0] == pytest.approx(0.66)
    notes = [text for text in below.texts if isinstance(text, Annotation)]
    texts = {note.get_text(): note.xy for note in notes}
    assert texts["+0.8"] == pytest.approx(
        (200, 100 * paired_interval([0.02] * 2, [0.011, 0.013]).high)
    )
    errors["pretrained"][1][0] = 0.0
    assert label_sweep_figure(COUNTS, errors).axes[0].get_yscale() == "linear"


def test_numbers_of_labels_do_not_run_into_one_another() -> None:
    counts = [100, 200, 300, 60_000]
    (axes,) = label_sweep_figure(counts, {"pretrained": [[0.1, 0.2]] * 4}).axes
    told = [tick.get_text() for tick in axes.get_xticklabels()]
    assert told == ["100", "200", "", "60\u202f000"]
