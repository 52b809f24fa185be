#!/usr/bin/env python3
"""Train one network by every objective, measure all alike, and write docs/objectives.md's figures.

    python scripts/objectives_page.py --out runs/objectives

Every objective learns the same number of dense units from the same images, with one seed and on
one thread: once from natural scenes, once from digits. A training that is finished is kept in
`--out`, and so are its figures: stopped, the script goes on with the next one. The tables are
written between the markers of the page, the pictures beside it.
"""

import argparse
import datetime as dt
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray
from objectives_draw import PIXELS, Row, label_of, settings_table, sheet, table_of
from objectives_measure import (
    Images,
    Measured,
    coder_of,
    controls_of,
    measured,
    open_images,
    pixels,
    probes,
)
from objectives_methods import METHODS, Topic, recipe_of

from featlearn.config.load import dump_recipe
from featlearn.config.recipe import Recipe
from featlearn.files import write_bytes, write_json
from featlearn.networks.store import load_stack
from featlearn.training.device import processor, use_threads
from featlearn.training.identity import Environment
from featlearn.workflows.pretrain import pretrain

PAGE = Path(__file__).resolve().parents[1] / "docs" / "objectives.md"
_TOPICS: tuple[Topic, ...] = get_args(Topic)
_BASE = "plain"  # by whose network scenes are whitened to be compared, and controls are made
_WORDS = "featlearn {0.featlearn}, PyTorch {0.torch}, NumPy {0.numpy}, Python {0.python}"

Patterns = NDArray[np.floating]


class Training(msgspec.Struct, frozen=True, kw_only=True):
    """What a training took and gave.

    Attributes:
        recipe: By which it learned.
        seconds: Of the processor, reading and examining with it.
        parameters: Learned numbers.
        dead: Share of units whose code never changes.
        environment: What ran it.
        date: When.
        machine: Where.
    """

    recipe: str
    seconds: float
    parameters: int
    dead: float
    environment: Environment
    date: str
    machine: str


class Study:
    """Trains and measures what is not there yet.

    Args:
        options: The command line.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        """Take the folder, and how much is done."""
        self.options = options
        self.names: list[str] = [_BASE, *(n for n in METHODS if n in options.only and n != _BASE)]
        self.images: dict[Topic, Images] = {}

    def recipe(self, name: str, topic: Topic) -> Recipe:
        """Give the recipe of an objective."""
        options = self.options
        return recipe_of(name, topic, epochs=options.epochs, images=options.images)

    def training(self, name: str, topic: Topic) -> Training:
        """Train by an objective, unless that is done."""
        recipe = self.recipe(name, topic)
        run: Path = self.options.out / topic / name
        known = run.with_suffix(".training.json")
        found = _kept(known, Training)
        if found is not None and found.recipe == dump_recipe(recipe):
            return found
        begun = time.process_time()
        result = pretrain(recipe, out=run, threads=1, device="cpu", overwrite=True)
        found = Training(
            recipe=dump_recipe(recipe),
            seconds=time.process_time() - begun,
            parameters=result.parameters,
            dead=result.health[0].dead,
            environment=result.environment,
            date=dt.datetime.now(dt.UTC).date().isoformat(),
            machine=processor(),
        )
        for old in run.parent.glob(f"{name}.measured-*.json"):
            old.unlink()
        write_json(known, msgspec.to_builtins(found))
        print(f"{topic}, {name}: {found.seconds:.0f} s")
        return found

    def rows(self, topic: Topic) -> Iterator[tuple[Row, Patterns]]:
        """Give the figures and the patterns of every objective, then those of controls."""
        for name in self.names:
            trained = self.training(name, topic)
            found, patterns = self._measured(name, topic)
            cost = (trained.seconds, trained.parameters, trained.dead)
            yield _row(name, cost, found), patterns
        for name in ("random", "components"):
            found, patterns = self._measured(name, topic)
            yield _row(name, None, found), patterns
        if topic == "strokes":
            yield _row(PIXELS, None, self._pixels()), np.zeros((0, 1, 1))

    def _measured(self, name: str, topic: Topic) -> tuple[Measured, Patterns]:
        """Measure a network or a control, unless that is done."""
        folder: Path = self.options.out / topic
        known, drawn = self._file(name, topic), folder / f"{name}.npy"
        found = _kept(known, Measured)
        if found is not None:
            return found, np.load(drawn)
        images = self._images(topic)
        base = load_stack(folder / _BASE).stack.eval()
        if name in METHODS:
            coder = coder_of(load_stack(folder / name).stack.eval())
        else:
            coder = controls_of(base, self.recipe(_BASE, topic), images)[name]
        found = measured(
            coder,
            images,
            topic,
            stack=base,
            draws=self.options.draws,
            labels=self.options.labels,
        )
        np.save(drawn, coder.patterns.astype(np.float32))
        write_json(known, msgspec.to_builtins(found))
        print(f"{topic}, {name}: measured")
        return found, coder.patterns

    def _pixels(self) -> Measured:
        """Probe plain pixels, unless that is done."""
        known = self._file(PIXELS, "strokes")
        found = _kept(known, Measured)
        if found is None:
            options, images = self.options, self._images("strokes")
            accuracies, features = probes(
                pixels, images, draws=options.draws, labels=options.labels
            )
            found = Measured(explained={}, gabor=None, accuracies=accuracies, features=features)
            write_json(known, msgspec.to_builtins(found))
        return found

    def _file(self, name: str, topic: Topic) -> Path:
        """Say where figures are kept; those of other probes are others."""
        options = self.options
        kind = f"measured-{options.labels}x{options.draws}" if topic == "strokes" else "measured-0"
        return options.out / topic / f"{name}.{kind}.json"

    def _images(self, topic: Topic) -> Images:
        """Open images once."""
        if topic not in self.images:
            self.images[topic] = open_images(self.recipe(_BASE, topic))
        return self.images[topic]


def _row(name: str, cost: tuple[float, int, float] | None, found: Measured) -> Row:
    return Row(name, *(cost or (None, None, None)), *msgspec.structs.astuple(found))


def _kept(path: Path, kind: type[Any]) -> Any:
    """Read figures, if they are there."""
    return msgspec.json.decode(path.read_bytes(), type=kind) if path.exists() else None


def written(page: str, parts: dict[str, str]) -> str:
    """Put parts between their markers.

    Args:
        page: The page.
        parts: By the name in the marker.

    Raises:
        ValueError: If a marker is missing.
    """
    for name, text in parts.items():
        begin = f"<!-- {name}: written by scripts/objectives_page.py -->\n"
        end = f"<!-- end of {name} -->"
        if begin not in page or end not in page:
            raise ValueError(f"the page has no part {name!r}: {begin.strip()} … {end}")
        head, rest = page.split(begin, 1)
        page = f"{head}{begin}\n{text}\n\n{end}{rest.split(end, 1)[1]}"
    return page


def conditions(trainings: list[Training]) -> str:
    """Say when, where and with what all was trained."""
    first = trainings[0]
    dates = sorted({each.date for each in trainings})
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    words = "; ".join(sorted({_WORDS.format(each.environment) for each in trainings}))
    return f"{when}, {first.machine}, one thread; {words}; seed 0."


def main() -> None:
    """Train, measure, and write."""
    options = _options()
    use_threads(1)
    study = Study(options)
    page: Path = options.page
    parts: dict[str, str] = {"settings": settings_table()}
    trainings: list[Training] = []
    for topic in _TOPICS:
        found = list(study.rows(topic))
        parts[topic] = table_of([row for row, _ in found], topic)
        shown = {label_of(row.name).strip("*"): some for row, some in found if len(some)}
        write_bytes(page.with_name(f"{page.stem}-{topic}.png"), sheet(shown, topic))
        trainings += [study.training(name, topic) for name in study.names]
    parts["conditions"] = conditions(trainings)
    page.write_text(written(page.read_text(encoding="utf-8"), parts), encoding="utf-8")
    print(page)


def _options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Compare objectives.")
    parser.add_argument("--out", type=Path, required=True, help="folder of the trainings")
    parser.add_argument("--page", type=Path, default=PAGE, help="(default: %(default)s)")
    parser.add_argument("--epochs", type=int, help="instead of the recipes', for a quick try")
    parser.add_argument("--images", type=int, help="crops of each scene, or digits: fewer")
    parser.add_argument(
        "--only", nargs="+", choices=METHODS, default=list(METHODS), help="beside plain"
    )
    parser.add_argument("--draws", type=int, default=10, help="of labels (default: %(default)s)")
    parser.add_argument("--labels", type=int, default=1000, help="(default: %(default)s)")
    options = parser.parse_args()
    if options.draws < 2:
        parser.error(f"--draws must be at least 2, for an interval; got {options.draws}")
    return options


if __name__ == "__main__":
    main()
