"""What is said of a stage that is not well, and to whom."""

from typing import Any

import msgspec
import pytest

from featlearn.config.autoencoding import (
    ContractiveSpec,
    KSparseSpec,
    L1Spec,
    PlainSpec,
    SparseSpec,
)
from featlearn.config.banks import DenseSpec
from featlearn.config.clusters import KMeansSpec
from featlearn.config.pieces import TopKSpec
from featlearn.config.stages import StageSpec
from featlearn.evaluate.health import StageHealth
from featlearn.report.health_words import activity_words, health_faults

WELL = StageHealth(
    stage="a",
    images=500,
    units=100,
    dead=0.0,
    active=0.3,
    l0=30.0,
    activity=(0.0, 0.0, 0.1, 0.4, 0.4, 0.1),
    sparsity=0.4,
    explained_variance=0.8,
    effective_rank=60.0,
    directions=100,
    duplicates=0.01,
    condition=12.0,
)
PLAIN = StageSpec(name="a", filter=DenseSpec(maps=100), objective=PlainSpec())
SPARSE = msgspec.structs.replace(PLAIN, objective=SparseSpec(penalty=L1Spec(weight=1.0)))
TOP_K = msgspec.structs.replace(PLAIN, activation=TopKSpec(k=3), objective=KSparseSpec())
CLUSTERS = StageSpec(name="a", filter=DenseSpec(maps=9, bias=False), objective=KMeansSpec())
CONTRACTIVE = msgspec.structs.replace(PLAIN, activation="sigmoid", objective=ContractiveSpec())


def test_a_stage_in_good_health_is_not_spoken_of() -> None:
    for spec in (PLAIN, SPARSE, TOP_K, CLUSTERS, CONTRACTIVE):
        assert health_faults(spec, WELL) == []


@pytest.mark.parametrize(
    ("spec", "figures", "said"),
    [
        (SPARSE, {"dead": 0.2}, ("20.0 % of the units are dead", "objective.penalty.weight")),
        (TOP_K, {"dead": 0.2}, ("all of 500 images", "a larger objective.aux")),
        (PLAIN, {"duplicates": 0.3}, ("30.0 % of the filters repeat", "fewer maps, or another")),
        (TOP_K, {"duplicates": 0.3}, ("repeat an earlier one", "a smaller activation.k")),
        (CLUSTERS, {"duplicates": 0.3}, ("repeat an earlier one", "a smaller optimizer.lr")),
        (SPARSE, {"explained_variance": 0.02}, ("2.0 %", "a smaller objective.penalty.weight")),
        (TOP_K, {"explained_variance": -0.5}, ("of its input", "a larger activation.k")),
        (CONTRACTIVE, {"explained_variance": 0.0}, ("explains", "a smaller objective.weight")),
        (PLAIN, {"explained_variance": 0.0}, ("explains", "or more maps")),
        (PLAIN, {"effective_rank": 1.5}, ("1.5 of 100 directions", "whitened")),
        (PLAIN, {"condition": 2e6}, ("condition 2e+06", "fewer components")),
    ],
)
def test_what_is_wrong_is_one_sentence_with_what_to_try(
    spec: StageSpec, figures: dict[str, Any], said: tuple[str, str]
) -> None:
    (fault,) = health_faults(spec, msgspec.structs.replace(WELL, **figures))
    fault = fault.replace("\u00a0", " ")
    for words in (*said, "try "):
        assert words in fault
    assert ". " not in fault.replace("0.95", "")
    assert "\n" not in fault


def test_dead_units_are_left_to_others_where_asked() -> None:
    assert health_faults(PLAIN, msgspec.structs.replace(WELL, dead=0.9), dead=False) == []


def test_what_cannot_be_measured_is_not_spoken_of() -> None:
    bare = msgspec.structs.replace(
        WELL, duplicates=None, condition=None, explained_variance=None, directions=3
    )
    assert health_faults(PLAIN, bare) == []


def test_activity_is_drawn_and_said() -> None:
    bars, said = activity_words((0.0, 0.0, 0.1, 0.4, 0.4, 0.1))
    assert bars == "▁▁▃██▃"
    said = said.replace("\u00a0", " ")
    assert said == (
        "10.0 % of the units answer to 1–3 % of the images, 40.0 % to 3–10 %, 40.0 % to 10–30 %, "
        "10.0 % to 30–100 %"
    )
    assert activity_words((1.0, 0.0, 0.0, 0.0, 0.0, 0.0))[1].endswith(
        "% of the units answer to none of the images"
    )
