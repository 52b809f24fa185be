"""The objectives that a stage can learn by, without labels."""

from featlearn.config.autoencoding import DenoisingSpec, PlainSpec, SparseSpec
from featlearn.config.clusters import KMeansSpec
from featlearn.config.components import IsaSpec, OrthonormalTicaSpec, RicaSpec, TicaSpec

ObjectiveSpec = (
    PlainSpec
    | SparseSpec
    | DenoisingSpec
    | RicaSpec
    | TicaSpec
    | OrthonormalTicaSpec
    | IsaSpec
    | KMeansSpec
)
