"""Specs of objectives that look for clusters."""

from typing import Literal

from featlearn.config.learning import Around, LearningSpec


class KMeansSpec(LearningSpec, frozen=True, kw_only=True, tag="k-means"):
    """k-means: clusters of directions, m · mean(1 − max_k ⟨c_k, x / ‖x‖⟩), or of points.

    x is what the filters c_k see at a position, best of whitened input; nothing is rebuilt, and
    there is no decoder. Under `distance = "cosine"` (Dhillon & Modha 2001) a sample pulls the one
    of the m filters that is nearest in direction; all are kept at unit norm. The factor m lets
    one learning rate serve any number of filters: `sgd` with `lr` = 0.5 moves each about half as
    far as the mean of its own samples.

    Under `distance = "squared"` filters are means of the samples that are nearest to them,
    mean(min_k ‖x − c_k‖²) (Lloyd 1982; Coates, Lee & Ng 2011), and the optimiser has no say. By
    `update = "mini-batch"` each follows the mean of all samples that it has won so far
    (Sculley 2010); by `"full"` all move once an epoch, to the means of its samples. They begin on
    samples far apart, and those that won nothing in an epoch on another one.
    """

    distance: Literal["cosine", "squared"] = "cosine"
    update: Literal["mini-batch", "full"] = "mini-batch"

    def __post_init__(self) -> None:
        """Directions are learned by the optimiser, batch by batch."""
        if self.distance == "cosine" and self.update == "full":
            raise ValueError(
                "a `k-means` objective of directions learns by the optimiser's steps: `update = "
                '"full"` needs `distance = "squared"`'
            )

    def check_against(self, around: Around) -> None:
        """Refuse filters with an offset, which neither directions nor points have."""
        what = "directions" if self.distance == "cosine" else "points"
        if around.bank.norm is not None:
            raise ValueError(
                f"a `k-means` objective compares {what}, which `filter.norm` would change: "
                "leave out `filter.norm`"
            )
        if around.bank.bias:
            raise ValueError(
                f"a `k-means` objective compares {what}, and learns no bias: set "
                "`filter.bias = false`"
            )
