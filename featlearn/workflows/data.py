"""`data`: known sets, and a look at any source before it is learned from."""

from io import BytesIO
from pathlib import Path

import msgspec

from featlearn.config.data import DataSpec
from featlearn.config.load import absolute_source
from featlearn.config.recipe import Recipe
from featlearn.datasets.augment import Augment, build_augment
from featlearn.datasets.catalogue import KNOWN, KnownSet, Progress, fetch
from featlearn.datasets.imageset import ImageSet
from featlearn.datasets.inspection import Inspection, inspect_images
from featlearn.datasets.known import is_present
from featlearn.datasets.sheets import augmented_preview, left_out, preview
from featlearn.datasets.source import open_images
from featlearn.datasets.survey import Survey, survey
from featlearn.errors import DataError, UsageError
from featlearn.files import write_bytes
from featlearn.wording import count
from featlearn.workflows.outputs import check_apart, check_new

_FEW_PER_CLASS = 10


class KnownRow(msgspec.Struct, frozen=True, kw_only=True):
    """A known set in one line; `size` is its download in bytes, 0 if there is none.

    `shape` is (maps, height, width) of one image; `bundled` says that it comes with
    scikit-learn, `present` that it can be used here.
    """

    name: str
    title: str
    shape: tuple[int, int, int]
    train: int
    test: int
    classes: int
    size: int
    licence: str
    citation: str
    bundled: bool
    present: bool


class DataList(msgspec.Struct, frozen=True, kw_only=True):
    """The known sets, and the data root that was searched."""

    root: str
    sets: list[KnownRow]


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """A set that is now there; one that is bundled has no `path`, and a `note` says so."""

    name: str
    path: str | None
    size: int
    note: str | None = None


class Inspected(Inspection, frozen=True, kw_only=True):
    """What a source holds, see `Inspection`.

    `source` is as it was named, `warnings` are sentences about what may stand in the
    way of learning, `sheet` is the picture that was written, on which `left_out` classes
    have no row.
    """

    source: str
    warnings: list[str]
    sheet: str | None
    left_out: int = 0


class Surveyed(Survey, frozen=True, kw_only=True):
    """What a source holds whose pictures do not go together, see `Survey`.

    `source` is as it was named, `refusal` the sentence with which a run would end.
    """

    source: str
    refusal: str


def list_data(root: Path) -> DataList:
    """List the known sets with size and licence, and whether they are at hand.

    Args:
        root: Where data sets are.
    """
    return DataList(root=str(root), sets=[_row(known, root) for known in KNOWN.values()])


def fetch_data(
    name: str, *, root: Path, mirror: str | None = None, progress: Progress | None = None
) -> Fetched:
    """Download a known set, file by file, unless it is there and whole.

    Args:
        name: The set.
        root: Where data sets are; made if missing.
        mirror: Address of a folder with the same files, instead of the published ones.
        progress: Told of the bytes of each file.

    Raises:
        UsageError: If there is no such set.
        DataError: If it cannot be had; the sentence says why.
    """
    if name in KNOWN and KNOWN[name].embedded:
        note = "it comes with scikit-learn, and is here without a download"
        return Fetched(name=name, path=None, size=0, note=note)
    folder = fetch(name, root=root, mirror=mirror, progress=progress)
    size = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    return Fetched(name=name, path=str(folder), size=size)


def inspect_data(
    source: str,
    *,
    root: Path,
    spec: DataSpec | None = None,
    augment: Recipe | None = None,
    out: Path | None = None,
    overwrite: bool = False,
) -> Inspected | Surveyed:
    """Read a whole source and say what is in it.

    Pictures that differ in size, colours or depth, or of which some cannot be read, are
    counted by these instead, and no sheet is drawn of them.

    Args:
        source: A known set, a folder or zip of images, or an IDX, NPY or NPZ file.
        root: Where data sets are.
        spec: The size policy; if absent that of `augment`, and without one images stay as
            they are.
        augment: A recipe whose augmentation the sheet shows: each row an image, and what
            pre-training and fine-tuning could make of it.
        out: PNG file for a sheet of examples: with labels a row for each class, up to 20.
        overwrite: Replace the file, if it is there.

    Raises:
        UsageError: If there is no such source, or the file is there, belongs to the source or
            is no PNG by its name, or there is nothing to show of `augment` or nowhere to show it.
        DataError: If it cannot be read, or what `augment` changes is not of one shape, or
            no run could record where it lies.
        ShapeError: If the augmentation does not fit the images.
    """
    if augment is not None and out is None:
        raise UsageError("what augmentation does is drawn on the sheet: say where with --out")
    absolute_source(source, Path())  # a run would record it, and must be able to
    augments = {} if augment is None else _augments(augment)
    if out is not None:
        _check_sheet(out, source, root=root, overwrite=overwrite)
    if spec is None:
        spec = DataSpec(source=source) if augment is None else augment.data
    try:
        images = open_images(source, spec, root=root)
    except DataError as error:
        mixed = None if augment is not None else survey(source, root=root)
        if mixed is None:
            raise
        return Surveyed(source=source, refusal=str(error), **msgspec.structs.asdict(mixed))
    found = inspect_images(images)
    if out is not None:
        _write_sheet(out, images, augments, seed=0 if augment is None else augment.seed)
    return Inspected(
        source=source,
        warnings=_warnings(found),
        sheet=None if out is None else str(out),
        left_out=0 if out is None else left_out(images),
        **msgspec.structs.asdict(found),
    )


def _check_sheet(out: Path, source: str, *, root: Path, overwrite: bool) -> None:
    """Refuse a file that a sheet should not be written to."""
    if out.suffix.lower() != ".png":
        raise UsageError(f"--out must end in .png, as the sheet is a PNG; got {out}")
    check_apart(out, source=source, root=root)
    check_new(out, overwrite=overwrite)


def _augments(recipe: Recipe) -> dict[str, Augment]:
    """Build the augmentation of each table that has one.

    Raises:
        UsageError: If none has.
    """
    tables = {"pretrain": recipe.pretrain.augment, "finetune": recipe.finetune.augment}
    found = {table: build_augment(specs) for table, specs in tables.items() if specs}
    if not found:
        raise UsageError(
            f"the recipe {recipe.title!r} augments nothing: it has neither `pretrain.augment` "
            "nor `finetune.augment`"
        )
    return found


def _write_sheet(out: Path, images: ImageSet, augments: dict[str, Augment], *, seed: int) -> None:
    """Draw examples, changed ones if there is what changes them, and write them as PNG."""
    sheet = augmented_preview(images, augments, seed=seed) if augments else preview(images)
    picture = BytesIO()
    sheet.save(picture, format="PNG")
    write_bytes(out, picture.getvalue())


def _row(known: KnownSet, root: Path) -> KnownRow:
    return KnownRow(
        name=known.name,
        title=known.title,
        shape=(known.shape.maps, known.shape.height, known.shape.width),
        train=known.train,
        test=known.test,
        classes=known.classes,
        size=known.size,
        licence=known.licence,
        citation=known.citation,
        bundled=known.embedded,
        present=is_present(known.name, root),
    )


def _warnings(found: Inspection) -> list[str]:
    """Say what may stand in the way of learning."""
    warnings: list[str] = []
    if found.constant:
        warnings.append(
            f"{count(found.constant)} of {count(found.images)} images have one value everywhere "
            f"({_examples(found, 'constant')})"
        )
    if found.duplicates:
        warnings.append(
            f"{count(found.duplicates)} of {count(found.images)} images repeat another "
            f"({_examples(found, 'duplicates')}): one may be learned from, and its twin tested on"
        )
    if found.minimum < 0 or found.maximum > 1:
        warnings.append(
            f"values reach from {found.minimum:.3g} to {found.maximum:.3g}; floating-point "
            "images are taken as they are, and [0, 1] is expected"
        )
    if found.classes is None:
        return warnings
    if len(found.classes) == 1:
        warnings.append(f"all images are of one class, {next(iter(found.classes))!r}")
    few = {name: images for name, images in found.classes.items() if images < _FEW_PER_CLASS}
    if few:
        name, images = next(iter(few.items()))
        warnings.append(
            f"{len(few)} of {len(found.classes)} classes have fewer than {_FEW_PER_CLASS} "
            f"images, such as {name!r} with {images}"
        )
    return warnings


def _examples(found: Inspection, what: str) -> str:
    """Name the first images of a kind."""
    return ", ".join(found.examples[what])
