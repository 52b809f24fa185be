"""Unsupervised training of several modalities: each stack by itself, then the shared code."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
from torch import nn

from featlearn.config.augmentation import check_augment
from featlearn.config.modalities import SHARED, MultimodalRecipe, one_modality
from featlearn.datasets.batches import batches_of
from featlearn.datasets.imageset import Indices
from featlearn.networks.multimodal import MultimodalNet, build_shared
from featlearn.networks.store import load_state
from featlearn.training.checkpoints import Checkpoint
from featlearn.training.described import Described
from featlearn.training.driver import Standing
from featlearn.training.loop import Loop
from featlearn.training.pictures import Pictures
from featlearn.training.pretraining import Conductor, Pretraining
from featlearn.training.rates import check_warmup
from featlearn.training.settling import fitting_sample
from featlearn.training.shared_code import PairedMaterial, SharedProblem, fit_shared_scalers


class Paired(NamedTuple):
    """Samples of all modalities, and which belong together.

    Attributes:
        samples: Of each modality.
        pairs: `(pairs, modalities)`: their places.
    """

    samples: Sequence[Pictures]
    pairs: Indices


class MultimodalPretraining:
    """Trains the stack of each modality by its own recipe, then the code that they share.

    Attributes:
        net: What is trained.
    """

    def __init__(
        self, recipe: MultimodalRecipe, learned: Paired, *, held_out: Paired | None = None
    ) -> None:
        """Build the network.

        Args:
            recipe: What to build and how to train it.
            learned: What to learn from.
            held_out: What is only measured, of each modality at least one sample.

        Raises:
            RecipeError: If the stages or the augmentation do not fit, or the rate's warm-up takes
                every step.
            DataError: If there are too few samples, or no pair.
        """
        self.recipe, self.learned, self.kept = recipe, learned, held_out
        self.parts = [
            Pretraining(
                one_modality(recipe, place),
                samples,
                held_out=None if held_out is None else _some(held_out.samples[place]),
            )
            for place, samples in enumerate(learned.samples)
        ]
        for spec, samples in zip(recipe.modalities, learned.samples, strict=True):
            check_augment(spec.augment, samples.shape, table=f"modalities.{spec.name}")
        stacks = [part.stack for part in self.parts]
        shared = build_shared(recipe, stacks).to(learned.samples[0].device)
        self.net = MultimodalNet(stacks, shared)
        steps = recipe.shared.epochs * len(
            batches_of(self._problem().samples, batch=recipe.shared.batch, seed=0, epoch=0)
        )
        check_warmup(recipe.shared.rate, steps=steps, phase=SHARED, table=SHARED)

    def run(self, driver: Conductor, checkpoint: Checkpoint | None = None) -> None:
        """Take every phase that is left to its end.

        Args:
            driver: Takes every loop to its end.
            checkpoint: Where to go on from.
        """
        if checkpoint is not None:
            load_state(Path("the checkpoint"), self.net, checkpoint.model)
        before = 0
        for place, part in enumerate(self.parts):
            after = before + len(part.phases)
            if driver.standing.phase < after:
                own = None if checkpoint is None else _of_stack(checkpoint, place)
                part.run(_Part(driver, before, self.net), own)
                checkpoint = None
            before = after
        if driver.standing.phase == before:
            learn_shared(self.net, self._problem(), self.recipe, driver, checkpoint)
        self.net.eval()

    def _problem(self) -> SharedProblem:
        """Set up what the shared code is learned by."""
        return shared_problem(self.net, self.recipe, self.learned, held_out=self.kept)


def shared_problem(
    net: MultimodalNet,
    recipe: MultimodalRecipe,
    learned: Paired,
    *,
    held_out: Paired | None = None,
) -> SharedProblem:
    """Set up what a shared code is learned by, on stacks that stand still.

    Raises:
        DataError: If there is no pair.
    """
    described = [
        Described(net, place, samples, spec=spec, seed=recipe.seed)
        for place, (spec, samples) in enumerate(
            zip(recipe.modalities, learned.samples, strict=True)
        )
    ]
    kept = None
    if held_out is not None:
        plain = [Described(net, place, samples) for place, samples in enumerate(held_out.samples)]
        kept = PairedMaterial(plain, held_out.pairs)
    material = PairedMaterial(described, learned.pairs)
    return SharedProblem(net, recipe.shared, material, held_out=kept, seed=recipe.seed)


def learn_shared(
    net: MultimodalNet,
    problem: SharedProblem,
    recipe: MultimodalRecipe,
    driver: Conductor,
    checkpoint: Checkpoint | None = None,
    *,
    scale: bool = True,
) -> None:
    """Learn the shared code, from its beginning or from the middle.

    Args:
        net: What is trained; its stacks stand still.
        problem: What is minimised.
        recipe: How.
        driver: Takes the loop to its end.
        checkpoint: Where to go on from.
        scale: Whether the scaling of the stacks' outputs is yet to be fitted.
    """
    if scale and driver.standing.loop is None:
        samples = [
            fitting_sample(one_modality(recipe, place), each.samples)
            for place, each in enumerate(problem.learned.samples)
        ]
        fit_shared_scalers(net, samples)
        net.shared.train()
    for each in problem.learned.samples:
        each.prepare(driver.count)
    loop = Loop(problem, recipe.shared, epochs=recipe.shared.epochs, seed=recipe.seed)
    if checkpoint is not None and driver.standing.loop is not None:
        loop.restore(checkpoint.training, driver.standing.loop)
    driver.run(loop, net)
    driver.between(net)
    net.eval()


class _Part:
    """Lets the phases of one stack be counted among those of the whole."""

    def __init__(self, driver: Conductor, before: int, net: MultimodalNet) -> None:
        """Take who conducts, how many phases came before, and what a checkpoint must hold."""
        self._driver, self._before, self._net = driver, before, net

    @property
    def standing(self) -> Standing:
        """Where this stack's training stands."""
        standing = self._driver.standing
        return msgspec.structs.replace(standing, phase=standing.phase - self._before)

    def count(self, name: str, *, done: int, of: int) -> None:
        """Tell how much is done of what must be ready before a loop begins."""
        self._driver.count(name, done=done, of=of)

    def run(self, loop: Loop, module: nn.Module) -> None:
        """Take a loop to its end; the whole network is saved."""
        self._driver.run(loop, self._net)

    def skip(self, name: str) -> None:
        """Note a phase that has nothing to train."""
        self._driver.skip(name)

    def between(self, module: nn.Module) -> None:
        """Go on from one phase to the next."""
        self._driver.between(self._net)


def _of_stack(checkpoint: Checkpoint, place: int) -> Checkpoint:
    """Give of a checkpoint what belongs to one stack."""
    prefix = f"stacks.{place}."
    own = {
        name.removeprefix(prefix): tensor
        for name, tensor in checkpoint.model.items()
        if name.startswith(prefix)
    }
    return checkpoint._replace(model=own)


def _some(samples: Pictures) -> Pictures | None:
    """Give samples, unless there are none."""
    return samples if len(samples) else None
