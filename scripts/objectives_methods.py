"""Which objectives docs/objectives.md compares, and the recipes that they learn by."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from featlearn.config.load import load_recipe
from featlearn.config.recipe import Recipe

Topic = Literal["edges", "strokes"]
"""What is learned from natural scenes, and what from digits."""

NATURAL = "natural-olshausen-field"
UNITS = {"edges": 140, "strokes": 256}
"""Of every network: as many as the whitened inputs, the most that can be orthonormal."""

CROPS = 5000
LIMIT = 10_000
PCA = {
    "edges": 'kind = "pca", keep = 140, eps = 0.05',
    "strokes": 'kind = "pca", keep = 256, eps = 0.1',
}
CONTRAST = '{ kind = "contrast", floor = 0.1 }'


class Way(NamedTuple):
    """How one objective learns from one set of images.

    Attributes:
        recipe: The shipped recipe that its settings are of.
        changes: What is changed of them, beside data, preparation and number of units.
        white: Whether images are whitened.
    """

    recipe: str
    changes: tuple[str, ...] = ()
    white: bool = True


class Method(NamedTuple):
    """One objective.

    Attributes:
        label: What it is called in tables and pictures.
        source: The paper.
        edges: How it learns from natural scenes.
        strokes: How it learns from digits.
    """

    label: str
    source: str
    edges: Way
    strokes: Way

    def way(self, topic: Topic) -> Way:
        """Give how it learns from one set of images."""
        return self.edges if topic == "edges" else self.strokes


def _same(recipe: str, *changes: str, edges: str = "", strokes: str = "") -> tuple[Way, Way]:
    """Learn from both in one way, from whitened images, but for what only one needs."""
    return (
        Way(recipe, (*changes, edges) if edges else changes),
        Way(recipe, (*changes, strokes) if strokes else changes),
    )


_STAGE = "stages.edges"
_SIGMOID = (f"{_STAGE}.activation=sigmoid", f"{_STAGE}.input=standardize")
_SHEET = {
    "edges": f'{_STAGE}.pool={{ kind = "sheet", rows = 10, columns = 14, size = 3 }}',
    "strokes": f'{_STAGE}.pool={{ kind = "sheet", rows = 16, columns = 16, size = 3 }}',
}

METHODS: dict[str, Method] = {
    "plain": Method(
        "plain",
        "Ranzato 2012",
        *_same("natural-sparse", f'{_STAGE}.objective={{ kind = "plain" }}'),
    ),
    "sparse-l1": Method(
        "sparse, L1",
        "Ranzato 2012",
        *_same("natural-sparse"),
    ),
    "sparse-kl": Method(
        "sparse, KL",
        "Ng, CS294A",
        Way(
            "natural-sparse",
            (
                *_SIGMOID,
                (
                    f'{_STAGE}.objective={{ kind = "sparse", decoder = "untied", '
                    'penalty = { kind = "kl", weight = 3.0, target = 0.05 } }'
                ),
            ),
        ),
        Way(
            "mnist-contractive",
            (
                (
                    'stages.strokes.objective={ kind = "sparse", reconstruction = "cross-entropy", '
                    'decoder = "untied", penalty = { kind = "kl", weight = 3.0, target = 0.05 } }'
                ),
                "pretrain.optimizer.lr=2e-3",
                "pretrain.epochs=15",
            ),
            white=False,
        ),
    ),
    "denoising": Method(
        "denoising",
        "Vincent et al., JMLR 2010",
        Way(
            "natural-sparse",
            (
                *_SIGMOID,
                (
                    f'{_STAGE}.objective={{ kind = "denoising", '
                    'corruption = { kind = "gaussian", std = 1.0 } }'
                ),
            ),
        ),
        Way(
            "mnist-contractive",
            (
                (
                    'stages.strokes.objective={ kind = "denoising", reconstruction = '
                    '"cross-entropy", corruption = { kind = "mask", rate = 0.25 } }'
                ),
                "pretrain.optimizer.lr=1e-3",
                "pretrain.epochs=15",
            ),
            white=False,
        ),
    ),
    "contractive": Method(
        "contractive",
        "Rifai et al., ICML 2011",
        Way(
            "natural-sparse",
            (*_SIGMOID, f'{_STAGE}.objective={{ kind = "contractive", weight = 1.0 }}'),
        ),
        Way("mnist-contractive", ("pretrain.epochs=15",), white=False),
    ),
    "top-k": Method(
        "top-k",
        "Makhzani & Frey 2014",
        *_same("natural-top-k", f'{_STAGE}.activation={{ kind = "top-k", k = 6 }}'),
    ),
    "batch-top-k": Method(
        "batch-top-k",
        "Bussmann et al. 2024",
        *_same("natural-top-k"),
    ),
    "rica": Method("RICA", "Le et al., NIPS 2011", *_same("natural-rica")),
    "tica": Method(
        "TICA, reconstruction",
        "Le et al., ICML 2012",
        *_same(
            "natural-rica",
            f'{_STAGE}.objective={{ kind = "tica", weight = 0.2 }}',
            **_SHEET,
        ),
    ),
    "orthonormal-tica": Method(
        "TICA, orthonormal",
        "Hyvärinen, Hoyer & Inki 2001",
        *_same("natural-tica", strokes=_SHEET["strokes"]),
    ),
    "isa": Method("ISA", "Le et al., CVPR 2011", *_same("natural-isa")),
    "psd": Method("PSD", "Kavukcuoglu et al. 2008", *_same("natural-psd")),
    "sparse-coding": Method(
        "sparse coding",
        "Olshausen & Field 1996; Mairal et al. 2009",
        *_same("natural-coding"),
    ),
    "rbm": Method(
        "RBM",
        "Hinton 2002; Tieleman 2008",
        Way(
            "natural-sparse",
            (
                *_SIGMOID,
                (
                    f'{_STAGE}.objective={{ kind = "rbm", visible = "gaussian", '
                    "sparsity = { target = 0.05, weight = 5.0 } }"
                ),
                'pretrain.optimizer={ kind = "sgd", lr = 0.01, momentum = 0.5 }',
            ),
        ),
        Way("mnist-rbm", white=False),
    ),
    "k-means": Method(
        "k-means",
        "Coates, Lee & Ng 2011",
        *_same("photographs-clusters"),
    ),
}


def recipe_of(
    name: str, topic: Topic, *, epochs: int | None = None, images: int | None = None
) -> Recipe:
    """Give the recipe by which an objective learns.

    Args:
        name: One of `METHODS`.
        topic: From what.
        epochs: How often all images are gone through, other than it is set for.
        images: Crops of each scene, or digits, fewer than all for a short trial.
    """
    way = METHODS[name].way(topic)
    base = load_recipe(way.recipe)
    stage = f"stages.{base.stages[0].name}"
    return load_recipe(
        way.recipe,
        overrides=[
            *_data(topic, images),
            f"preprocess=[{', '.join(_prepared(topic, white=way.white))}]",
            f"{stage}.filter.maps={UNITS[topic]}",
            *way.changes,
            *([] if epochs is None else [f"pretrain.epochs={epochs}"]),
        ],
    )


def _data(topic: Topic, images: int | None) -> Sequence[str]:
    if topic == "edges":
        return [
            (
                f'data={{ source = "{NATURAL}", size = [16, 16], fit = "crop", '
                f"crops = {images or CROPS} }}"
            )
        ]
    return [f'data={{ source = "mnist", size = [28, 28], limit = {images or LIMIT} }}']


def _prepared(topic: Topic, *, white: bool) -> list[str]:
    contrast = [CONTRAST] if topic == "edges" else []
    return [*contrast, *([f"{{ {PCA[topic]} }}"] if white else [])]
