"""What the page's script and its tables are given of units and images."""

from collections.abc import Sequence
from typing import Any

from featlearn.report.gallery import Gallery
from featlearn.report.samples import SIDE, Sample
from featlearn.report.sprites import Sheet, sheet_of, shrunk
from featlearn.report.tables import Table
from featlearn.report.views import StageView
from featlearn.visualize.tiles import image_tiles
from featlearn.wording import count


def image_sheet(key: str, sample: Sample) -> Sheet:
    """Lay out the images of a sample, which crops are taken from."""
    tiles = image_tiles(sample.images.float().cpu().numpy())
    return sheet_of(
        key,
        shrunk(tiles, side=SIDE),
        title="Images",
        note=f"The {sample.words}.",
        alt=f"{len(tiles)} images",
    )


def run_data(
    key: str,
    name: str,
    title: str,
    *,
    stages: Sequence[StageView],
    images: Sheet | None,
    sample: Sample | None,
) -> dict[str, Any]:
    """Collect the units of a run.

    Args:
        key: Of the run.
        name: What its folder is called in the page.
        title: Its title.
        stages: Its stages.
        images: The sheet of the images.
        sample: The images.
    """
    data: dict[str, Any] = {"key": key, "name": name, "title": title, "classes": [], "labels": []}
    if images is not None and sample is not None:
        data["images"] = _sheet(images) | {"size": list(sample.images.shape[2:])}
        if sample.labels is not None:
            data["classes"] = list(sample.classes)
            data["labels"] = sample.labels.tolist()
            data["grouped"] = sample.groups is not None
    data["stages"] = [_stage(stage.gallery) for stage in stages]
    return data


def unit_table(gallery: Gallery, sample: Sample | None) -> Table:
    """Write the figures of a stage's units as a table."""
    given = gallery.columns
    names = sample.classes if sample is not None else ()
    columns: list[tuple[str, list[Any]]] = [("Unit", given["names"])]
    columns += [(head, given[key]) for head, key in (("Activity", "activity"),
                ("Sparsity", "sparsity")) if key in given]  # fmt: skip
    if "score" in given:
        columns += [("Best class", [names[place] for place in given["class"]])]
        columns += [("AUC", given["score"])]
    columns += [
        ("Orientation, °", given["orientation"]),
        ("Cycles per pixel", given["frequency"]),
        ("Tuned", given["strength"]),
    ]
    rows = [[_cell(value) for value in row] for row in zip(*(c for _, c in columns), strict=True)]
    return Table(f"{count(len(rows))} units", [head for head, _ in columns], rows)


def _stage(gallery: Gallery) -> dict[str, Any]:
    """Collect a stage's units."""
    return {
        "key": gallery.key,
        "name": gallery.name,
        "maps": gallery.shown.over_maps,
        "sheets": {kind: _sheet(sheet) for kind, sheet in gallery.sheets.items()},
        **gallery.columns,
    }


def _sheet(sheet: Sheet) -> dict[str, Any]:
    """Say how a sheet is cut up."""
    return {
        "key": sheet.key,
        "title": sheet.title,
        "width": sheet.width,
        "height": sheet.height,
        "columns": sheet.columns,
        "count": sheet.count,
    } | ({} if sheet.units is None else {"units": list(sheet.units)})


def _cell(value: Any) -> str:
    """Write a figure."""
    if value is None:
        return "–"
    return f"{value:g}" if isinstance(value, float) else str(value)
