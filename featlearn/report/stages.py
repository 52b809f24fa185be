"""Stages in the page: what each learned, and whether it is well."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from featlearn.config.data import ZCASpec
from featlearn.config.layers import Plan
from featlearn.config.recipe import Recipe
from featlearn.config.stages import StageSpec
from featlearn.evaluate.health import StageHealth, stack_health
from featlearn.networks.stack import Stack
from featlearn.report.embed import EmbeddedImage, embed_picture
from featlearn.report.evidence import counts, with_evidence
from featlearn.report.gallery import build_gallery
from featlearn.report.health_words import MANY_DEAD, activity_words, health_faults
from featlearn.report.objective_words import dead_words
from featlearn.report.samples import BATCH, Sample
from featlearn.report.shown import Answers, collect, shown_units
from featlearn.report.unit_data import unit_table
from featlearn.report.views import Fact, StageView
from featlearn.report.words import percent, stage_words
from featlearn.visualize.filters import filter_pictures
from featlearn.visualize.picture import Picture
from featlearn.visualize.projections import (
    has_plane,
    projection_picture,
    projection_tells_more,
    response_picture,
)
from featlearn.visualize.reconstructions import reconstruction_pictures
from featlearn.wording import count, decimal

_ALWAYS = 0.9995


def stage_views(
    key: str,
    recipe: Recipe,
    layers: Plan,
    stack: Stack,
    sample: Sample | None,
    *,
    most: int,
    named: Mapping[str, Sequence[str]],
) -> list[StageView]:
    """Look at every stage.

    Args:
        key: Unique in the page.
        recipe: What the stack was built from.
        layers: The network, layer by layer.
        stack: The network.
        sample: Images to rebuild and to measure on, if there are any, where the stack is.
        most: Units of all stages to show.
        named: Units to show whatever else is, by the names of their stages.
    """
    rebuilt: dict[str, Picture] = {}
    health: dict[str, StageHealth] = {}
    shown = shown_units(stack, most=most, named=named)
    answers: list[Answers | None] = [None] * len(stack)
    few = counts(layers, stack.names)
    if sample is not None:
        pictures = reconstruction_pictures(stack, sample.clean, preprocess=recipe.preprocess)
        rebuilt = {picture.name: picture for picture in pictures}
        health = {entry.stage: entry for entry in stack_health(stack, _batches(sample.clean))}
        answers = list(collect(stack, shown, _batches(sample.images)))
    views: list[StageView] = []
    for index, name in enumerate(stack.names):
        pictures = list(_pictures(recipe, stack, index))
        if back := rebuilt.get(f"{name}-reconstructions"):
            pictures.append(back)
        at = f"{key}-stage-{name}"
        given = answers[index]
        gallery = build_gallery(at, stack, index, shown[index], sample=sample, answers=given)
        if sample is not None:
            images = sample.images
            first = named.get(name, ())
            gallery = with_evidence(gallery, stack, index, images, most=few[index], first=first)
        found = health.get(name)
        views.append(
            StageView(
                key=at,
                name=name,
                words=stage_words(stack.stage(index).spec),
                pictures=[_embedded(p) for p in pictures if not _in_gallery(p)],
                stills=[_embedded(p) for p in pictures if _in_gallery(p)],
                gallery=gallery,
                table=unit_table(gallery, sample),
                health=_health(stack.stage(index).spec, found) if found else [],
                dead=found.dead if found else None,
                explained=found.explained_variance if found else None,
                advice=_advice(stack.stage(index).spec, found),
            )
        )
    return views


def _pictures(recipe: Recipe, stack: Stack, index: int) -> Iterator[Picture]:
    """Draw a stage's filters, and its projections where they say more.

    A person sees more in the projections of a higher stage than in its filters.
    Weights that lie in no plane are left to the projections.
    """
    projected = projection_tells_more(stack, index, recipe.preprocess)
    if projected and (index > 0 or not has_plane(stack, index)):
        yield projection_picture(stack, index)
    if has_plane(stack, index):
        yield from _filters(recipe, stack, index)
    elif index == 0:
        yield response_picture(stack)
    if projected and index == 0 and has_plane(stack, index):
        yield projection_picture(stack, index)


def _in_gallery(picture: Picture) -> bool:
    """Say whether a picture shows what the gallery shows too, for those without a script."""
    return picture.name.endswith(("-filters", "-projections"))


def _filters(recipe: Recipe, stack: Stack, index: int) -> Iterator[Picture]:
    """Draw a stage's filters, and say where they meet whitened images."""
    on_image = index == 0 and stack.stage(0).input_shape == stack.input_shape
    whitened = index == 0 and any(isinstance(spec, ZCASpec) for spec in recipe.preprocess)
    where = "As the filters meet whitened images. " if whitened else ""
    for picture in filter_pictures(stack.stage(index), on_image=on_image):
        yield picture._replace(note=where + picture.note)


def _embedded(picture: Picture) -> EmbeddedImage:
    """Embed a picture without the stage's name, which stands above it."""
    title = picture.title.partition(": ")[2]
    return embed_picture(picture._replace(title=title[:1].upper() + title[1:]))


def _health(spec: StageSpec, health: StageHealth) -> list[Fact]:
    """Write the figures of a stage's health."""
    facts = [Fact("units", count(health.units), "numbers in the code")]
    if health.explained_variance is not None:
        kept, side = percent(health.explained_variance), spec.patches and spec.patches.size
        where = "its input's variance" if side is None else f"patches of {side}\u00a0×\u00a0{side}"
        facts.append(Fact("explained", kept, f"of {where}, rebuilt from the code"))
    facts.append(Fact("active", percent(health.active), "of the code is not zero, on average"))
    if health.active < _ALWAYS:  # a code that is never zero, as of a sigmoid, has none of these
        many = decimal(health.l0, places=1)
        facts += [
            Fact("L0", many, "numbers of a code that are not zero, on average"),
            Fact("activity", *activity_words(health.activity)),
        ]
    facts += [
        Fact("sparsity", f"{health.sparsity:.2f}", "0 all alike, 1 a single unit (Hoyer)"),
        Fact("dead", percent(health.dead), "of the units never change"),
    ]
    if health.duplicates is not None:
        facts.append(Fact("duplicates", percent(health.duplicates), "of the filters repeat one"))
    of = f"directions that codes vary in, of {count(health.directions)} there could be"
    facts.append(Fact("rank", f"{health.effective_rank:.0f}", of))
    if health.condition is not None:
        facts.append(Fact("condition", f"{health.condition:.3g}", "of the filters, 1 is best"))
    return facts


def _advice(spec: StageSpec, health: StageHealth | None) -> str:
    """Say what is wrong, if anything is, and what to try; a stage that did not learn is spared."""
    if health is None:
        return ""
    said: list[str] = []
    if health.dead >= MANY_DEAD:
        said.append(dead_words(spec, share=health.dead, images=health.images))
    if spec.objective is not None:
        faults = health_faults(spec, health, dead=False)
        said += [f"{fault[:1].upper()}{fault[1:]}." for fault in faults]
    return " ".join(said)


def _batches(images: Tensor) -> Iterable[Tensor]:
    """Cut images into batches."""
    return torch.split(images, BATCH)
