"""Reading recipes from files and from the package, and writing them."""

import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from importlib import resources
from pathlib import Path

import msgspec
import tomli_w

from featlearn.config.architectures.catalogue import is_network, network_names
from featlearn.config.changes import Overrides, override_texts
from featlearn.config.modalities import MultimodalRecipe
from featlearn.config.named import network_text, with_network
from featlearn.config.overrides import Override, apply_overrides
from featlearn.config.recipe import Recipe
from featlearn.config.schema import SEVERAL
from featlearn.config.tables import as_tables
from featlearn.config.validate import Problem, validate, validate_any
from featlearn.errors import DataError, RecipeError, UsageError
from featlearn.filenames import RECIPE
from featlearn.files import in_utf8
from featlearn.wording import suggestion

KNOWN_SETS = (
    "digits",
    "photographs",
    "mnist",
    "fashion-mnist",
    "natural-olshausen-field",
    "natural-bsds500",
    "cifar10-jpg",
    "faces-olivetti",
    "faces-cbcl",
    "faces-in-scenes",
    "faces-named",
    "mnist-rotated",
    "mnist-random-background",
    "mnist-image-background",
    "fsdd",
)
"""Data sources that are names and never a path beside the recipe."""

MAX_BYTES = 1_000_000
"""Longest recipe that is read: a larger file is something else."""

_SHIPPED = "featlearn.recipes"
_PLACE = re.compile(
    r"^(?P<what>.*?) \(at (?:line (\d+), column (\d+)|end of document)\)$", re.DOTALL
)


def recipe_names() -> tuple[str, ...]:
    """List the recipes that come with the package, in alphabetical order."""
    files = resources.files(_SHIPPED).iterdir()
    return tuple(sorted(file.name[:-5] for file in files if file.name.endswith(".toml")))


def shipped_names() -> tuple[str, ...]:
    """List what a recipe may be called without a path: shipped recipes, then networks."""
    return (*recipe_names(), *network_names())


def modalities_of(run: Path) -> tuple[str, ...]:
    """List the modalities of a run, finished or not, in order; none of anything else."""
    try:
        tables = tomllib.loads((run / RECIPE).read_text(encoding="utf-8")).get(SEVERAL, ())
        return tuple(str(table["name"]) for table in tables)
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def has_modalities(run: Path) -> bool:
    """Tell the folder of a run of several modalities; anything else is none."""
    return bool(modalities_of(run))


def stack_recipe_names() -> tuple[str, ...]:
    """List those of the shipped recipes that are about a single stack of stages."""
    return tuple(name for name in recipe_names() if SEVERAL not in tomllib.loads(recipe_text(name)))


def recipe_text(name: str) -> str:
    """Give a shipped recipe as it is written, comments and all, or one of a network alone.

    Raises:
        UsageError: If there is no recipe of this name.
    """
    names = recipe_names()
    if name not in names and is_network(name):
        return network_text(name)
    if name not in names:
        hint = suggestion(name, (*names, *network_names()))
        known = "" if hint else f"recipes: {', '.join(names)}; "
        raise UsageError(
            f"no recipe or file is called {name}{hint} "
            f"({known}`featlearn recipes` lists recipes and networks)"
        )
    return resources.files(_SHIPPED).joinpath(f"{name}.toml").read_text(encoding="utf-8")


def load_recipe(source: str | Path, *, overrides: Overrides = ()) -> Recipe:
    """Read and check a recipe.

    Args:
        source: Name of a shipped recipe or of a network, or the path of a TOML file or of a
            folder (a run) that holds a `recipe.toml`. A `Path` is always a path.
        overrides: Values by key, or `key=value` texts; see `apply_overrides`.

    Returns:
        The recipe. A `data.source` that is a relative path is taken from the
        recipe's folder (from the current one if an override set it) where a
        file or folder exists there, and made absolute.

    Raises:
        RecipeError: If the file is no recipe; the sentence names stage and key.
        UsageError: If there is no such recipe, or an override does not fit.
        DataError: If the path of the images is not in UTF-8.
    """
    found = load_any_recipe(source, overrides=overrides)
    if isinstance(found, MultimodalRecipe):
        raise RecipeError(
            f"{source} describes several modalities ({', '.join(found.names)}), and what was "
            "asked for is about a single stack of stages"
        )
    return found


def load_any_recipe(source: str | Path, *, overrides: Overrides = ()) -> Recipe | MultimodalRecipe:
    """Read and check a recipe of one or of several modalities.

    Args and errors are those of `load_recipe`.
    """
    texts = override_texts(overrides)
    path = _path_of(source)
    if path is None:
        title, text = f"recipe {source}", recipe_text(str(source))
    else:
        title, text = f"recipe {path}", _read(path)
    raw = _parse(text, where="" if path is None else str(path), title=title)
    whole, named, left = with_network(raw, texts, title=title)
    changed, done = apply_overrides(whole, left)
    result = validate_any(changed)
    if isinstance(result, Problem):
        raise _refusal(title, raw if named else whole, result, [*named, *done])
    beside = None if path is None else path.parent
    by_hand = [tuple(map(str, override.keys)) for override in done]
    if isinstance(result, MultimodalRecipe):
        folder = Path.cwd() if any(keys[-2:] == ("data", "source") for keys in by_hand) else beside
        return result if folder is None else _with_absolute_sources(result, folder)
    return _with_absolute_source(result, beside, by_hand)


def as_recipe(recipe: Recipe | str | Path) -> Recipe:
    """Give a recipe as it is, or load the one that a name or a path stands for.

    Raises:
        FeatlearnError: As `load_recipe` does.
    """
    return recipe if isinstance(recipe, Recipe) else load_recipe(recipe)


def parse_recipe(text: str, *, title: str = "the recipe") -> Recipe:
    """Read a recipe from text, such as the one stored in a model.

    Raises:
        RecipeError: If the text is no recipe; the sentence begins with `title`.
    """
    whole, _, _ = with_network(_parse(text, where="", title=title), (), title=title)
    result = validate(whole)
    if isinstance(result, Problem):
        raise RecipeError(f"{title}: {result.text}")
    return result


def dump_recipe(recipe: Recipe | MultimodalRecipe) -> str:
    """Write a recipe as TOML, without what is as by default; reading gives it back."""
    return tomli_w.dumps(as_tables(recipe))


def _path_of(source: str | Path) -> Path | None:
    """Tell a path from the name of a shipped recipe, which goes first."""
    named = isinstance(source, str)
    if not named and not isinstance(source, Path):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UsageError(
            f"a recipe is the name of a shipped one, the path of a file or a Recipe; got {source!r}"
        )
    if named and source in shipped_names():
        return None
    path = _existing(Path(), str(source))
    if path is None:
        if named and not source.endswith(".toml") and len(Path(source).parts) <= 1:
            return None
        raise UsageError(f"there is no recipe file {source}")
    if not path.is_dir():
        return path
    inside = path / RECIPE
    if not inside.is_file():
        raise UsageError(f"{source} is a folder without a {RECIPE}")
    return inside


def _existing(folder: Path, name: str) -> Path | None:
    """Find a file or folder by a path relative to `folder`; any text may be asked for."""
    try:
        path = folder / Path(name).expanduser()
        return path if name and path.exists() else None
    except (OSError, ValueError, RuntimeError):  # too long, a null byte, no such home
        return None


def _read(path: Path) -> str:
    """Read a file that should be a recipe."""
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise RecipeError(f"{path} is no recipe: it is larger than {MAX_BYTES} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path} is no recipe: it is not UTF-8 text ({error.reason})") from None


def _parse(text: str, *, where: str, title: str) -> dict[str, object]:
    """Read TOML; an error names the file, the line and the column."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(_syntax_error(str(error), text, where or title)) from None
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"{where or title} is not readable as TOML: {error}") from None


def _syntax_error(message: str, text: str, where: str) -> str:
    """Move the place from the end of tomllib's message to the front: `file:3:14: …`."""
    found = _PLACE.match(message)
    if found is None:
        return f"{where}: {message}"
    what, line, column = found.groups()
    if line is None:
        lines = text.rstrip().split("\n")
        line, column = str(len(lines)), str(len(lines[-1]) + 1)
    return f"{where}:{line}:{column}: {what[:1].lower()}{what[1:]}"


def _refusal(
    title: str, raw: Mapping[str, object], problem: Problem, done: Sequence[Override]
) -> RecipeError | UsageError:
    """Blame the override that made the problem, or the file if it was there before."""
    before = validate_any(raw) if done else problem
    if isinstance(before, Problem):
        return RecipeError(f"{title}: {before.text}")
    for override in reversed(done):
        length = min(len(override.keys), len(problem.keys))
        if override.keys[:length] == problem.keys[:length] and length:
            return UsageError(f"{override.text}: {problem.text}")
    texts = ", ".join(override.text for override in done)
    return UsageError(f"{title} with {texts}: {problem.text}")


def absolute_source(source: str, folder: Path) -> str:
    """Make a source that is a path in a folder independent of where one stands.

    Args:
        source: A known set, or a path, perhaps with `:train` or `:test` behind it.
        folder: Where a relative path begins.

    Raises:
        DataError: If the whole path is not in UTF-8, so that no recipe can hold it.
    """
    base, colon, split = source.rpartition(":")
    if source in KNOWN_SETS or base in KNOWN_SETS:
        return source
    path, ending = _existing(folder, source), ""
    if path is None and split in {"train", "test"}:
        path, ending = _existing(folder, base), colon + split
    if path is None:
        return source
    whole = str(path.resolve())
    if not in_utf8(whole):
        raise DataError(f"{source} lies in {whole!r}, a path that is not in UTF-8; rename a folder")
    return f"{whole}{ending}"


def _with_absolute_sources(recipe: MultimodalRecipe, folder: Path) -> MultimodalRecipe:
    """Do the same for every modality."""
    modalities = tuple(
        msgspec.structs.replace(
            each,
            data=msgspec.structs.replace(
                each.data, source=absolute_source(each.data.source, folder)
            ),
        )
        for each in recipe.modalities
    )
    return msgspec.structs.replace(recipe, modalities=modalities)


def _with_absolute_source(
    recipe: Recipe, beside: Path | None, by_hand: Collection[tuple[str, ...]]
) -> Recipe:
    """Make every source that is a path independent of where one stands.

    Args:
        recipe: What was read.
        beside: The folder of its file, if there is one.
        by_hand: Keys that were set on the command line, where paths begin where one stands.
    """

    def whole(source: str, *keys: str) -> str:
        folder = Path.cwd() if any(keys[: len(each)] == each for each in by_hand) else beside
        return source if folder is None else absolute_source(source, folder)

    data = msgspec.structs.replace(recipe.data, source=whole(recipe.data.source, "data", "source"))
    tasks = tuple(
        task
        if task.source is None
        else msgspec.structs.replace(task, source=whole(task.source, "tasks", str(place), "source"))
        for place, task in enumerate(recipe.tasks)
    )
    finetune, semi = recipe.finetune, recipe.finetune.semi
    if semi is not None and semi.source is not None:
        source = whole(semi.source, "finetune", "semi", "source")
        semi = msgspec.structs.replace(semi, source=source)
        finetune = msgspec.structs.replace(finetune, semi=semi)
    return msgspec.structs.replace(recipe, data=data, tasks=tasks, finetune=finetune)
