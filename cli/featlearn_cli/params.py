"""Arguments that several commands take: recipes, image sets, runs."""

import os
import re
from pathlib import Path
from typing import Literal, cast

import click
from click.shell_completion import CompletionItem

Labels = int | Literal["all"]


class RecipeParam(click.ParamType):  # pyright: ignore[reportMissingTypeArgument]
    """A shipped recipe's or a network's name, or the path of a recipe; checked when loaded."""

    name = "recipe"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer the shipped recipes and networks, and files."""
        from featlearn.config.load import shipped_names

        names = [name for name in shipped_names() if name.startswith(incomplete)]
        return [CompletionItem(name) for name in names] or [CompletionItem("", type="file")]


class SourceParam(click.ParamType):  # pyright: ignore[reportMissingTypeArgument]
    """A known image set, or the path of one: a folder, a zip, an IDX, NPY or NPZ file."""

    name = "source"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse what is neither a known name nor there."""
        from featlearn.config.load import KNOWN_SETS
        from featlearn.wording import suggestion

        base, _, split = value.rpartition(":")
        name = base if base and split in {"train", "test"} else value
        if name in KNOWN_SETS or any(_exists(path) for path in (name, value)):
            return value
        hint = suggestion(name, KNOWN_SETS)
        raise click.BadParameter(
            f"there is no file or folder {value!r}, and no image set of that name{hint} "
            f"(sets: {', '.join(KNOWN_SETS)})",
            ctx,
            param,
        )

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer the known sets, and files."""
        from featlearn.config.load import KNOWN_SETS

        names = [name for name in KNOWN_SETS if name.startswith(incomplete)]
        return [CompletionItem(name) for name in names] or [CompletionItem("", type="file")]


class ModalityParam(click.ParamType):  # pyright: ignore[reportMissingTypeArgument]
    """A modality of a run and samples of it, as `NAME=SOURCE`."""

    name = "name=source"

    def convert(
        self,
        value: str | tuple[str, str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, str]:
        """Take the two apart, and refuse a source that is not there."""
        if isinstance(value, tuple):  # converted already
            return value
        name, equals, source = value.partition("=")
        if not (name and equals and source):
            raise click.BadParameter(
                f"{value!r} is not NAME=SOURCE, such as sound=fsdd:test", ctx, param
            )
        return name, SourceParam().convert(source, param, ctx)


def _exists(path: str) -> bool:
    """Say whether a path exists; any text may be asked for, and none is no path."""
    try:
        return bool(path) and Path(path).expanduser().exists()
    except (OSError, ValueError, RuntimeError):  # too long, a null byte, no such home
        return False


class PathParam(click.Path):  # pyright: ignore[reportMissingTypeArgument]
    """A path of the user's choice; an empty one would mean the current folder."""

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Path:
        """Refuse a text that names nothing."""
        if not os.fspath(value):
            raise click.BadParameter("the path is empty; name a file or folder", ctx, param)
        return Path(os.fsdecode(super().convert(value, param, ctx)))


class RunParam(click.ParamType):  # pyright: ignore[reportMissingTypeArgument]
    """The folder of a run that exists."""

    name = "run"

    def convert(
        self, value: str | Path, param: click.Parameter | None, ctx: click.Context | None
    ) -> Path:
        """Refuse what is no folder."""
        if not str(value):
            raise click.BadParameter("the path is empty; name the folder of a run", ctx, param)
        path = Path(value)
        if path.is_dir():
            return path
        if path.exists():
            text = f"{value} is a file; a run is a folder, made by `featlearn pretrain --out`"
        else:
            text = (
                f"there is no folder {value}; `featlearn pretrain RECIPE --out {value}` makes a run"
            )
        raise click.BadParameter(text, ctx, param)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer folders."""
        return [CompletionItem(incomplete, type="dir")]


class LabelsParam(click.ParamType):  # pyright: ignore[reportMissingTypeArgument]
    """How many labels: a number, `all`, or several of these with commas."""

    name = "labels"

    def convert(
        self,
        value: str | tuple[object, ...],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[Labels, ...]:
        """Refuse what is no number, or stands there twice."""
        if isinstance(value, tuple):  # it is converted already
            return cast("tuple[Labels, ...]", value)
        found: list[Labels] = []
        for word in value.split(","):
            text = word.strip()
            if text != "all" and not re.fullmatch("0*[1-9][0-9]{0,11}", text):
                self.fail(
                    f"{text!r} is no number of labels; write a whole number of at least 1, "
                    "`all`, or several with commas, as in 100,300,1000",
                    param,
                    ctx,
                )
            count: Labels = "all" if text == "all" else int(text)
            if count in found:
                self.fail(f"{count} stands there twice", param, ctx)
            found.append(count)
        return tuple(found)
