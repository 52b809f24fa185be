"""The objectives that a stage can learn by, without labels."""

from featlearn.config.autoencoding import DenoisingSpec, PlainSpec, SparseSpec
from featlearn.config.boltzmann import RbmSpec
from featlearn.config.clusters import KMeansSpec
from featlearn.config.components import TicaSpec

ObjectiveSpec = PlainSpec | SparseSpec | DenoisingSpec | TicaSpec | KMeansSpec | RbmSpec
