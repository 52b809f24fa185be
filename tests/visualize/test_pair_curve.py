import numpy as np
import pytest

from featlearn.errors import DataError
from featlearn.visualize.pair_curve import pair_curve

POINTS = [
    (100, {"shared code": (0.8, 0.7, 0.9), "CCA": (0.5, 0.4, 0.6)}),
    (1000, {"shared code": (0.9, 0.8, 0.95), "CCA": (0.7, 0.6, 0.8)}),
]


def test_every_method_is_a_line_in_per_cent_over_the_pairs() -> None:
    (axes,) = pair_curve(POINTS).axes
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert set(lines) == {"shared code", "CCA"}
    assert np.asarray(lines["CCA"].get_ydata()).tolist() == [50, 70]
    assert np.asarray(lines["CCA"].get_xdata()).tolist() == [100, 1000]
    assert axes.get_xscale() == "log"


@pytest.mark.parametrize("points", [[], [POINTS[0], (1000, {"CCA": (0.1, 0.1, 0.1)})]])
def test_points_of_different_methods_are_refused(
    points: list[tuple[int, dict[str, tuple[float, float, float]]]],
) -> None:
    with pytest.raises(DataError, match="the same methods"):
        pair_curve(points)
