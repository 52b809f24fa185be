"""What a search over a recipe's keys came to, and the files that say so."""

from collections.abc import Sequence

import msgspec

from featlearn.config.space import Params
from featlearn.errors import TrainingError
from featlearn.files import sha256, write_json
from featlearn.networks.formats import FORMAT
from featlearn.training.identity import Environment
from featlearn.visualize.search import Tried, search_figure
from featlearn.visualize.style import save_figure
from featlearn.workflows.pruning import Pruner
from featlearn.workflows.search_making import Search, best_of, write_best
from featlearn.workflows.search_plan import Labels, Sampler
from featlearn.workflows.search_store import SearchTrial


class SearchResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a search came to, as its `results.json` holds it.

    Attributes:
        folder: Where its files are.
        title: Of the recipe.
        minimised: What the trials' values are.
        spaces: What was tried, by key.
        best: The complete trial of the least value, the first of several.
        trials: All trials that are done, in their order.
        asked: Trials that were asked for; fewer are done if the time was over.
        labels: Labels that fine-tuning learned from; `None` where none were.
        judged: Images that every trial was measured on, from the training split; labelled
            ones if there are labels.
        seed: Of the recipe; also the values that are tried follow from it.
        best_recipe: The recipe with the best values.
        figure: A picture of all trials.
        seconds: Time of all trials.
        environment: What each trial computed with.
        fingerprints: Of the training split; the test split was not looked at.
        files: Checksums of the files beside this one.
    """

    format: int = FORMAT
    command: str = "sweep"
    folder: str
    title: str
    minimised: str
    spaces: dict[str, str]
    best: SearchTrial
    trials: list[SearchTrial]
    asked: int
    sampler: Sampler
    pruner: Pruner
    labels: Labels | None
    label_seed: int
    judged: int
    seed: int
    best_recipe: str
    figure: str
    seconds: float
    environment: Environment
    fingerprints: dict[str, str]
    files: dict[str, str]

    def count(self, state: str) -> int:
        """Count the trials that came to a state."""
        return sum(trial.state == state for trial in self.trials)


def find_best(trials: Sequence[SearchTrial], search: Search) -> SearchTrial:
    """Give the best trial.

    Raises:
        TrainingError: If none came to its end.
    """
    best = best_of(trials)
    if best is not None:
        return best
    if len(trials) < search.plan.trials:
        raise TrainingError(
            f"the {search.budget:g} seconds of --budget were over before a trial was complete; "
            f"go on, with more of them, by: {search.command}"
        )
    said = [
        f"{len(found)} {words} (the first: {found[0].why})"
        for state, words in (("diverged", "diverged"), ("unfit", "do not fit"))
        if (found := [trial for trial in trials if trial.state == state])
    ]
    pruned = sum(trial.state == "pruned" for trial in trials)
    if pruned:
        said.append(f"{pruned} stopped early")
    raise TrainingError(
        f"none of the {len(trials)} trials in {search.folder.path} came to its end: "
        f"{' and '.join(said)}; search among other values"
        + (", or with --pruner none" if pruned else "")
    )


def write_results(search: Search, result: SearchResult, params: Sequence[Params]) -> SearchResult:
    """Draw the trials and write what they came to; `results.json` last.

    Args:
        search: What was searched, and where.
        result: What came out.
        params: The values of every trial, as they were chosen.

    Returns:
        The result, with the checksums of the files.
    """
    folder, plan = search.folder, search.plan
    write_best(search, result.best, params[result.best.number - 1])
    tried = [
        Tried(trial.state, trial.value, dict(values))
        for trial, values in zip(result.trials, params, strict=True)
    ]
    figure = search_figure(plan.spaces, tried, percent=plan.labels is not None)
    save_figure(figure, folder.figure_file)
    files = (folder.best_file, folder.figure_file)
    result = msgspec.structs.replace(result, files={file.name: sha256(file) for file in files})
    write_json(folder.results_file, msgspec.to_builtins(result))
    return result
