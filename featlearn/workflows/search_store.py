"""The trials of a search: kept in SQLite, and chosen by Optuna, which only this module knows."""

import math
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, assert_never

import msgspec

from featlearn.config.space import Params, Range, Space, plain
from featlearn.errors import CheckpointError, MissingExtraError
from featlearn.seeds import derive
from featlearn.workflows.pruning import Past, Point
from featlearn.workflows.search_plan import SearchPlan

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.study import Study
    from optuna.trial import FrozenTrial

State = Literal["complete", "pruned", "diverged", "unfit"]

_STUDY = "featlearn"
_ENTRY = "featlearn"
_SEEDS = 2**32


class SearchTrial(msgspec.Struct, frozen=True, kw_only=True):
    """One trial of a search.

    Attributes:
        number: Its place, from 1.
        state: `complete`; `pruned`: stopped early, by what was measured on the way;
            `diverged`: the loss was no longer finite; `unfit`: its values do not go together.
        value: What is minimised; only a complete trial has one.
        params: A value for each key that is searched.
        curve: What was measured on the way.
        seconds: Time that it took.
        why: What went wrong, in a sentence.
        repeats: The earlier trial with the same values, whose outcome this is.
    """

    number: int
    state: State
    value: float | None
    params: dict[str, str | int | float | bool]
    curve: list[Point]
    seconds: float
    why: str | None = None
    repeats: int | None = None

    @property
    def past(self) -> Past:
        """What others are pruned by."""
        return Past(self.curve, self.state == "complete")


def check_tuning() -> None:
    """Find out whether a search can be made, before anything is done for it.

    Raises:
        MissingExtraError: If Optuna is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise MissingExtraError("optuna", extra="tune") from None
    del optuna


class SearchStore:
    """The trials that are done, in their order; each is in the file whole, or not at all."""

    def __init__(self, study: "Study", path: Path, plan: SearchPlan, *, seed: int) -> None:
        """Read the trials that are there.

        Args:
            study: The file, open.
            path: The file, for messages.
            plan: What is searched.
            seed: Seed of the recipe, from which that of every trial is derived.

        Raises:
            CheckpointError: If the file holds something else.
        """
        self.study = study
        self.path = path
        self.plan = plan
        self.seed = seed
        self.frozen: list[FrozenTrial] = study.get_trials(deepcopy=False)
        self.trials = [
            _read(frozen, number, path) for number, frozen in enumerate(self.frozen, start=1)
        ]

    def suggest(self) -> Params:
        """Choose the values of the next trial.

        They depend on the trials that are done, the seed and nothing else: a search that is
        cut off and goes on chooses as one that never was.
        """
        import optuna

        seed = derive(self.seed, "search", len(self.trials)) % _SEEDS
        study = optuna.create_study(sampler=_sampler(self.plan, seed))
        study.add_trials(self.frozen)
        drawn = study.ask(_distributions(self.plan.spaces)).params
        return {space.key: _spelled(space, drawn[space.key]) for space in self.plan.spaces}

    def params_of(self, trial: SearchTrial) -> Params:
        """Give the values of a trial that is done, as they were chosen."""
        known = self.frozen[trial.number - 1].params
        return {space.key: _spelled(space, known[space.key]) for space in self.plan.spaces}

    def add(self, trial: SearchTrial, params: Params) -> None:
        """Write a trial that is done.

        Args:
            trial: What came of it.
            params: Its values, as they were chosen.

        Raises:
            OSError: If the file cannot be written.
        """
        from optuna.trial import TrialState, create_trial

        done = trial.state == "complete"
        said = msgspec.to_builtins(trial)
        frozen = create_trial(
            state=TrialState.COMPLETE if done else TrialState.PRUNED,
            value=trial.value if done else None,
            params={space.key: _drawn(space, params[space.key]) for space in self.plan.spaces},
            distributions=_distributions(self.plan.spaces),
            # One that went wrong counts as the worst, which Optuna does without measurements.
            intermediate_values=_measured(trial) if trial.state in {"complete", "pruned"} else {},
            user_attrs={_ENTRY: said},
        )
        with _refusing(self.path):
            self.study.add_trial(frozen)
        self.frozen.append(frozen)
        self.trials.append(trial)


@contextmanager
def open_store(path: Path, plan: SearchPlan, *, seed: int) -> Generator[SearchStore]:
    """Open a file of trials, which may be new, and close it in the end.

    Args:
        path: The file.
        plan: What is searched.
        seed: Seed of the recipe.

    Raises:
        CheckpointError: If the file holds something else.
    """
    import optuna
    from optuna.storages import RDBStorage
    from sqlalchemy.engine import URL

    said = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = None
    try:
        with _refusing(path):
            where = URL.create("sqlite", database=str(path.resolve()))
            storage = RDBStorage(where.render_as_string(hide_password=False))
            study = optuna.create_study(
                storage=storage, study_name=_STUDY, direction="minimize", load_if_exists=True
            )
            store = SearchStore(study, path, plan, seed=seed)
        yield store
    finally:
        if storage is not None:
            storage.remove_session()
            storage.engine.dispose()
        optuna.logging.set_verbosity(said)


@contextmanager
def _refusing(path: Path) -> Generator[None]:
    """Say in one sentence that a file is no database of ours, or cannot be written."""
    from optuna.exceptions import OptunaError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (OptunaError, SQLAlchemyError, RuntimeError, ValueError, KeyError) as error:
        reason = " ".join(str(getattr(error, "orig", None) or error).split())
        raise CheckpointError(
            f"{path} cannot be read or written ({reason}); start anew with --overwrite"
        ) from None


def _sampler(plan: SearchPlan, seed: int) -> "BaseSampler":
    """Make what chooses values.

    Source:
        Bergstra et al., Algorithms for hyper-parameter optimization, NIPS 2011, for `tpe`,
        which begins with ten random trials.
    """
    from optuna.samplers import RandomSampler, TPESampler

    match plan.sampler:
        case "tpe":
            return TPESampler(seed=seed, multivariate=True)
        case "random":
            return RandomSampler(seed=seed)
        case _:
            assert_never(plan.sampler)


def _distributions(spaces: Sequence[Space]) -> "dict[str, BaseDistribution]":
    return {space.key: _distribution(space) for space in spaces}


def _distribution(space: Space) -> "BaseDistribution":
    """Write a space as Optuna has it."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if not isinstance(space, Range):
        return CategoricalDistribution(space.values)
    if space.whole:
        step = 1 if space.step is None else int(space.step)
        return IntDistribution(int(space.low), int(space.high), log=space.log, step=step)
    step = None if space.step is None else float(space.step)
    return FloatDistribution(float(space.low), float(space.high), log=space.log, step=step)


def _spelled(space: Space, drawn: Any) -> str:
    """Spell what was drawn as it stands after `--set`."""
    return repr(space.near(drawn)) if isinstance(space, Range) else str(drawn)


def _drawn(space: Space, text: str) -> str | int | float:
    """Give a spelled value as Optuna has it."""
    if not isinstance(space, Range):
        return text
    return int(text) if space.whole else float(text)


def _measured(trial: SearchTrial) -> dict[int, float]:
    """Number the measurements of a trial, for those who look at the file with Optuna."""
    return {number: point.value for number, point in enumerate(trial.curve, start=1)}


def _read(frozen: "FrozenTrial", number: int, path: Path) -> SearchTrial:
    """Read a trial from the file.

    Raises:
        CheckpointError: If this module did not write it.
    """
    try:
        trial = msgspec.convert(frozen.user_attrs[_ENTRY], SearchTrial)
    except (KeyError, msgspec.ValidationError) as error:
        raise CheckpointError(
            f"{path} holds a trial that `featlearn sweep` did not write ({error}); start anew "
            "with --overwrite"
        ) from None
    known = frozen.value is None or math.isfinite(frozen.value)
    if trial.number != number or not known:
        raise CheckpointError(
            f"{path} lacks trials before number {trial.number}; start anew with --overwrite"
        )
    return trial


def shown_params(params: Params) -> dict[str, str | int | float | bool]:
    """Give values as results show them: numbers as numbers."""
    return {key: plain(text) for key, text in params.items()}
