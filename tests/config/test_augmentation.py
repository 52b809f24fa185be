import pytest

from featlearn.config.augmentation import check_augment
from featlearn.config.data import BlurSpec, CropSpec, CutOutSpec
from featlearn.errors import RecipeError
from featlearn.geometry import MapShape


@pytest.mark.parametrize(("height", "width"), [(8, 20), (20, 8), (8, 8)])
def test_a_square_to_hide_fits_the_shorter_side(height: int, width: int) -> None:
    image = MapShape(3, height, width)
    check_augment([CutOutSpec(size=8)], image, table="finetune")
    said = rf"^finetune\.augment\.1\.size must be at most 8.*{height}x{width}; got 9$"
    with pytest.raises(RecipeError, match=said):
        check_augment([CropSpec(), CutOutSpec(size=9)], image, table="finetune")


def test_other_kinds_take_images_of_one_pixel() -> None:
    check_augment([], MapShape(1, 1, 1), table="pretrain")
    check_augment([CropSpec(pixels=9), BlurSpec(sigma=9)], MapShape(1, 1, 1), table="pretrain")
