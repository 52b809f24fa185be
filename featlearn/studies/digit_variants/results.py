"""What the study of harder digits came to, and how it is told."""

from collections.abc import Iterator, Sequence

import msgspec

from featlearn.datasets.known_digits import Variant
from featlearn.networks.formats import FORMAT
from featlearn.studies.digit_variants.plan import METHODS, PUBLISHED, WORDS, Method
from featlearn.wording import count, duration


class MethodFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What one method came to on one set.

    Attributes:
        variant: The set.
        method: The method.
        error: Share of the test images named wrong, in [0, 1].
        interval: Its 95 % interval (Wilson): what other test images could say, not other seeds.
        settings: What was chosen, in words.
        tried: Share of the validation images that each candidate named wrong.
        fit_seconds: Time to fit all of these.
        judge_seconds: Time to name the test images.
    """

    variant: Variant
    method: Method
    error: float
    interval: tuple[float, float]
    settings: str
    tried: dict[str, float]
    fit_seconds: float
    judge_seconds: float

    @property
    def published(self) -> float | None:
        """The published error, in [0, 1], if there is one."""
        percent = PUBLISHED.get((self.variant, self.method))
        return None if percent is None else percent / 100


class Lead(msgspec.Struct, frozen=True, kw_only=True):
    """How far a network is ahead of the support vector machine, on the same images.

    Attributes:
        method: The network.
        mean: Error of the machine less that of the network.
        interval: Its 95 % interval by the bootstrap: over photographs where they are behind the
            digits, as those of one belong together, and over images elsewhere.
        only_machine: Images that only the machine names wrong.
        only_network: Images that only the network names wrong.
    """

    method: Method
    mean: float
    interval: tuple[float, float]
    only_machine: int
    only_network: int


class VariantFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One set.

    Attributes:
        variant: Which.
        learned: Images that methods learned from.
        validated: Others, by which settings were chosen.
        judged: Test images.
        guess: Error of naming the largest class of the former every time.
        rows: The methods.
        leads: Those of the networks, if there is a machine.
        order: The methods from the least error to the largest.
        published: The same of those that were published.
        met: Whether the denoising auto-encoders' lead is above zero, with all of its interval;
            `None` where one of the two was not made.
    """

    variant: Variant
    learned: int
    validated: int
    judged: int
    guess: float
    rows: list[MethodFigures]
    leads: list[Lead]
    order: list[Method]
    published: list[Method]
    met: bool | None


class DigitVariantsResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the study came to, as `results.json` holds it.

    Attributes:
        out: The folder.
        seed: Of all training.
        changes: Changes of the recipes, as `key=value` texts.
        machine: The processor.
        threads: Threads that were used.
        sets: The sets.
        figures: The picture, in two kinds.
    """

    format: int = FORMAT
    command: str = "study digit-variants"
    out: str
    seed: int
    changes: list[str]
    machine: str
    threads: int
    sets: list[VariantFigures]
    figures: list[str]


HEADS = ("set", "method", "published", "here", "95 %", "ahead of the SVM", "95 %", "chosen", "time")
"""Heads of the table."""


def variant_figures(
    variant: Variant,
    numbers: tuple[int, int, int],
    guess: float,
    rows: list[MethodFigures],
    leads: list[Lead],
) -> VariantFigures:
    """Sum up a set.

    Args:
        variant: Which.
        numbers: Images learned from, chosen by, and judged.
        guess: Error of naming the largest class.
        rows: The methods.
        leads: Those of the networks.
    """
    stated: dict[Method, float] = {
        row.method: row.published for row in rows if row.published is not None
    }
    lead = next((lead for lead in leads if lead.method == "sdae"), None)
    return VariantFigures(
        variant=variant,
        learned=numbers[0],
        validated=numbers[1],
        judged=numbers[2],
        guess=guess,
        rows=rows,
        leads=leads,
        order=[row.method for row in sorted(rows, key=lambda row: row.error)],
        published=sorted(stated, key=lambda method: stated[method]),
        met=None if lead is None else lead.interval[0] > 0,
    )


def cells(found: VariantFigures) -> Iterator[list[str]]:
    """Write the rows of a set, for the table."""
    leads = {lead.method: lead for lead in found.leads}
    for row in found.rows:
        lead = leads.get(row.method)
        yield [
            WORDS[found.variant],
            METHODS[row.method],
            "" if row.published is None else f"{100 * row.published:.2f}",
            f"{100 * row.error:.2f}",
            _range(row.interval, "{:.2f}"),
            "" if lead is None else f"{100 * lead.mean:+.2f}",
            "" if lead is None else _range(lead.interval, "{:+.2f}"),
            row.settings,
            duration(row.fit_seconds),
        ]


def verdict(found: VariantFigures) -> str:
    """Say who is ahead, here and as published."""
    here, there = (" < ".join(_short(name) for name in order) for order in _orders(found))
    told = f"here {here}; published {there}"
    if found.met is None:
        return told
    ahead = "is" if found.met else "is not"
    return f"the denoising network {ahead} ahead of the machine; {told}"


def markdown(result: DigitVariantsResult) -> str:
    """Tell the study in Markdown."""
    first = result.sets[0]
    told = (
        f"Every method learns from the same {count(first.learned)} digits, chooses its settings by "
        f"{count(first.validated)} others, and names {count(first.judged)} test digits once. "
        "Errors in %, with Wilson's 95 % interval; how far a network is ahead of the support "
        "vector machine is in points, paired on the same images, with a bootstrap's interval "
        "(over photographs where they are behind the digits). The sets are made of MNIST and "
        "BSDS500, as those that were published, but are not the same files. "
        f"Seed {result.seed}; {result.machine}, threads: {result.threads}."
    )
    lines = ["# Deep networks on harder digits", "", told, ""]
    if result.changes:
        changed = ", ".join(f"`{change}`" for change in result.changes)
        lines += [f"The recipes were changed: {changed}.", ""]
    lines += [f"| {' | '.join(HEADS)} |", f"|{'---|' * len(HEADS)}"]
    lines += [f"| {' | '.join(row)} |" for found in result.sets for row in cells(found)]
    lines += ["", *(f"- {WORDS[found.variant]}: {verdict(found)}." for found in result.sets), ""]
    return "\n".join([*lines, "![Errors, here and published](digit-variants.png)", ""])


def _orders(found: VariantFigures) -> tuple[list[Method], list[Method]]:
    """Give both orders, of what there is a published error for."""
    return [name for name in found.order if name in found.published], found.published


def _short(method: Method) -> str:
    """Abbreviate a method."""
    return {"svm": "SVM", "sdae": "SDAE", "sae": "SAE", "dbn": "DBN", "scratch": "random"}[method]


def _range(ends: Sequence[float], form: str) -> str:
    """Write an interval in percent."""
    low, high = (form.format(100 * end) for end in ends)
    return f"{low} to {high}"
