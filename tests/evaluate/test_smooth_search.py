"""Searches for smooth stimuli: how smooth, by what a unit sees, and in which words."""

import msgspec
import pytest
import torch

from featlearn.config.banks import LocalSpec
from featlearn.config.data import DataSpec, PCASpec, PreprocessSpec
from featlearn.config.recipe import Recipe
from featlearn.config.stages import StageSpec
from featlearn.evaluate.ascent import Search
from featlearn.evaluate.smooth_search import SMOOTH, prior_words, smooth_search
from featlearn.evaluate.stimulus import optimal_stimulus
from featlearn.geometry import MapShape
from featlearn.networks.stack import Stack, build_stack


def images(side: int) -> torch.Tensor:
    return torch.rand(64, 1, side, side, generator=torch.Generator().manual_seed(0))


def build(side: int, *preprocess: PreprocessSpec, field: int) -> Stack:
    stage = StageSpec(name="only", filter=LocalSpec(size=field, maps=2), input="none")
    data = DataSpec(source="digits")
    recipe = Recipe(title="t", data=data, stages=(stage,), preprocess=preprocess)
    shape = MapShape(1, side, side)
    return build_stack(recipe, shape, seed=0, images=images(side)).eval()


@pytest.mark.parametrize(
    ("field", "smoothing", "jitter"),
    [(40, 1.2, 2), (32, 1.2, 2), (20, 1.2, 1), (12, 1.2, 0), (8, 0.8, 0), (5, 0.5, 0)],
)
def test_less_is_asked_where_a_unit_sees_less(field: int, smoothing: float, jitter: int) -> None:
    found = smooth_search(build(40, field=field), 0, (0, 0, 0))
    assert (found.smoothing, found.jitter) == (pytest.approx(smoothing), jitter)
    rest = msgspec.structs.replace(found, smoothing=SMOOTH.smoothing, jitter=SMOOTH.jitter)
    assert rest == SMOOTH


def test_what_is_asked_for_is_kept_beside_what_is_found() -> None:
    stack = build(12, field=12)
    search = smooth_search(stack, 0, (1, 0, 0), base=msgspec.structs.replace(SMOOTH, steps=5))
    assert search.steps == 5
    found = optimal_stimulus(stack, 0, [(1, 0, 0)], sample=images(12), search=search)
    assert found.search == search


def test_components_lie_in_no_plane_unless_pixels_are_searched() -> None:
    stack = build(12, PCASpec(keep=7), field=1)
    assert not smooth_search(stack, 0, (0, 0, 0)).spatial
    pixels = msgspec.structs.replace(SMOOTH, space="pixels")
    assert smooth_search(stack, 0, (0, 0, 0), base=pixels).total_variation == 0.4


@pytest.mark.parametrize(
    ("search", "words"),
    [
        (Search(), ""),
        (Search(jitter=1), "borne under shifts of up to 1\u00a0px"),
        (Search(smoothing=0.5), "kept smooth by a Gaussian of 0.5\u00a0px"),
        (
            SMOOTH,
            (
                "kept smooth by a Gaussian of 1.2\u00a0px and a total variation that counts 0.4 of "
                "the response, borne under shifts of up to 2\u00a0px"
            ),
        ),
    ],
)
def test_priors_are_said(search: Search, words: str) -> None:
    assert prior_words(search) == words
