"""What `evaluate --likelihood` prints; loaded late, as it needs rich."""

from collections.abc import Iterable

from rich.console import RenderableType

from featlearn.workflows.likelihood import Likelihood, LikelihoodResult, StageLikelihood
from featlearn_cli.text import table

_FEW = 10


def likelihood_tables(result: LikelihoodResult) -> Iterable[RenderableType]:
    """Show the likelihoods under each machine, beside those of base rates."""
    yield f"Log-likelihoods of images of {result.source} under each stage, in nats for each"
    yield ""
    headers = [
        "stage",
        "split",
        "images",
        "log-likelihood",
        "± (images)",
        "base rates alone",
        "pseudo-likelihood",
    ]
    rows: list[list[object]] = []
    for stage in result.stages:
        splits = {"test": stage.test, "train": stage.train}
        found = [(split, one) for split, one in splits.items() if one is not None]
        for number, (split, one) in enumerate(found):
            rows.append(_row("" if number else stage.stage, split, one))
    yield table(headers, rows)
    yield ""
    for stage in result.stages:
        yield _partition(stage, result)


def _row(name: str, split: str, one: Likelihood) -> list[object]:
    pseudo = one.pseudo_likelihood
    return [
        name,
        split,
        one.images,
        f"{one.log_likelihood:.2f}",
        f"{one.spread:.2f}",
        f"{one.base_rates:.2f}",
        None if pseudo is None else f"{pseudo:.2f}",
    ]


def _partition(stage: StageLikelihood, result: LikelihoodResult) -> str:
    """Say what is known of a partition function, and how well."""
    known = f"{stage.stage}: log Z = {stage.log_z:.2f}"
    if stage.effective is None:
        return f"{known}, by the sum over all states"
    how = f"annealed importance sampling, {result.chains} chains of {result.steps} steps"
    line = f"{known} ± {stage.log_z_error:.2f}, by {how}"
    if stage.effective < _FEW:
        few = f"{stage.effective:.1f} chains carry nearly all of the weight"
        return f"{line}\n! {few}: raise --ais-steps"
    return line
