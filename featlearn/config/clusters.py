"""Specs of objectives that look for clusters."""

from featlearn.config.learning import Around, LearningSpec


class KMeansSpec(LearningSpec, frozen=True, kw_only=True, tag="k-means"):
    """Spherical k-means: m · mean(1 − max_k ⟨c_k, x / ‖x‖⟩) (Dhillon & Modha 2001).

    A sample pulls the one of the m filters c_k that is nearest in direction; all are kept at
    unit norm. x is what the filters see at a position, best of whitened input. The factor m
    lets one learning rate serve any number of filters: `sgd` with `lr` = 0.5 moves each about
    half as far as the mean of its own samples. Nothing is rebuilt, and there is no decoder.
    """

    def check_against(self, around: Around) -> None:
        """Refuse filters with an offset: centroids are directions, which have none."""
        if around.bank.norm is not None:
            raise ValueError(
                "a `k-means` objective compares directions, which `filter.norm` would change: "
                "leave out `filter.norm`"
            )
        if around.bank.bias:
            raise ValueError(
                "a `k-means` objective compares directions, and learns no bias: set "
                "`filter.bias = false`"
            )
