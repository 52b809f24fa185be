"""Making the trials of a search, one after the other, until they are enough or time is over."""

import shlex
import time
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from featlearn.config.load import dump_recipe
from featlearn.config.recipe import Recipe
from featlearn.config.space import Params, with_params
from featlearn.errors import (
    DataError,
    Interrupted,
    RecipeError,
    ShapeError,
    TrainingError,
    UsageError,
)
from featlearn.files import write_bytes
from featlearn.training.progress import Progress
from featlearn.training.rundir import SearchFolder
from featlearn.training.signals import StopRequest, stop_signals
from featlearn.workflows.measuring import Making, Pruned
from featlearn.workflows.pruning import Point, stops
from featlearn.workflows.running import Running
from featlearn.workflows.search_plan import SearchPlan
from featlearn.workflows.search_store import SearchStore, SearchTrial, shown_params
from featlearn.workflows.search_trials import SearchBench

_STATES = {"pruned": "stopped early", "unfit": "does not fit"}


class _OutOfTimeError(Exception):
    """The budget is over; what is done is kept."""


class Search(NamedTuple):
    """A search: what, where and how.

    Attributes:
        recipe: What the values are put into.
        plan: What is searched.
        folder: Where its files go.
        running: How it is carried out.
        budget: Seconds that it may take, if they are bounded.
    """

    recipe: Recipe
    plan: SearchPlan
    folder: SearchFolder
    running: Running
    budget: float | None

    @property
    def told(self) -> Progress:
        """What is told of every trial."""
        return self.running.progress

    @property
    def command(self) -> str:
        """The command that goes on with it."""
        words = ["featlearn", "sweep", str(self.folder.recipe_file), "--out", str(self.folder.path)]
        words += ["--resume", *self.plan.words()]
        if self.budget is not None:
            words += ["--budget", f"{self.budget:g}"]
        return shlex.join([*words, *self.running.words])

    def check_time(self, stop: StopRequest) -> None:
        """End the search where it stands, if a signal or the budget says so."""
        if stop.signal_number is not None:
            raise Interrupted(stop.signal_number, "stopped")
        if self.budget is not None and self.running.seconds >= self.budget:
            raise _OutOfTimeError

    def show(self, store: SearchStore, words: str = "") -> None:
        """Show how many trials are done."""
        done = len(store.trials)
        self.told.count("trials", done=done, of=max(self.plan.trials, done), words=words)


def make_trials(search: Search, bench: SearchBench, store: SearchStore) -> None:
    """Make the trials that are missing, as far as the time allows.

    Raises:
        Interrupted: If a signal asked for a stop; the trial in the making is lost.
    """
    wanted = search.plan.trials
    search.show(store)
    with stop_signals() as stop:
        try:
            while len(store.trials) < wanted:
                search.check_time(stop)
                params = store.suggest()
                trial = _repeated(store, params) or _trial(search, bench, store, params, stop)
                store.add(trial, params)
                best = best_of(store.trials)
                if best is trial:
                    write_best(search, trial, params)
                search.show(store, _words(trial, best))
        except _OutOfTimeError:
            search.told.stop()
            search.told.note(
                f"the time is over, and {len(store.trials)} of {wanted} trials are done; "
                f"go on with: {search.command}"
            )


def best_of(trials: Sequence[SearchTrial]) -> SearchTrial | None:
    """Find the complete trial of the least value; the first of several."""
    complete = [trial for trial in trials if trial.value is not None]
    return min(complete, key=lambda trial: (trial.value, trial.number), default=None)


def write_best(search: Search, trial: SearchTrial, params: Params) -> None:
    """Write the recipe with the values of a trial, whole or not at all."""
    text = dump_recipe(with_params(search.recipe, params))
    head = f"# The best recipe of `featlearn sweep`, that of trial {trial.number}.\n\n"
    write_bytes(search.folder.best_file, (head + text).encode())


def _trial(
    search: Search, bench: SearchBench, store: SearchStore, params: Params, stop: StopRequest
) -> SearchTrial:
    """Make one trial; what goes wrong with its values is what came of it."""
    number, begun = len(store.trials) + 1, time.monotonic()
    past = [trial.past for trial in store.trials]

    def verdict(curve: Sequence[Point], planned: Sequence[int]) -> bool:
        return stops(search.plan.pruner, curve, past, planned=planned)

    def pulse(words: str) -> None:
        search.check_time(stop)
        search.show(store, f"trial {number}: {words}")

    making = Making(verdict=verdict, pulse=pulse)
    value, why, state = None, None, "complete"
    try:
        value = bench.make(with_params(search.recipe, params), making)
    except Pruned:
        state = "pruned"
    except TrainingError as error:
        state, why = "diverged", str(error)
    except (RecipeError, ShapeError, DataError, UsageError) as error:
        state, why = "unfit", str(error)
    return SearchTrial(
        number=number,
        state=state,
        value=value,
        params=shown_params(params),
        curve=making.curve,
        seconds=round(time.monotonic() - begun, 3),
        why=why,
    )


def _repeated(store: SearchStore, params: Params) -> SearchTrial | None:
    """Give what values came to that were tried before: the same, as nothing else varies."""
    shown = shown_params(params)
    before = next((trial for trial in store.trials if trial.params == shown), None)
    if before is None:
        return None
    return msgspec.structs.replace(
        before,
        number=len(store.trials) + 1,
        seconds=0.0,
        repeats=before.number if before.repeats is None else before.repeats,
    )


def _words(trial: SearchTrial, best: SearchTrial | None) -> str:
    """Say what a trial came to, and the best."""
    said = _STATES.get(trial.state, trial.state)
    if trial.value is not None:
        said = f"{trial.value:.4g}"
    again = "" if trial.repeats is None else f" (as trial {trial.repeats})"
    ahead = "" if best is None else f", best {best.value:.4g} (trial {best.number})"
    return f"trial {trial.number}: {said}{again}{ahead}"
