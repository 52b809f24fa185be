"""Figures of Gabor functions, at their singular points too."""

import numpy as np

from featlearn.evaluate.gabor_fits import fit_gabors
from featlearn.visualize.gabor import gabor_fits_figure, gabor_plots_figure
from featlearn.visualize.style import png_bytes, svg_text


def test_filters_stand_from_the_best_fitted_to_the_worst() -> None:
    rows, columns = np.mgrid[:8, :8].astype(float)
    wave = np.exp(-((rows - 4) ** 2 + (columns - 4) ** 2) / 8) * np.cos(1.5 * columns)
    noise = np.random.default_rng(0).normal(size=(8, 8))
    patterns = np.stack([np.zeros((8, 8)), noise, wave])
    text = svg_text(gabor_fits_figure(patterns, fit_gabors(patterns), stage="edges"))
    assert text.index(">1.00<") < text.index(">0.") < text.index(">flat<")
    assert "edges: filters and the Gabor functions" in text


def test_filters_without_a_fit_can_be_drawn() -> None:
    for fits in ([None, None], []):
        figure = gabor_plots_figure(fits, {"noise": [None], "random weights": []}, title="t")
        assert png_bytes(figure, dpi=50)
