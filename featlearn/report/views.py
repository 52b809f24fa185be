"""What the page shows, as the template takes it."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from featlearn.report.best_units import BestUnitsView
from featlearn.report.data_map import MapView
from featlearn.report.embed import EmbeddedImage, EmbeddedStrip
from featlearn.report.gallery import Gallery
from featlearn.report.mistakes import Mistakes
from featlearn.report.sprites import Sheet
from featlearn.report.tables import Table
from featlearn.visualize.curves import Metrics

if TYPE_CHECKING:
    from featlearn.report.gabor import GaborView
    from featlearn.report.side_by_side import SideBySide


@dataclass(frozen=True)
class Fact:
    """A figure with its name, and what it takes to read it."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Chart:
    """A chart, and how to read it.

    Attributes:
        svg: The drawing.
        note: How to read it.
        key: Unique in the page, where a script reads its curves.
        title: What it is about.
        curve: Where its axes lie, and what its curves are worth, for that script.
        table: The numbers behind it.
    """

    svg: Markup
    note: str = ""
    key: str = ""
    title: str = ""
    curve: dict[str, Any] | None = None
    table: Table | None = None


@dataclass(frozen=True)
class Plane:
    """A layer in the drawing of the network: sides of its planes in pixels, and how many.

    `width` and `height` are 0 for units without a plane.
    """

    name: str
    words: str
    shape: str
    width: float
    height: float
    sheets: int


@dataclass(frozen=True)
class LayerRow:
    """A row of the table of layers."""

    name: str
    kind: str
    shape: str
    weights: str
    biases: str
    sees: str


@dataclass(frozen=True)
class StageView:
    """One stage: what it is, what it learned, how it fares, and what might help it.

    `stills` stand for the gallery on paper, and where no script runs.
    """

    key: str
    name: str
    words: list[str]
    pictures: list[EmbeddedImage]
    stills: list[EmbeddedImage]
    gallery: Gallery
    table: Table
    health: list[Fact]
    dead: float | None
    explained: float | None
    advice: str


@dataclass(frozen=True)
class Cell:
    """A cell of the confusion matrix: its count, its share of the row, what it says."""

    count: int
    share: float
    words: str


@dataclass(frozen=True)
class ClassRow:
    """A class: its row of the confusion matrix, and how many of its images were right."""

    name: str
    images: str
    accuracy: str
    share: float
    cells: list[Cell]


@dataclass(frozen=True)
class EvaluationView:
    """Figures on images that training never saw.

    Those of classes are `rows` and what follows; those of numbers or sets of labels a `table`.
    `noun` says what was judged. `parts` are those of each modality by itself, by a heading.
    """

    facts: list[Fact]
    rows: list[ClassRow]
    matrix: EmbeddedImage | None
    confused: list[str]
    words: str
    reliability: EmbeddedImage | None = None
    table: Table | None = None
    noun: str = "image"
    parts: dict[str, "EvaluationView"] = field(default_factory=dict[str, "EvaluationView"])


@dataclass(frozen=True)
class HeadView:
    """A head: how it was trained, its figures.

    `share` is its error in [0, 1], if it has one, on so many images as `tested` says; `parts`
    is a sentence about the errors with part of what it takes missing, and `few` one about test
    samples that come again and again, if there are any. `mistakes` are pictures of its answers.
    """

    key: str
    name: str
    words: str
    error: str
    interval: str
    images: str
    share: float | None
    tested: int
    scratch: bool
    facts: list[Fact]
    evaluation: EvaluationView | None
    charts: list[Chart]
    parts: str = ""
    few: str = ""
    mistakes: Mistakes | None = None


@dataclass(frozen=True)
class SweepCell:
    """A figure of a sweep, and its interval."""

    value: str
    interval: str


@dataclass(frozen=True)
class SweepRow:
    """One number of labels in a sweep."""

    labels: str
    cells: list[SweepCell]


@dataclass(frozen=True)
class SweepView:
    """A sweep over labels: its chart, its table, what they rest on."""

    key: str
    name: str
    words: str
    chart: Chart
    heads: list[str]
    rows: list[SweepRow]
    note: str


@dataclass(frozen=True)
class StackView:
    """One stack of stages: the whole network of a run, or that of one modality.

    `name` is the modality's, and empty where there is one stack only; `labelled` says whether
    its data have labels, and is `None` where they could not be read.
    """

    key: str
    name: str
    planes: list[Plane]
    layers: list[LayerRow]
    total: LayerRow | None
    stages: list[StageView]
    sample: str
    strip: EmbeddedStrip
    images: Sheet | None
    map: MapView | None
    data: dict[str, Any]
    labelled: bool | None


@dataclass(frozen=True)
class RunView:
    """Everything about one run.

    `joined` lists the layers between the stacks and a code that they share; `training` says how
    to read the charts; `gabors` are what `evaluate --gabor` found, if it was asked.
    """

    key: str
    title: str
    shows: str
    expect: str
    folder: str
    facts: list[Fact]
    stacks: list[StackView]
    charts: list[Chart]
    heads: list[HeadView]
    sweeps: list[SweepView]
    protocol: list[str]
    recipe: str
    environment: list[Fact]
    files: list[Fact]
    best: BestUnitsView | None
    story: list[Fact]
    metrics: Metrics
    joined: Table | None = None
    training: str = ""
    gabors: "list[GaborView]" = field(default_factory=list["GaborView"])

    @property
    def stages(self) -> list[StageView]:
        """The stages of all stacks."""
        return [stage for stack in self.stacks for stage in stack.stages]

    @property
    def every_chart(self) -> list[Chart]:
        """The charts of pre-training and of the heads."""
        return [*self.charts, *(chart for head in self.heads for chart in head.charts)]


@dataclass(frozen=True)
class CurveRow:
    """One number of labels in the comparison."""

    labels: str
    pretrained: str
    scratch: str
    difference: str
    interval: str
    pixels: str


@dataclass(frozen=True)
class ComparisonView:
    """What pre-training was worth."""

    labels: str
    pretrained: str
    scratch: str
    pixels: str
    difference: str
    interval: str
    verdict: str
    note: str
    chart: Chart | None
    rows: list[CurveRow]


@dataclass(frozen=True)
class PageView:
    """The page."""

    title: str
    version: str
    runs: list[RunView]
    comparison: ComparisonView | None
    data: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    together: "SideBySide | None" = None
