"""The short card that lies beside every model, for a person who finds the folder."""

from collections.abc import Mapping

from featlearn._version import __version__
from featlearn.config.recipe import Recipe
from featlearn.files import write_bytes
from featlearn.networks.stack import Stack, parameter_count
from featlearn.training.rundir import RunDirectory
from featlearn.wording import count


def write_run_card(
    run: RunDirectory, recipe: Recipe, stack: Stack, material: str, *, own: Mapping[str, str]
) -> None:
    """Write `README.md`: what the model is, what it saw, how to use it.

    Args:
        run: Where to.
        recipe: What was learned by.
        stack: The network.
        material: Which images it learned from, in words.
        own: Objectives that were not the recipe's, by their stage.
    """
    learned = {stage: f"; learned by the caller's own objective, {own[stage]}" for stage in own}
    stages = "\n".join(
        f"- `{stage.name}`: {stage.spec.filter.__struct_config__.tag} filters, "
        f"gives {stage.output_shape}{learned.get(stage.name, '')}"
        for stage in map(stack.stage, range(len(stack)))
    )
    text = f"""\
# {recipe.title}

{recipe.shows or "A stack of features learned without labels."}

Learned by featlearn {__version__} from {material} of `{recipe.data.source}`
({stack.input_shape}); {count(parameter_count(stack))} parameters.

{stages}

    featlearn report .             # look at it
    featlearn finetune .           # put a classifier on top
    featlearn encode . SRC --out features.npy

`model.safetensors` holds the weights and, in its metadata, all that is needed to
rebuild the network; `recipe.toml` is the recipe, `results.json` the figures and checksums.
"""
    write_bytes(run.card_file, text.encode())
