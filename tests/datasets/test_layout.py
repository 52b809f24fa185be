import pytest

from featlearn.datasets.layout import Group, arrange, natural_key
from featlearn.errors import DataError


def only(*paths: str) -> Group:
    train, test = arrange(paths, source="pets")
    assert test is None
    return train


def test_order_is_natural_and_folder_by_folder() -> None:
    paths = ["b/1.png", "a10/1.png", "a2/12.png", "a2/3.png", "A1/x.png"]
    assert sorted(paths, key=natural_key) == [
        "A1/x.png",
        "a2/3.png",
        "a2/12.png",
        "a10/1.png",
        "b/1.png",
    ]


def test_numbers_and_letters_at_one_place_can_be_ordered() -> None:
    paths = ["x.png", "7.png", "²3.png", "7/a.png", "٣.png"]
    assert sorted(paths, key=natural_key) == ["٣.png", "7/a.png", "7.png", "x.png", "²3.png"]


def test_dots_and_doubled_slashes_in_an_archive_say_nothing() -> None:
    assert only("./cat//1.png", "./dog/2.png").classes == ("cat", "dog")


def test_a_flat_folder_has_no_labels() -> None:
    group = only("10.png", "9.JPG", "notes.txt", ".hidden.png", ".git/logo.png", "__MACOSX/._9.JPG")
    assert group == Group(("9.JPG", "10.png"), None, ())


def test_subfolders_are_classes() -> None:
    group = only("dog/2.png", "cat/1.png", "dog/1.png", "readme.md")
    assert group.paths == ("cat/1.png", "dog/1.png", "dog/2.png")
    assert group.classes == ("cat", "dog")
    assert group.labels is not None
    assert group.labels.tolist() == [0, 1, 1]


def test_one_class_is_a_class() -> None:
    group = only("cat/1.png", "cat/2.png")
    assert group.classes == ("cat",)


def test_deeper_folders_belong_to_their_class() -> None:
    assert only("cat/tabby/1.png", "cat/2.png", "dog/3.png").classes == ("cat", "dog")


def test_folders_around_everything_are_looked_through() -> None:
    group = only("all/pets/cat/1.png", "all/pets/dog/2.png")
    assert group.classes == ("cat", "dog")
    assert group.paths == ("all/pets/cat/1.png", "all/pets/dog/2.png")


@pytest.mark.parametrize("around", ["", "pets/"])
def test_train_and_test_are_splits_and_val_is_left_alone(around: str) -> None:
    train, test = arrange(
        [f"{around}{path}" for path in ("Train/b/1.png", "train/a/2.png", "test/b/3.png")]
        + [f"{around}val/a/4.png"],
        source="pets",
    )
    assert test is not None
    assert train.labels is not None
    assert test.labels is not None
    assert train.classes == test.classes == ("a", "b")
    assert train.labels.tolist() == [1, 0] or train.labels.tolist() == [0, 1]
    assert test.labels.tolist() == [1]
    assert len(train.paths) == 2


def test_splits_without_labels() -> None:
    train, test = arrange(["train/1.png", "test/2.png"], source="pets")
    assert test is not None
    assert (train.labels, test.labels) == (None, None)


def test_labels_of_a_test_split_alone_are_its_own() -> None:
    train, test = arrange(["train/1.png", "test/b/2.png", "test/c/3.png"], source="pets")
    assert test is not None
    assert train.labels is None
    assert test.classes == ("b", "c")


def test_only_train_is_a_class_called_train() -> None:
    assert only("train/1.png", "other/2.png").classes == ("other", "train")


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ([], r"pets holds no images; files ending in .*\.png"),
        (["notes.txt", ".hidden.png"], "pets holds no images"),
        (["cat/1.png", "2.png"], r"in subfolders \(cat/1.png\) and beside them \(2.png\)"),
        (["train/a/1.png", "train/2.png", "test/3.png"], "pets: train holds images both"),
        (["train/1.png", "test/2.png", "more/3.png"], "the folder 'more' beside"),
        (["train/1.png", "test/2.png", "3.png"], "images beside the folders"),
        (["train/a/1.png", "test/b/2.png"], "the class 'b' in 'test' but not in 'train'"),
    ],
)
def test_what_is_contradictory_is_refused(paths: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        arrange(paths, source="pets")
