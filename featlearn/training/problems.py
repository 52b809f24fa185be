"""The two problems of pre-training: one stage on a frozen stack, or all stages."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from featlearn.autoencoders.objective import (
    EpochWise,
    LossTerms,
    Moving,
    Objective,
    begin_all,
    check_terms,
)
from featlearn.config.stages import PatchSpec
from featlearn.config.training import ResampleSpec
from featlearn.networks.stack import Stack
from featlearn.ops.planes import middle
from featlearn.ops.random import generator
from featlearn.stages.stage import Stage
from featlearn.training.optimizers import Group, weight_groups
from featlearn.training.phases import Phase
from featlearn.training.pictures import Pictures
from featlearn.training.resampling import redraw_dead_
from featlearn.training.settling import measured_at_once
from featlearn.training.states import in_use

Result = TypeVar("Result")

_CELLS = 1 << 26  # numbers of inputs by which dead units are judged, at most


class Material(NamedTuple):
    """What stages learn from.

    Attributes:
        images: Images to learn from.
        held_out: Images that are only measured.
        augment: Applied to every batch of `images`.
        seed: Seed of the fixed noise under which held-out images are measured.
        resample: When filters of dead units are drawn anew; never if absent.
    """

    images: Pictures
    held_out: Pictures | None = None
    augment: Callable[[Tensor, torch.Generator], Tensor] | None = None
    seed: int = 0
    resample: ResampleSpec | None = None


class PretrainProblem(ABC):
    """What both problems share: images in, named terms out, held-out measurement."""

    name: str
    module: nn.Module
    aside: nn.Module | None

    def __init__(
        self, stack: Stack, objectives: Mapping[int, Objective], material: Material
    ) -> None:
        """Take the parts.

        Args:
            stack: The network.
            objectives: The objective of every stage in training, by its place.
            material: What they learn from.
        """
        self.stack = stack
        self.objectives = objectives
        self.material = material
        self.samples = len(material.images)
        self.device = material.images.device
        self.aside = begin_all(objectives, stack.stage, seed=material.seed)

    def groups(self) -> list[Group]:
        """Give filters and decoders of the stages in training, but what objectives move."""
        found: list[Group] = []
        for place, objective in self.objectives.items():
            stage = self.stack.stage(place)
            own = objective.moves(stage) if isinstance(objective, Moving) else ()
            found += weight_groups(stage, without=own)
        return found

    def terms(self, rows: Tensor, draw: torch.Generator) -> LossTerms:
        """Compute the terms on the images at `rows`."""
        images = self.material.images.at(rows)
        if self.material.augment is not None:
            images = self.material.augment(images, draw)
        return self.loss_terms(images, draw)

    @abstractmethod
    def loss_terms(self, images: Tensor, draw: torch.Generator) -> LossTerms:
        """Compute the terms on a batch of images."""

    def after_step(self) -> None:
        """Let every objective restore its constraints."""
        with torch.no_grad():
            for place, objective in self.objectives.items():
                objective.after_step(self.stack.stage(place))

    @torch.no_grad()
    def after_epoch(self) -> None:
        """Let the objectives that wait for it take their step."""
        for place, objective in self.objectives.items():
            if isinstance(objective, EpochWise):
                objective.after_epoch(self.stack.stage(place))

    def renew(self, step: int, *, steps: int) -> dict[Tensor, Tensor]:
        """Draw filters of dead units anew, if it is time; tell which numbers of which weights."""
        spec, seed = self.material.resample, self.material.seed
        if spec is None or step % spec.every or step // spec.every > spec.times or step == steps:
            return {}
        drawn: dict[Tensor, Tensor] = {}
        chosen = self.material.images.sample(
            spec.images, generator(seed, self.name, "resample", step)
        )
        with in_use(self.stack):
            for place, objective in self.objectives.items():
                stage = self.stack.stage(place)
                draw = generator(seed, stage.name, "resample", step, device=self.device)
                found = redraw_dead_(stage, self._inputs(stage, place, chosen, draw), draw)
                if found:
                    objective.after_step(stage)
                drawn |= found
        return drawn

    def _inputs(self, stage: Stage, place: int, images: Pictures, draw: torch.Generator) -> Tensor:
        """Compute what a stage learns from of some images, of fewer where that is too much."""
        most = max(_CELLS // self.stack.stage(place).scaler.output_shape.units, 1)
        batches = images.batches(measured_at_once(self.stack), limit=most)
        return torch.cat(
            [
                stage.scaler(learning_input(stage, self.stack.maps_below(batch, place), draw))
                for batch in batches
            ]
        )

    @torch.no_grad()
    def held_out(self) -> dict[str, float] | None:
        """Measure the terms on the held-out images, under the same noise every time.

        They are taken in batches of up to 256, fewer of large maps, that differ by one image at
        most, and averaged by their sizes. For a term that is no average over images, such as a
        KL penalty on the mean activity, that is the mean over these batches.
        """
        kept, seed = self.material.held_out, self.material.seed
        if kept is None or len(kept) == 0:
            return None
        sums: dict[str, float] = {}
        with in_use(self.module):
            for number, images in enumerate(kept.even_batches(measured_at_once(self.stack))):
                draw = generator(seed, self.name, "held-out", number, device=self.device)
                for name, term in self.loss_terms(images, draw).items():
                    sums[name] = sums.get(name, 0.0) + float(term) * len(images)
        means = {name: total / len(kept) for name, total in sums.items()}
        return {**means, "loss": sum(means.values())}


class GreedyProblem(PretrainProblem):
    """One stage learns on the frozen output of the stages below."""

    def __init__(self, stack: Stack, place: int, objective: Objective, material: Material) -> None:
        """Take the stage's place and objective beside what every problem takes."""
        super().__init__(stack, {place: objective}, material)
        self.place = place
        self.stage = stack.stage(place)
        self.module = self.stage
        self.name = self.stage.name
        stack.eval()
        self.stage.activation.train()  # codes compete in learning as they will in the batches

    def loss_terms(self, images: Tensor, draw: torch.Generator) -> LossTerms:
        """Compute the stage's terms on its scaled input."""
        with torch.no_grad():
            maps = self.stack.maps_below(images, self.place)
            x = self.stage.scaler(learning_input(self.stage, maps, draw))
        objective = self.objectives[self.place]
        terms = objective.terms(self.stage, x, target=x, generator=draw)
        return check_terms(terms, stage=self.name, moving=isinstance(objective, Moving))


class JointProblem(PretrainProblem):
    """All stages learn at once: the sum of their own losses (Le et al., ICML 2012).

    Inputs and targets are detached, so that no gradient crosses stages; with
    `through` it flows into the stages below, the targets still detached. The
    scaling of every stage's input follows running statistics.
    """

    name = "joint"

    def __init__(
        self,
        stack: Stack,
        objectives: Mapping[int, Objective],
        material: Material,
        *,
        through: bool = False,
        recompute: bool = False,
    ) -> None:
        """Take `through` and `recompute` beside what every problem takes."""
        super().__init__(stack, objectives, material)
        self.through, self.recompute = through, recompute
        self.module = stack
        stack.train()

    def loss_terms(self, images: Tensor, draw: torch.Generator) -> LossTerms:
        """Compute every stage's terms, named `stage.term`."""
        terms: LossTerms = {}
        with torch.no_grad():
            maps = self.stack.prepare(images)
        last = max(self.objectives)
        for place in range(last + 1):
            stage = self.stack.stage(place)
            if self.stack.training:
                # Maps that are not finite change nothing: the term they spoil tells the loop.
                stage.scaler.update(maps.detach())
            # Not what is computed twice so as not to be kept, nor what has two derivatives.
            alone = self.recompute or self.through
            with nullcontext() if alone else stage.remembering():
                x = stage.scaler(maps)
                if place in self.objectives:
                    own = self._kept(self._own_terms, place, maps, x, draw, draw=draw)
                    terms |= {f"{stage.name}.{name}": term for name, term in own.items()}
                if place < last:
                    with torch.set_grad_enabled(self.through and torch.is_grad_enabled()):
                        maps = self._kept(self._output, place, x, draw=draw)
                    # What was remembered has a graph of its own.
                    maps = maps if self.through else maps.detach()
        return terms

    def _own_terms(
        self, place: int, maps: Tensor, scaled: Tensor, draw: torch.Generator
    ) -> LossTerms:
        """Compute the terms of one stage."""
        stage = self.stack.stage(place)
        if stage.spec.patches is None:
            x = scaled
        else:
            x = stage.scaler(random_patches(maps, stage.spec.patches, draw))
        objective = self.objectives[place]
        terms = objective.terms(stage, x, target=x.detach(), generator=draw)
        return check_terms(terms, stage=stage.name, moving=isinstance(objective, Moving))

    def _output(self, place: int, scaled: Tensor) -> Tensor:
        """Compute what the stage above sees."""
        return self.stack.stage(place).respond(scaled).output

    def _kept(
        self, compute: Callable[..., Result], *given: object, draw: torch.Generator
    ) -> Result:
        """Compute something, and keep what its derivative needs, or compute it twice.

        The second time the generator draws what it drew the first time; nothing is drawn
        after it, so that it need not be put back.
        """
        if not (self.recompute and torch.is_grad_enabled()):
            return compute(*given)
        begun = draw.get_state()

        def repeatable() -> Result:
            draw.set_state(begun)
            return compute(*given)

        return checkpoint(repeatable, use_reentrant=False)


def build_problem(
    phase: Phase,
    stack: Stack,
    objectives: Mapping[int, Objective],
    material: Material,
    *,
    through: bool,
    recompute: bool,
) -> PretrainProblem:
    """Build what a phase minimises.

    Args:
        phase: Which stages learn, and whether together.
        stack: The network.
        objectives: Of every stage that has one, by its place.
        material: What the stages learn from.
        through: Whether the gradient of a joint phase flows into the stages below.
        recompute: Whether a joint phase computes a stage again on the way back.
    """
    chosen = {place: objectives[place] for place in phase.places}
    if phase.joint:
        return JointProblem(stack, chosen, material, through=through, recompute=recompute)
    ((place, objective),) = chosen.items()
    return GreedyProblem(stack, place, objective, material)


def learning_input(stage: Stage, maps: Tensor, draw: torch.Generator) -> Tensor:
    """Give what a stage learns from: its input maps, or random patches of them."""
    if stage.spec.patches is None:
        return maps
    return random_patches(maps, stage.spec.patches, draw)


def random_patches(maps: Tensor, spec: PatchSpec, draw: torch.Generator) -> Tensor:
    """Cut `per_image` square patches out of every image's maps, where the spec says.

    Returns:
        `(batch * per_image, maps, size, size)`.
    """
    if spec.at == "middle":
        return middle(maps, spec.size, spec.size)
    count, channels, height, width = maps.shape
    windows = maps.unfold(2, spec.size, 1).unfold(3, spec.size, 1)
    shape = (count, spec.per_image)
    tops = torch.randint(height - spec.size + 1, shape, generator=draw, device=maps.device)
    lefts = torch.randint(width - spec.size + 1, shape, generator=draw, device=maps.device)
    image = torch.arange(count, device=maps.device)[:, None]
    patches = windows.permute(0, 2, 3, 1, 4, 5)[image, tops, lefts]
    return patches.reshape(-1, channels, spec.size, spec.size)
