"""`pretrain` where a recipe has several modalities."""

from pathlib import Path
from typing import Unpack

import msgspec

from featlearn._version import __version__
from featlearn.config.load import dump_recipe
from featlearn.config.modalities import MultimodalRecipe, phase_titles
from featlearn.config.tables import as_tables
from featlearn.files import checksums, write_bytes
from featlearn.geometry import MapShape
from featlearn.networks.formats import FORMAT, read_figures
from featlearn.networks.multimodal_store import save_multimodal
from featlearn.networks.stack import parameter_count
from featlearn.training.driver import PhaseResult
from featlearn.training.identity import Environment
from featlearn.training.locks import writing_in
from featlearn.training.multimodal import MultimodalPretraining
from featlearn.training.progress import Retitled
from featlearn.training.rundir import RunDirectory
from featlearn.wording import count
from featlearn.workflows.multimodal.samples import (
    Divided,
    divided,
    fingerprints,
    open_modalities,
    train_sets,
)
from featlearn.workflows.run_options import RunOptions
from featlearn.workflows.running import Training


class ModalityData(msgspec.Struct, frozen=True, kw_only=True):
    """What a run learned from in one modality.

    Attributes:
        source: The recipe's source.
        train: Samples learned from.
        held_out: Training samples that were only measured.
        input_shape: Shape of a sample.
        stages: Names of the stages of its stack.
    """

    source: str
    train: int
    held_out: int
    input_shape: MapShape
    stages: list[str] = []


class MultimodalResult(msgspec.Struct, frozen=True, kw_only=True):
    """What pre-training on several modalities came to, as `results.json` holds it.

    Attributes:
        run: The folder.
        title: The recipe's.
        seconds: Time that it took.
        parameters: Numbers that were learned.
        phases: What each came to.
        modalities: What was learned from, by modality.
        pairs: Pairs that the shared code was learned by.
        held_out_pairs: Pairs that were only measured.
        fingerprints: Of the training samples of all modalities, and of the test samples.
        environment: What it was computed with.
        files: Checksums.
    """

    format: int = FORMAT
    command: str = "pretrain"
    run: str
    title: str
    seconds: float
    parameters: int
    phases: list[PhaseResult]
    modalities: dict[str, ModalityData]
    pairs: int
    held_out_pairs: int
    fingerprints: dict[str, str]
    environment: Environment
    files: dict[str, str]


def pretrain_modalities(
    recipe: MultimodalRecipe,
    *,
    out: Path | str,
    **how: Unpack[RunOptions],
) -> MultimodalResult:
    """Train the stack of each modality and the code that they share, and write a run directory.

    Args:
        recipe: Everything about the run.
        out: The run directory to make.
        **how: `root` of the data sets, `device`, `threads`, `progress`, `resume`, `overwrite`,
            `save_seconds` and `track`: see `RunOptions` in `featlearn.workflows.run_options`.

    Raises:
        FeatlearnError: If the recipe, the data or the folder stand in the way.
        Interrupted: If a signal asked for a stop, after a checkpoint.
    """
    running = Training.prepare(**how)
    run = RunDirectory(out)
    with writing_in(run.path):
        return _pretrain(recipe, run, running)


def _pretrain(recipe: MultimodalRecipe, run: RunDirectory, running: Training) -> MultimodalResult:
    """Train in a folder that no other training writes into."""
    identity = running.identity(as_tables(recipe))
    if not running.ready(run, identity):
        return read_multimodal_result(run)
    splits = open_modalities(recipe, root=running.root)
    sets = train_sets(splits)
    known = fingerprints(splits)
    identity = running.naming(run, identity, {"images": sum(map(len, sets)), **known})
    data = divided(recipe, sets, running.device)
    training = MultimodalPretraining(recipe, data.learned, held_out=data.held_out)
    with running.driving(
        run, identity, dump_recipe(recipe), stack=None, command=run.resume_words
    ) as driver:
        driver.progress = Retitled(driver.progress, phase_titles(recipe))
        training.run(driver, running.begun_at(driver))
    save_multimodal(run.model_file, training.net, recipe)
    phases = driver.standing.results
    result = MultimodalResult(
        run=str(run.path),
        title=recipe.title,
        seconds=running.whole_seconds(phases),
        parameters=parameter_count(training.net),
        phases=phases,
        modalities=_data(recipe, data),
        pairs=len(data.learned.pairs),
        held_out_pairs=len(data.held_out.pairs),
        fingerprints=known,
        environment=running.environment,
        files=checksums(run.model_file, run.recipe_file),
    )
    _write_card(run, recipe, result)
    driver.finish(msgspec.to_builtins(result))
    return result


def _data(recipe: MultimodalRecipe, data: Divided) -> dict[str, ModalityData]:
    """Say what was learned from."""
    sides = zip(recipe.modalities, data.learned.samples, data.held_out.samples, strict=True)
    return {
        spec.name: ModalityData(
            source=spec.data.source,
            train=len(learned),
            held_out=len(kept),
            input_shape=learned.shape,
            stages=[stage.name for stage in spec.stages],
        )
        for spec, learned, kept in sides
    }


def _write_card(run: RunDirectory, recipe: MultimodalRecipe, result: MultimodalResult) -> None:
    """Write `README.md`: what the model is, what it saw, how to use it."""
    seen = "\n".join(
        f"- `{name}`: {count(data.train)} samples of `{data.source}` ({data.input_shape})"
        for name, data in result.modalities.items()
    )
    by_class = ""
    if recipe.pairs.by == "class":
        by_class = " Samples of one class were paired: the shared code has learned from labels."
    text = f"""\
# {recipe.title}

{recipe.shows or "A code that several modalities share."}

Learned by featlearn {__version__} from {count(result.pairs)} pairs of

{seen}

{count(result.parameters)} parameters.{by_class}

    featlearn finetune .           # put a classifier on top
    featlearn encode . SRC --modality {recipe.names[0]} --out codes.npy

`model.safetensors` holds the weights and, in its metadata, all that is needed to
rebuild the network; `recipe.toml` is the recipe, `results.json` the figures and checksums.
"""
    write_bytes(run.card_file, text.encode())


def read_multimodal_result(run: RunDirectory) -> MultimodalResult:
    """Read what a finished run came to.

    Raises:
        CheckpointError: If `results.json` is not what `pretrain` writes.
    """
    return read_figures(run.results_file, MultimodalResult)
