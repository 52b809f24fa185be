"""The objectives that a stage can learn by, without labels."""

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

ObjectiveSpec = (
    PlainSpec
    | SparseSpec
    | DenoisingSpec
    | ContractiveSpec
    | KSparseSpec
    | RicaSpec
    | TicaSpec
    | OrthonormalTicaSpec
    | IsaSpec
    | KMeansSpec
    | RbmSpec
    | SparseCodingSpec
    | PsdSpec
)
