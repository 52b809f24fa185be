"""What commands do where a recipe or a run has several modalities."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from featlearn_cli.options import Computing, DataOptions, Training

if TYPE_CHECKING:
    from rich.console import RenderableType

    from featlearn.config.modalities import MultimodalRecipe
    from featlearn.workflows.describe import Description
    from featlearn.workflows.multimodal.describe import MultimodalDescription
    from featlearn.workflows.multimodal.evaluate import FusionEvaluation
    from featlearn.workflows.multimodal.finetune import FusionResult
    from featlearn.workflows.multimodal.predict import FusionPredictions


def has_modalities(run: Path) -> bool:
    """Tell a run of several modalities, without loading torch."""
    from featlearn.config.load import has_modalities as has

    return has(run)


def pretrain_several(
    recipe: "MultimodalRecipe", out: Path, *, refused: Sequence[str], options: Training
) -> None:
    """Learn the stack of each modality, and the code that they share."""
    _refuse(refused, recipe.title)
    from featlearn.workflows.multimodal.pretrain import pretrain_modalities
    from featlearn_cli.pretraining import modalities_summary

    result = pretrain_modalities(recipe, out=out, **options.training())
    options.show(result, modalities_summary)
    options.next_step(f"`featlearn finetune {out}` with labels")


def finetune_several(
    run: Path,
    *,
    name: str | None,
    labels: int | None,
    label_seed: int,
    refused: Sequence[str],
    options: Training,
) -> None:
    """Train a head over several modalities."""
    _refuse(refused, run)
    from featlearn.workflows.multimodal.finetune import finetune_modalities

    result = finetune_modalities(
        run,
        name=name,
        labels=labels,
        label_seed=label_seed,
        seed=options.seed,
        overrides=options.sets,
        **options.training(),
    )
    options.show(result, _head)
    options.next_step(f"`featlearn evaluate {run} --head {result.head}`")


def evaluate_several(
    run: Path, *, head: str | None, refused: Sequence[str], options: Computing
) -> None:
    """Measure a head over several modalities, together and with all but one missing."""
    _refuse(refused, run)
    from featlearn.workflows.multimodal.evaluate import evaluate_modalities

    result = evaluate_modalities(run, head=head, **options.computing())
    options.show(result, _figures)


def encode_several(
    run: Path,
    source: str,
    *,
    modality: str | None,
    out: Path,
    overwrite: bool,
    refused: Sequence[str],
    options: Computing,
) -> None:
    """Write the shared codes of samples of one modality."""
    _refuse(refused, run)
    from featlearn.workflows.multimodal.encode import encode_modality

    result = encode_modality(
        run,
        source,
        modality=modality,
        out=out,
        overwrite=overwrite,
        **options.computing(),
    )
    options.show(result)


def predict_several(
    run: Path,
    sources: Sequence[tuple[str | None, str]],
    *,
    pair_by: Literal["key", "order"] | None,
    out: Path | None,
    head: str | None,
    overwrite: bool,
    options: Computing,
) -> None:
    """Name the classes of samples, from the modalities that are there."""
    named: dict[str, str] = {}
    for name, source in sources:
        if name is None:
            from featlearn.config.load import modalities_of

            raise click.UsageError(
                f"{run} has several modalities; name that of {source} with --modality: "
                f"{', '.join(modalities_of(run))}"
            )
        if name in named:
            raise click.UsageError(f"the modality {name!r} is named twice; name each once")
        named[name] = source
    from featlearn.workflows.multimodal.predict import predict_modalities

    result = predict_modalities(
        run,
        named,
        pair_by=pair_by,
        root=options.root,
        out=out,
        head=head,
        device=options.device,
        threads=options.threads,
        overwrite=overwrite,
    )
    options.show(result, _predictions)


def describe_several(
    recipe: "MultimodalRecipe",
    *,
    refused: Sequence[str],
    tables: "Callable[[Description], Iterable[RenderableType]]",
    options: DataOptions,
) -> None:
    """Print the layers of every stack, and of the code that they share."""
    _refuse(refused, recipe.title)
    from featlearn.workflows.multimodal.describe import describe_modalities

    found = describe_modalities(recipe, root=options.root)

    def shown(result: "MultimodalDescription") -> "Iterable[RenderableType]":
        from featlearn.wording import count
        from featlearn_cli.text import table

        for each in result.modalities.values():
            yield from tables(each)
            yield ""
        rows = [
            (layer.name, layer.inputs, layer.outputs, layer.weights, layer.biases)
            for layer in result.shared
        ]
        headers = ["layer", "inputs", "outputs", "weights", "biases"]
        yield table(headers, rows, title="nets to the shared code, and back")
        yield (
            f"weights and biases in all: {count(result.parameters)}, {count(result.decoders)} of "
            "them in the stacks' decoders alone"
        )

    options.show(found, shown)


def _refuse(given: Sequence[str], what: Path | str) -> None:
    """Refuse options that are about a single stack."""
    if given:
        raise click.UsageError(f"{what} has several modalities, which {given[0]} is not for")


def _head(result: "FusionResult") -> "Iterable[RenderableType]":
    from featlearn.wording import duration
    from featlearn_cli.text import facts

    alone = [(f"labelled, {name}", count) for name, count in result.alone.items()]
    yield facts(
        [
            ("run", result.run),
            ("head", f"{result.head}, {result.kind} fusion"),
            ("labelled pairs", result.labelled),
            *alone,
            ("classes", len(result.classes)),
            ("time", duration(result.seconds)),
        ]
    )


def _predictions(result: "FusionPredictions") -> "Iterable[RenderableType]":
    from featlearn_cli.text import facts, table

    if result.csv is not None:
        yield result.csv.rstrip("\n")
        return
    yield facts(
        [
            ("head", f"{result.head}, {result.kind} fusion"),
            *((f"samples, {there}", number) for there, number in result.there.items()),
            ("written", result.out),
        ]
    )
    yield ""
    yield table(["class", "samples"], list(result.counts.items()))


def _figures(result: "FusionEvaluation") -> "Iterable[RenderableType]":
    from featlearn.wording import percent, plural
    from featlearn_cli.text import facts, table

    yield facts(
        [
            ("head", f"{result.head} of {result.run}, {result.kind} fusion"),
            ("judged on", f"{plural(result.pairs, 'test pair')}, by {result.paired_by}"),
        ]
    )
    rows = [("together", result.together.images, percent(result.together.error))]
    rows += [
        (f"{name} alone", each.images, percent(each.error)) for name, each in result.alone.items()
    ]
    yield ""
    yield table(["from", "samples", "error"], rows)
    yield ""
    yield "together, 95 % interval of the error with other samples of one modality:"
    yield facts(
        [
            (name, f"{percent(low)} to {percent(high)}")
            for name, (low, high) in result.intervals.items()
        ]
    )
