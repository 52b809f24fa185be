"""The kernel machine against scikit-learn's own, fitted without kernel values given."""

import numpy as np
import pytest
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.svm import SVC

from featlearn.baselines import kernel_machine
from featlearn.baselines.kernel_machine import Numbers, choose_machine, gaussian
from featlearn.baselines.task import Examples


def patterns(count: int, seed: int) -> Examples:
    """Draw patterns of four classes that overlap."""
    draw = np.random.default_rng(seed)
    labels = np.arange(count) % 4
    centres = np.random.default_rng(9).uniform(60, 190, (4, 1, 5, 5))
    images = centres[labels] + draw.normal(0, 60, (count, 1, 5, 5))
    return Examples(np.clip(images, 0, 255).astype(np.uint8), labels)


def test_kernel_values_are_those_of_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_machine, "_AT_ONCE", 7)
    a, b = patterns(20, 0).rows, patterns(11, 1).rows
    np.testing.assert_allclose(gaussian(a, b, gamma=0.3), rbf_kernel(a, b, 0.3), rtol=1e-5)
    np.testing.assert_allclose(np.diag(gaussian(a, a, gamma=0.3)), 1, rtol=1e-5)


def test_the_machine_is_scikit_learns_own_best(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_machine, "WIDTHS", (0.1, 1.0))
    monkeypatch.setattr(kernel_machine, "STRENGTHS", (0.01, 1.0))
    monkeypatch.setattr(kernel_machine, "SOME", 80)
    monkeypatch.setattr(kernel_machine, "BEST", 2)
    learned, validated, asked = (patterns(count, n) for n, count in enumerate((160, 80, 50)))
    steps: list[tuple[int, int]] = []
    found = choose_machine(
        learned, validated, threads=1, told=lambda done, of: steps.append((done, of))
    )
    assert steps == [(done, 6) for done in range(7)]

    def fitted(numbers: Numbers, count: int) -> SVC:
        gamma = numbers.width / (25 * learned.rows.var())
        own = SVC(C=numbers.strength, gamma=gamma)
        return own.fit(learned.rows[:count], learned.labels[:count])

    def error(numbers: Numbers, count: int) -> float:
        return float((fitted(numbers, count).predict(validated.rows) != validated.labels).mean())

    grid = [Numbers(strength, width) for width in (0.1, 1.0) for strength in (0.01, 1.0)]
    best = sorted(grid, key=lambda numbers: error(numbers, 80))[:2]
    assert found.tried == {numbers: error(numbers, 160) for numbers in best}
    assert found.machine.numbers == min(best, key=lambda numbers: error(numbers, 160))
    named = found.machine.predict(asked.rows)
    assert np.array_equal(named, fitted(found.machine.numbers, 160).predict(asked.rows))
    assert found.grid == 4
