"""Saliency against a linear classifier, whose answer is known, and a loop over patches."""

import pytest
import torch
from torch import Tensor

from featlearn.config.banks import ConvSpec
from featlearn.config.data import DataSpec
from featlearn.config.heads import ClassificationSpec
from featlearn.config.pieces import L2PoolSpec
from featlearn.config.recipe import Recipe
from featlearn.config.stages import StageSpec
from featlearn.errors import ShapeError, UsageError
from featlearn.evaluate.saliency import gradient_saliency, integrated_gradients, occlusion
from featlearn.geometry import MapShape
from featlearn.heads.classifier import Classifier
from featlearn.networks.stack import build_stack

IMAGE = MapShape(2, 7, 6)
LINEAR = StageSpec(name="only", filter=ConvSpec(size=3, maps=4), activation="identity")
CURVED = StageSpec(
    name="only", filter=ConvSpec(size=3, maps=4), activation="tanh", pool=L2PoolSpec(size=2)
)


def build(stage: StageSpec, *, freeze: int = 0) -> Classifier:
    recipe = Recipe(title="t", data=DataSpec(source="digits"), stages=(stage,))
    stack = build_stack(recipe, IMAGE, seed=0)
    classifier = Classifier(stack, ClassificationSpec(), classes=3, freeze=freeze, seed=0)
    draw = torch.Generator().manual_seed(5)
    with torch.no_grad():
        classifier.layers[-1].get_parameter("weight").normal_(generator=draw)
    return classifier.double().eval()


def pictures(count: int = 4) -> Tensor:
    return torch.rand(count, *IMAGE, generator=torch.Generator().manual_seed(1)).double()


CLASSES = torch.tensor([0, 2, 1, 1])


def weights(classifier: Classifier) -> Tensor:
    """What each logit is of each pixel, read off images of a single one."""
    units = torch.eye(IMAGE.units).double().view(-1, *IMAGE)
    with torch.no_grad():
        plain = classifier(torch.zeros(1, *IMAGE).double())
        return (classifier(units) - plain).T.reshape(3, *IMAGE)


@pytest.mark.parametrize("freeze", [0, 1])
def test_of_a_linear_classifier_it_is_the_weights(freeze: int) -> None:
    classifier = build(LINEAR, freeze=freeze)
    expected = weights(classifier)[CLASSES]
    torch.testing.assert_close(gradient_saliency(classifier, pictures(), CLASSES), expected)
    shared = integrated_gradients(classifier, pictures(), CLASSES, baseline=0.25, steps=1)
    torch.testing.assert_close(shared, expected * (pictures() - 0.25))


def test_shares_add_up() -> None:
    classifier, images = build(CURVED), pictures()
    shared = integrated_gradients(classifier, images, CLASSES, baseline=0.5, steps=200)
    with torch.no_grad():
        above = classifier(images) - classifier(torch.full_like(images, 0.5))
    expected = above.gather(1, CLASSES[:, None])[:, 0]
    torch.testing.assert_close(shared.sum((1, 2, 3)), expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(("size", "stride", "fill"), [(3, 2, None), (2, 3, 0.5), (6, None, 0.0)])
def test_occlusion_is_a_loop_over_patches(
    size: int, stride: int | None, fill: float | None
) -> None:
    classifier, images = build(CURVED), pictures()
    found = occlusion(classifier, images, CLASSES, size=size, stride=stride, fill=fill, batch=5)
    total, count = torch.zeros(4, 7, 6).double(), torch.zeros(7, 6)
    with torch.no_grad():
        for row, top in enumerate(found.tops.tolist()):
            for column, left in enumerate(found.lefts.tolist()):
                inside = (slice(top, top + size), slice(left, left + size))
                count[inside] += 1
                for place, image in enumerate(images):
                    covered = image.clone()
                    for map_ in covered:
                        map_[inside] = map_.mean() if fill is None else fill
                    both = classifier(torch.stack([image, covered])).log_softmax(1)
                    drop = both[0, CLASSES[place]] - both[1, CLASSES[place]]
                    torch.testing.assert_close(found.drop[place, row, column], drop)
                    total[place][inside] += drop
    assert (count.min() >= 1) == (stride != 3)  # a step of more than the size leaves gaps
    torch.testing.assert_close(found.pixels, total / count.clamp_min(1))


def test_what_is_plain_already_loses_nothing_when_covered() -> None:
    grey = torch.full((1, *IMAGE), 0.3).double()
    found = occlusion(build(CURVED), grey, torch.tensor([1]), size=3)
    assert found.drop.abs().max() < 1e-12
    assert found.tops.tolist() == [0, 1, 2, 3, 4]


def test_no_image() -> None:
    nothing, none = torch.zeros(0, *IMAGE).double(), torch.zeros(0, dtype=torch.int64)
    assert gradient_saliency(build(LINEAR), nothing, none).shape == (0, *IMAGE)
    assert occlusion(build(LINEAR), nothing, none, size=2).pixels.shape == (0, 7, 6)


def test_misuse() -> None:
    classifier, images = build(LINEAR), pictures()
    with pytest.raises(ShapeError, match=r"4 images need \(4,\) classes; got \(2,\)"):
        gradient_saliency(classifier, images, CLASSES[:2])
    with pytest.raises(UsageError, match=r"has 3 classes, counted from 0; got 1\.\.3"):
        gradient_saliency(classifier, images, CLASSES + 1)
    with pytest.raises(ShapeError, match="a patch of 7 pixels does not fit into 7x6"):
        occlusion(classifier, images, CLASSES, size=7)
    with pytest.raises(UsageError, match="the stride of patches is at least 1; got 0"):
        occlusion(classifier, images, CLASSES, size=2, stride=0)
    with pytest.raises(UsageError, match="at least 1 step; got 0"):
        integrated_gradients(classifier, images, CLASSES, steps=0)
