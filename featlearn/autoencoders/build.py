"""From the spec of an objective to the objective."""

from collections.abc import Sequence
from typing import assert_never

from featlearn.autoencoders.autoencoder import AutoEncoder, DenoisingAutoEncoder
from featlearn.autoencoders.boltzmann import ContrastiveDivergence, PersistentDivergence
from featlearn.autoencoders.centroids import KMeans
from featlearn.autoencoders.coding import OnlineSparseCoding, SparseCoding
from featlearn.autoencoders.contractive import ContractiveAutoEncoder
from featlearn.autoencoders.isa import OrthonormalComponents
from featlearn.autoencoders.kmeans import SphericalKMeans
from featlearn.autoencoders.ksparse import KSparseAutoEncoder
from featlearn.autoencoders.objective import Objective
from featlearn.autoencoders.psd import PredictiveSparseDecomposition
from featlearn.autoencoders.rica import ReconstructionIca
from featlearn.autoencoders.tica import ReconstructionTica
from featlearn.config.autoencoding import (
    ContractiveSpec,
    DenoisingSpec,
    KSparseSpec,
    PlainSpec,
    SparseSpec,
)
from featlearn.config.boltzmann import RbmSpec
from featlearn.config.clusters import KMeansSpec
from featlearn.config.coding import PsdSpec, SparseCodingSpec
from featlearn.config.components import IsaSpec, OrthonormalTicaSpec, RicaSpec, TicaSpec
from featlearn.config.objectives import ObjectiveSpec
from featlearn.config.stages import StageSpec


def build_objective(spec: ObjectiveSpec) -> Objective:
    """Build the objective that a stage's recipe asks for."""
    match spec:
        case RicaSpec() | TicaSpec() | OrthonormalTicaSpec() | IsaSpec():
            return _build_components(spec)
        case KMeansSpec(distance="squared"):
            return KMeans(spec)
        case KMeansSpec():
            return SphericalKMeans()
        case SparseCodingSpec(update=update):
            return OnlineSparseCoding(spec) if update == "on-line" else SparseCoding(spec)
        case PsdSpec():
            return PredictiveSparseDecomposition(spec)
        case RbmSpec(chains=chains):
            return ContrastiveDivergence(spec) if chains is None else PersistentDivergence(spec)
        case _:
            return _build_auto_encoder(spec)


def build_objectives(stages: Sequence[StageSpec]) -> dict[int, Objective]:
    """Build the objective of every stage that has one, by the stage's place."""
    return {
        place: build_objective(spec.objective)
        for place, spec in enumerate(stages)
        if spec.objective is not None
    }


def _build_auto_encoder(
    spec: PlainSpec | SparseSpec | DenoisingSpec | ContractiveSpec | KSparseSpec,
) -> Objective:
    match spec:
        case PlainSpec():
            return AutoEncoder(spec)
        case SparseSpec(penalty=penalty):
            return AutoEncoder(spec, penalty=penalty)
        case DenoisingSpec(corruption=corruption, emphasis=emphasis, penalty=penalty):
            return DenoisingAutoEncoder(
                spec, corruption=corruption, emphasis=emphasis, penalty=penalty
            )
        case ContractiveSpec():
            return ContractiveAutoEncoder(spec)
        case KSparseSpec():
            return KSparseAutoEncoder(spec)
        case _:
            assert_never(spec)


def _build_components(spec: RicaSpec | TicaSpec | OrthonormalTicaSpec | IsaSpec) -> Objective:
    match spec:
        case RicaSpec():
            return ReconstructionIca(spec)
        case TicaSpec():
            return ReconstructionTica(spec)
        case OrthonormalTicaSpec() | IsaSpec():
            return OrthonormalComponents()
        case _:
            assert_never(spec)
