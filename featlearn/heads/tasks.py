"""Several tasks on one shared stack: its heads, its loss, and its training."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from featlearn.autoencoders.objective import LossTerms
from featlearn.config.augmentation import check_augment
from featlearn.config.heads import RegressionSpec
from featlearn.config.recipe import Recipe
from featlearn.config.tasks import TaskSpec
from featlearn.datasets.augment import Augment, build_augment
from featlearn.datasets.batches import batches_of
from featlearn.heads.classifier import Classifier
from featlearn.heads.labels import output_names
from featlearn.heads.losses import HeadLoss
from featlearn.heads.problem import FinetuneProblem, fit_feature_scaler, fit_targets
from featlearn.networks.stack import Stack
from featlearn.seeds import derive
from featlearn.training.loop import Loop
from featlearn.training.optimizers import Group, weight_groups
from featlearn.training.pictures import Pictures
from featlearn.training.rates import check_warmup
from featlearn.training.settling import check_norms


class TaskData(NamedTuple):
    """What a task learns from.

    Attributes:
        spec: The task.
        images: Labelled images; all have the labels of this task.
        validation: Labelled images that are only measured.
    """

    spec: TaskSpec
    images: Pictures
    validation: Pictures | None = None


class MultiTask(nn.Module):
    """A stack that several heads share; its state holds the stack once.

    Attributes:
        stack: The stages.
        heads: Scaling and layers of each head, by the name of its task.
        classifiers: The same heads, each with the shared stack.
        log_variances: s of each task, `(tasks,)`, where weights are learned; 0 otherwise.
    """

    def __init__(self, classifiers: dict[str, Classifier], *, learned: bool) -> None:
        """Take heads that stand on one and the same stack."""
        super().__init__()
        self.stack = next(iter(classifiers.values())).stack
        assert all(head.stack is self.stack for head in classifiers.values())
        # A plain dictionary registers nothing: the stack would be in the state once for each.
        self.classifiers = classifiers
        self.heads = nn.ModuleDict(
            {
                name: nn.ModuleDict({"scaler": head.scaler, "layers": head.layers})
                for name, head in classifiers.items()
            }
        )
        start = torch.zeros(len(classifiers), device=next(self.stack.parameters()).device)
        self.log_variances = nn.Parameter(start, requires_grad=learned)

    def train(self, mode: bool = True) -> "MultiTask":
        """Set the mode; frozen stages stay as in use."""
        super().train(mode)
        for head in self.classifiers.values():
            head.train(mode)
        return self


class MultiTaskProblem:
    """The sum of the losses of several tasks, each on images of its own.

    The first task's images make the epochs. In each step every other task has a batch of
    images, drawn at random (all of them, if there are no more).

    With fixed weights w the loss is sum_k w_k L_k. Learned, it is
    sum_k c_k exp(-s_k) L_k + s_k / 2, with c_k = 1 / 2 for a squared error, where s_k is the
    logarithm of its variance, and 1 otherwise.

    Source:
        Kendall, Gal and Cipolla, "Multi-task learning using uncertainty to weigh losses",
        CVPR 2018, equations 5 and 10.
    """

    name = "finetune"
    aside: nn.Module | None = None

    def __init__(
        self,
        module: MultiTask,
        tasks: Sequence[TaskData],
        *,
        batch: int,
        stack_lr: float = 1.0,
        decay_by_stage: float = 1.0,
        augment: Augment | None = None,
    ) -> None:
        """Take the network and what each task learns from.

        Args:
            module: What is trained.
            tasks: In the order of the module's heads.
            batch: Images of every task but the first in a step.
            stack_lr: Multiplies the learning rate of the stages.
            decay_by_stage: Multiplies that of each stage under the last one once more, for every
                stage that it is further down.
            augment: Applied to every training batch.

        Raises:
            DataError: If the images of a task lack its labels, or have all the same.
        """
        self.module = module
        self.tasks = tuple(tasks)
        self.batch = batch
        self.problems = [
            FinetuneProblem(
                module.classifiers[task.spec.name],
                task.images,
                spec=task.spec.head,
                stack_lr=stack_lr,
                decay_by_stage=decay_by_stage,
                validation=task.validation,
                augment=augment,
            )
            for task in tasks
        ]
        self.samples = len(tasks[0].images)
        self.device = tasks[0].images.device
        module.train()

    def groups(self) -> list[Group]:
        """Give the shared stages once, every head, and the weights of tasks if they learn."""
        first, *others = self.problems
        groups = first.groups()
        for problem in others:
            groups += weight_groups(problem.classifier.layers)
        if self.module.log_variances.requires_grad:
            groups.append(
                {"params": [self.module.log_variances], "scale": 1.0, "weight_decay": 0.0}
            )
        return groups

    def terms(self, rows: Tensor, draw: torch.Generator) -> LossTerms:
        """Compute the weighted loss of each task, named `task.term`."""
        terms: LossTerms = {}
        for place, (task, problem) in enumerate(zip(self.tasks, self.problems, strict=True)):
            if place:
                order = torch.randperm(problem.samples, generator=draw, device=draw.device)
                chosen = order[: self.batch].cpu()
            else:
                chosen = rows
            for name, loss in problem.terms(chosen, draw).items():
                terms[f"{task.spec.name}.{name}"] = self._weighed(place, problem.loss, loss)
        if self.module.log_variances.requires_grad:
            terms["uncertainty"] = self.module.log_variances.sum() / 2
        return terms

    def after_step(self) -> None:
        """Nothing is constrained."""

    def held_out(self) -> dict[str, float] | None:
        """Measure the validation images of every task that has some; `loss` is their weighted sum.

        Where weights are learned they count alike: the learned ones would reward a task for
        weighing little.
        """
        found: dict[str, float] = {}
        total = 0.0
        for task, problem in zip(self.tasks, self.problems, strict=True):
            figures = problem.held_out()
            if figures is None:
                continue
            learned = self.module.log_variances.requires_grad
            total += (1.0 if learned else task.spec.weight) * figures.pop("loss")
            found |= {f"{task.spec.name}.{name}": value for name, value in figures.items()}
        self.module.train()
        return {**found, "loss": total} if found else None

    def _weighed(self, place: int, loss: HeadLoss, value: Tensor) -> Tensor:
        """Weigh the loss of a task."""
        if not self.module.log_variances.requires_grad:
            return self.tasks[place].spec.weight * value
        spec = self.tasks[place].spec.head
        squared = isinstance(spec, RegressionSpec) and loss.name == "l2"
        return (0.5 if squared else 1.0) * torch.exp(-self.module.log_variances[place]) * value


def start_tasks(
    stack: Stack,
    recipe: Recipe,
    tasks: Sequence[TaskData],
    *,
    sample: Pictures,
    seed: int,
) -> tuple[MultiTask, Loop]:
    """Put the heads of several tasks on a stack and set up their training.

    Args:
        stack: The stages; they become part of every head and are changed.
        recipe: Its `[finetune]` says how to train; its head counts for nothing.
        tasks: What each learns from; one alone is its single-task control.
        sample: Training images to fit the scaling of the features on.
        seed: Seed of the heads' weights, of order, noise and dropout. The head of a task
            begins alike whatever the company.

    Raises:
        DataError: If labels are missing or all the same.
        RecipeError: If the augmentation does not fit, or the warm-up takes every step.
    """
    spec = recipe.finetune
    device = tasks[0].images.device
    classifiers: dict[str, Classifier] = {}
    for task in tasks:
        check_augment(spec.augment, task.images.shape, table="finetune")
        head = Classifier(
            stack,
            task.spec.head,
            classes=len(output_names(task.spec.head, task.images.set)),
            freeze=spec.freeze,
            seed=derive(seed, task.spec.name),
            frozen_statistics=spec.batch_statistics == "frozen",
        ).to(device)
        fit_feature_scaler(head, sample)
        fit_targets(head, task.images)
        classifiers[task.spec.name] = head
    if spec.batch_statistics != "frozen":
        learning = range(spec.freeze, len(stack))
        least = min(len(task.images) for task in tasks)
        check_norms(stack, learning, batch=spec.batch, samples=least, table="finetune")
    module = MultiTask(classifiers, learned=spec.weighting == "uncertainty")
    augment = build_augment(spec.augment) if spec.augment else None
    problem = MultiTaskProblem(
        module,
        tasks,
        batch=spec.batch,
        stack_lr=spec.stack_lr,
        decay_by_stage=spec.decay_by_stage,
        augment=augment,
    )
    steps = len(batches_of(problem.samples, batch=spec.batch, seed=seed, epoch=0))
    epochs = max(spec.epochs, math.ceil(spec.steps / steps))
    check_warmup(spec.rate, steps=epochs * steps, phase=problem.name, table="finetune")
    return module, Loop(problem, spec, epochs=epochs, seed=seed, ema=spec.ema)
