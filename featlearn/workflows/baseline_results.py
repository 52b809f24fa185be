"""What `baselines` finds, row by row, and the files that keep it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from scipy import stats

from featlearn.baselines.rows import CHOOSING, WORDS, Name
from featlearn.baselines.task import Fitted, Settings
from featlearn.errors import CheckpointError, UsageError
from featlearn.filenames import IDENTITY, RESULTS
from featlearn.files import write_bytes, write_json
from featlearn.networks.formats import FORMAT
from featlearn.wording import count

_LEVEL = 0.95
_T = TypeVar("_T")


class BaselineChoice(msgspec.Struct, frozen=True, kw_only=True):
    """How settings were chosen, by training images alone.

    Attributes:
        tried: How many settings.
        learned: Training images that each learned from.
        validated: Other training images that it was judged on.
        error: Share of those that the chosen one named wrong.
    """

    tried: int
    learned: int
    validated: int
    error: float


class BaselineRow(msgspec.Struct, frozen=True, kw_only=True):
    """One classifier.

    Attributes:
        name: As `--only` takes it.
        words: What the table calls it.
        error: Share of the test images named wrong, in [0, 1].
        interval: Its 95 % interval (Wilson), by the number of test images.
        images: Test images.
        settings: What it was fitted with.
        choice: How that was chosen; `None` where it was fixed.
        samples: Training images that it learned from.
        available: Training images that there were.
        rounds: Rounds, trees of each class, or epochs; `None` where there are none.
        wanted: How many of them it has without a budget.
        cut: What a budget took away, in words; `None` where nothing was.
        budget: Seconds to choose and fit, if they were limited.
        fit_seconds: Time to choose and fit.
        predict_seconds: Time to name the test images.
        threads: Threads that were used.
    """

    name: Name
    words: str
    error: float
    interval: tuple[float, float]
    images: int
    settings: Settings
    choice: BaselineChoice | None
    samples: int
    available: int
    rounds: int | None
    wanted: int | None
    cut: str | None
    budget: float | None
    fit_seconds: float
    predict_seconds: float
    threads: int


class BaselinesResult(msgspec.Struct, frozen=True, kw_only=True):
    """The table, as its file of results holds it.

    Attributes:
        source: Where the images came from.
        images: Test images.
        labelled: Labelled training images that rows could learn from.
        available: Labelled training images that there are.
        label_seed: Seed of the draw of labels; `None` where all were taken.
        seed: Seed of everything else.
        guess: Error of naming the largest class of the training images every time.
        machine: The processor.
        rows: The classifiers, in the order of the table.
        out: The folder; `None` if nothing was written.
        figures: Pictures in it.
    """

    format: int = FORMAT
    source: str
    images: int
    labelled: int
    available: int
    label_seed: int | None
    seed: int
    guess: float
    machine: str
    rows: list[BaselineRow]
    out: str | None
    figures: list[str]


def make_row(
    name: Name,
    fitted: Fitted,
    *,
    wrong: int,
    images: int,
    available: int,
    budget: float | None,
    predict_seconds: float,
    threads: int,
) -> BaselineRow:
    """Sum a row up.

    Args:
        name: Which.
        fitted: The classifier.
        wrong: Test images that it named wrong.
        images: Test images.
        available: Training images that there were.
        budget: Seconds that it had.
        predict_seconds: Seconds to name the test images.
        threads: Threads that were used.
    """
    choice = None if fitted.choice is None else BaselineChoice(**fitted.choice._asdict())
    limited = budget is not None
    return BaselineRow(
        name=name,
        words=WORDS[name],
        error=wrong / images,
        interval=wilson(wrong, images),
        images=images,
        settings=fitted.settings,
        choice=choice,
        samples=fitted.samples,
        available=available,
        rounds=fitted.rounds,
        wanted=fitted.wanted,
        cut=_cut(fitted, available, unchosen=limited and name in CHOOSING and choice is None),
        budget=budget,
        fit_seconds=round(fitted.seconds, 3),
        predict_seconds=round(predict_seconds, 3),
        threads=threads,
    )


def wilson(wrong: int, images: int) -> tuple[float, float]:
    """Give the 95 % interval of an error: what another test set of this size could say.

    Source:
        Wilson, Journal of the American Statistical Association 1927.
    """
    ends = stats.binomtest(wrong, images).proportion_ci(_LEVEL, method="wilson")
    return float(ends.low), float(ends.high)


def _cut(fitted: Fitted, available: int, *, unchosen: bool) -> str | None:
    """Say what a budget took away."""
    parts: list[str] = []
    if fitted.samples < available:
        parts.append(f"{count(fitted.samples)} of {count(available)} images")
    if fitted.rounds is not None and fitted.wanted is not None and fitted.rounds < fitted.wanted:
        parts.append(f"{count(fitted.rounds)} of {count(fitted.wanted)} rounds")
    if unchosen:
        parts.append("settings not chosen")
    return ", ".join(parts) or None


class BaselineFolder:
    """The folder of a table: what it is of, and a file for each row."""

    def __init__(self, path: Path) -> None:
        """Take a folder, which need not exist."""
        self.path = path

    def begin(self, identity: Mapping[str, Any]) -> None:
        """Write down what the rows are of, or refuse others beside them.

        Raises:
            UsageError: If the folder holds rows of something else.
            CheckpointError: If it cannot be told.
        """
        file = self.path / IDENTITY
        if not file.exists():
            write_json(file, identity)
            return
        known = _decoded(file, dict[str, Any])
        for key, value in identity.items():
            if known.get(key) != value:
                raise UsageError(
                    f"{self.path} holds rows with other {key} ({_told(known.get(key))}, and here "
                    f"{_told(value)}); choose another folder for --out"
                )

    def rounds(self, name: Name) -> Path:
        """Name the file of a boosting that goes on."""
        return self.path / "rows" / f"{name}.safetensors"

    def row(self, name: Name) -> BaselineRow | None:
        """Read a finished row; `None` if there is none.

        Raises:
            CheckpointError: If its file is damaged.
        """
        file = self.file(name)
        return _decoded(file, BaselineRow) if file.exists() else None

    def keep(self, row: BaselineRow) -> None:
        """Write a finished row; what its boosting could go on from is needed only if it was cut."""
        write_json(self.file(row.name), msgspec.to_builtins(row))
        if row.cut is None:
            self.rounds(row.name).unlink(missing_ok=True)

    def finish(self, result: BaselinesResult) -> None:
        """Write the whole table."""
        text = msgspec.json.format(msgspec.json.encode(result), indent=2)
        write_bytes(self.path / RESULTS, text + b"\n")

    def file(self, name: Name) -> Path:
        """Name the file of a finished row."""
        return self.path / "rows" / f"{name}.json"


def _told(value: object) -> str:
    """Write a value of the identity, a fingerprint not in full."""
    return "all" if value is None else str(value)[:12]


def _decoded(file: Path, kind: type[_T]) -> _T:
    """Read a file that was written here."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CheckpointError(f"{file} is damaged; remove it, and its row is made anew") from error
