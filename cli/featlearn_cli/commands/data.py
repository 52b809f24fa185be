"""`featlearn data`: list, fetch, inspect."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from featlearn.errors import visible
from featlearn_cli.options import DataOptions, data_options, example
from featlearn_cli.params import PathParam, RecipeParam, SourceParam

if TYPE_CHECKING:
    from rich.console import RenderableType

    from featlearn.config.data import Colour, DataSpec, Fit
    from featlearn.datasets.survey import Kind
    from featlearn.workflows.data import DataList, Inspected, Surveyed


class SizeParam(click.ParamType):  # pyright: ignore[reportMissingTypeArgument]
    """Height and width of an image."""

    name = "size"

    def convert(
        self,
        value: str | tuple[int, int],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[int, int]:
        """Read `28x28`."""
        if not isinstance(value, str):
            return value
        found = re.fullmatch(r"([1-9]\d{0,5})x([1-9]\d{0,5})", value)
        if found is None:
            raise click.BadParameter(f"{value!r} is no size; write HxW, such as 28x28", ctx, param)
        return int(found[1]), int(found[2])


@click.group("data", epilog=example("featlearn data list", "featlearn data fetch mnist"))
def command() -> None:
    """List, download and inspect image sets."""


@command.command("list", epilog=example("featlearn data list --json"))
@data_options
def list_command(options: DataOptions) -> None:
    """List the known sets with size and licence, and say which are here."""
    from featlearn.workflows.data import list_data

    options.show(list_data(options.root), _listing)


@command.command(
    "fetch",
    epilog=example(
        "featlearn data fetch mnist",
        "featlearn data fetch mnist --mirror http://intranet/mnist/",
    ),
)
@click.argument("name")
@click.option("--mirror", metavar="URL", help="Folder on the web that holds the files instead.")
@data_options
def fetch_command(name: str, mirror: str | None, options: DataOptions) -> None:
    """Download the known set NAME and check it; what is there already is kept."""
    from featlearn.workflows.data import fetch_data
    from featlearn_cli.progress import downloads

    with downloads(options.verbosity) as progress:
        result = fetch_data(name, root=options.root, mirror=mirror, progress=progress)
    options.show(result)


@command.command(
    "inspect",
    epilog=example(
        "featlearn data inspect my-images/ --out sheet.png",
        "featlearn data inspect photos.zip --size 64x64 --fit crop",
        "featlearn data inspect mnist --augment mnist-conv --out augmented.png",
    ),
)
@click.argument("source", type=SourceParam())
@click.option(
    "--out",
    type=PathParam(path_type=Path, dir_okay=False),
    help="PNG file for a sheet of examples, a row for each class, up to 20.",
)
@click.option(
    "--augment",
    type=RecipeParam(),
    metavar="RECIPE",
    help="Draw on the sheet what RECIPE's augmentation makes of images; they take its size, fit "
    "and colour, but for those given here.",
)
@click.option("--overwrite", is_flag=True, help="Replace the file, if it is there already.")
@click.option("--size", type=SizeParam(), metavar="HxW", help="Size to give every image.")
@click.option(
    "--fit",
    type=click.Choice(["exact", "crop", "pad", "resize"]),
    help="What becomes of an image of another size; needs a size. [default: exact]",
)
@click.option(
    "--colour",
    type=click.Choice(["keep", "grey", "rgb"]),
    help="Colours to give every image. [default: keep]",
)
@data_options
def inspect_command(
    *,
    source: str,
    out: Path | None,
    augment: str | None,
    overwrite: bool,
    size: tuple[int, int] | None,
    fit: "Fit | None",
    colour: "Colour | None",
    options: DataOptions,
) -> None:
    """Count the images of SOURCE, and say what may stand in the way of learning.

    SOURCE is a known set, a folder or zip of images (subfolders are classes), or an
    IDX, NPY or NPZ file. Where its pictures are not of one kind, it says which kinds
    there are, and what would bring them to one shape.
    """
    from featlearn.config.load import load_recipe
    from featlearn.workflows.data import Inspected, inspect_data

    recipe = None if augment is None else load_recipe(augment)
    policy = None if recipe is None else recipe.data
    found = inspect_data(
        source,
        root=options.root,
        spec=_policy(source, policy, size=size, fit=fit, colour=colour),
        augment=recipe,
        out=out,
        overwrite=overwrite,
    )
    if isinstance(found, Inspected):
        options.show(found, _inspection)
        return
    options.show(found, _survey)
    if out is not None:
        options.note(f"No sheet was drawn in {out}: the pictures do not go together yet.")


def _policy(
    source: str,
    policy: "DataSpec | None",
    *,
    size: tuple[int, int] | None,
    fit: "Fit | None",
    colour: "Colour | None",
) -> "DataSpec":
    """Change what was given of a recipe's size policy, or of that which leaves images alone.

    Raises:
        click.UsageError: If a fit has no size to fit to.
    """
    from featlearn.config.data import DataSpec

    if policy is None:
        policy = DataSpec(source=source)
    size, fit = size or policy.size, fit or policy.fit
    if fit != "exact" and size is None:
        raise click.UsageError(f"--fit {fit} needs --size HxW")
    return DataSpec(source=source, size=size, fit=fit, colour=colour or policy.colour)


def _listing(result: "DataList") -> "Iterable[RenderableType]":
    from featlearn.wording import human_bytes
    from featlearn_cli.text import table

    rows = [
        (
            row.name,
            "x".join(map(str, row.shape)),
            row.train,
            row.test,
            row.classes or None,
            human_bytes(row.size) if row.size else "bundled" if row.bundled else "by hand",
            row.present,
            row.licence,
        )
        for row in result.sets
    ]
    headers = ["set", "shape", "train", "test", "classes", "download", "here", "licence"]
    yield table(headers, rows)
    yield ""
    yield f"Data root: {result.root}"


def _inspection(result: "Inspected") -> "Iterable[RenderableType]":
    from featlearn_cli.text import facts, table

    yield facts(
        [
            ("source", result.source),
            ("images", result.images),
            ("shape", "x".join(map(str, result.shape))),
            ("values", f"{result.minimum:.4g} to {result.maximum:.4g}, stored as {result.type}"),
            ("mean", f"{result.mean:.4g}, standard deviation {result.deviation:.4g}"),
            ("constant", result.constant),
            ("duplicates", result.duplicates),
            ("sheet", _sheet(result)),
        ]
    )
    if result.classes:
        yield ""
        yield table(["class", "images"], list(result.classes.items()))
    for warning in result.warnings:
        yield f"! {visible(warning)}"


def _sheet(result: "Inspected") -> str | None:
    """Name the sheet, and say what is not on it."""
    if result.sheet is None or result.classes is None or not result.left_out:
        return result.sheet
    return f"{result.sheet}, without {result.left_out} of {len(result.classes)} classes"


def _survey(result: "Surveyed") -> "Iterable[RenderableType]":
    from featlearn.wording import count
    from featlearn_cli.text import facts, table

    unreadable = f", and {len(result.broken)} that cannot be read" if result.broken else ""
    yield facts([("source", result.source), ("images", f"{count(result.images)}{unreadable}")])
    for what, kinds in (
        ("height x width", result.sizes),
        ("colours", result.modes),
        ("depth", result.depths),
    ):
        yield ""
        yield table([what, "images", "such as"], _rows(kinds))
    if result.broken:
        yield ""
        yield from (f"! {visible(bad.reason)}" for bad in result.broken)
    yield ""
    yield f"! a run would be refused: {visible(result.refusal)}"
    for advice in result.advice:
        yield f"! {advice}"


def _rows(kinds: "list[Kind]", most: int = 12) -> list[tuple[str, int, str]]:
    """Set kinds in rows, the rarer ones together where there are many."""
    shown = [(kind.name, kind.images, kind.example) for kind in kinds[:most]]
    rest = kinds[most:]
    if rest:
        images = sum(kind.images for kind in rest)
        shown.append((f"{len(rest)} others", images, rest[0].example))
    return shown
