"""What pre-training comes to, in words and tables."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from featlearn.wording import count, duration, images_or_patches, percent, plural
from featlearn_cli.text import facts, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from featlearn.evaluate.health import StageHealth
    from featlearn.training.driver import PhaseResult
    from featlearn.workflows.multimodal.pretrain import MultimodalResult
    from featlearn.workflows.pretrain import PretrainResult


def run_summary(result: "PretrainResult") -> "Iterable[RenderableType]":
    """Write what a stack learned from, and how it went."""
    data = result.data
    material = images_or_patches(data.train, pictures=data.pictures)
    yield facts(
        [
            ("run", result.run),
            ("learned", result.title),
            ("from", f"{material} of {data.source}"),
            ("parameters", result.parameters),
            ("time", duration(result.seconds)),
        ]
    )
    yield ""
    yield _phases(result.phases)
    if result.health:
        yield ""
        yield _health(result.health)


def _health(stages: "Sequence[StageHealth]") -> "RenderableType":
    """Write how the stages that learned use their units."""
    rows = [
        (
            stage.stage,
            percent(stage.dead),
            None if stage.duplicates is None else percent(stage.duplicates),
            f"{stage.l0:.1f} of {count(stage.units)}",
            None if stage.explained_variance is None else percent(stage.explained_variance),
            f"{stage.effective_rank:.0f} of {count(stage.directions)}",
            None if stage.condition is None else f"{stage.condition:.3g}",
        )
        for stage in stages
    ]
    heads = ["stage", "dead", "duplicates", "not zero", "explained", "rank", "condition"]
    return table(heads, rows)


def modalities_summary(result: "MultimodalResult") -> "Iterable[RenderableType]":
    """Write what the stacks of several modalities learned from, and how it went."""
    seen = [
        (name, f"{plural(data.train, 'sample')} of {data.source}, {count(data.held_out)} held out")
        for name, data in result.modalities.items()
    ]
    yield facts(
        [
            ("run", result.run),
            ("learned", result.title),
            *seen,
            ("pairs", result.pairs),
            ("parameters", result.parameters),
            ("time", duration(result.seconds)),
        ]
    )
    titles = {
        stage: f"{name}: {stage}"
        for name, data in result.modalities.items()
        for stage in data.stages
    }
    yield ""
    yield _phases(result.phases, titles)


def _phases(
    phases: "Sequence[PhaseResult]", titles: Mapping[str, str] | None = None
) -> "RenderableType":
    titles = titles or {}
    rows = [
        (
            titles.get(phase.name, phase.name),
            phase.epochs,
            phase.steps,
            duration(phase.seconds),
            phase.loss,
            None if phase.held_out is None else phase.held_out.get("loss"),
        )
        for phase in phases
    ]
    return table(["phase", "epochs", "steps", "time", "loss", "held out"], rows)
