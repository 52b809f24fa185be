"""The page: complete, self-contained, and proof against names that are markup."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch

from featlearn.config.data import ZCASpec
from featlearn.errors import CheckpointError, UsageError
from featlearn.files import sha256
from featlearn.networks.store import LoadedStack, load_stack
from featlearn.report import run_files
from featlearn.report.page import build_report

MakeRun = Callable[..., Path]
AddHead = Callable[[Path, str], None]

VOID = {"meta", "link", "img", "input", "br", "hr", "rect", "path", "use"}
EVIL = [
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    '"><img src=x onerror=a>',
]


class Page(HTMLParser):
    """Checks that elements are nested, and collects what there is."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert tag in VOID or self.open.pop() == tag, (tag, self.open)

    def handle_data(self, data: str) -> None:
        if self.open and data.strip():
            self.texts.setdefault(self.open[-1], []).append(data.strip())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def words(self) -> str:
        shown = [
            t for tag, texts in self.texts.items() if tag not in ("style", "script") for t in texts
        ]
        return " ".join(" ".join(shown).split())  # every kind of space becomes one


def page(runs: list[Path], tmp_path: Path, **more: Any) -> Page:
    path = build_report(runs, tmp_path / "out", root=tmp_path, **more)
    assert path == tmp_path / "out" / "index.html"
    return Page(path.read_text(encoding="utf-8"))


def change_model(run: Path, before: bytes, after: bytes) -> None:
    """Change what a model says about itself, and the checksum that the run keeps of it."""
    model, record = run / "model.safetensors", run / "results.json"
    kept, changed = sha256(model), model.read_bytes().replace(before, after)
    assert changed != model.read_bytes()
    model.write_bytes(changed)
    record.write_text(record.read_text().replace(kept, sha256(model)))


@pytest.fixture(scope="module")
def full(full_page: Path) -> Page:
    assert full_page.stat().st_size < 3_000_000
    return Page(full_page.read_text(encoding="utf-8"))


def test_a_run_is_shown_in_full(full: Page, full_page: Path) -> None:
    for words in (
        "Strokes <b>of</b> digits",
        "What & how it learned",
        "12 345",
        "1 min 15 s",
        "24 held-out images",
        "4 untied local filters",
        "4 local filters at the central position, 3×3",
        "What each of 7 units adds to the image, 8×8",
        "Images and what the code keeps",
        "25.0 %",
        "and 10 for validation",
        "2 threads",
        sha256(full_page.parents[1] / "plain" / "model.safetensors"),
        sha256(full_page.parents[1] / "labelled" / "heads" / "default" / "labels.json"),
    ):
        assert words in full.words
    charts = [svg for svg in full.all("svg") if svg.get("class") == "chart"]
    assert len(charts) == 1 + 2 + 2 + 2 + 1  # comparison, together, each run, the head


def test_every_picture_and_chart_has_words(full: Page) -> None:
    assert all(len(image["alt"] or "") > 5 for image in full.all("img"))
    charts = [svg for svg in full.all("svg") if svg.get("aria-hidden") != "true"]
    assert charts
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in charts)


def test_nothing_is_loaded(full: Page) -> None:
    for _, attributes in full.elements:
        for name in ("src", "href", "srcset", "data", "poster", "action"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:", "#")), (name, value)
    style = " ".join(full.texts["style"])
    assert "@import" not in style
    assert "url(" not in style


def test_the_browser_runs_no_script_but_the_page_s_own(full_page: Path) -> None:
    text = full_page.read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert policy is not None
    assert len(scripts) == 2
    digests = [hashlib.sha256(script.encode()).digest() for script in scripts]
    names = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]
    assert f"script-src {' '.join(names)};" in policy[1]
    assert "default-src 'none'" in policy[1]


def test_ids_are_unique_and_links_lead_to_them(full: Page) -> None:
    ids = [attributes["id"] for _, attributes in full.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [attributes["href"] for tag, attributes in full.elements if tag in ("a", "use")]
    assert links
    assert {str(link)[1:] for link in links} <= set(ids)


def test_the_comparison_comes_first_then_a_table_of_runs(full: Page) -> None:
    assert full.texts["h2"][:2] == ["What learning without labels was worth", "Runs side by side"]
    assert full.texts["h2"][2:] == ["First of two", "Strokes <b>of</b> digits"]
    for words in (
        "94.5 %",
        "92.0 %",
        "+2.5",
        "+1.0 to +4.0",
        "gains 2.5 points",
        "1 min 1 s",
        "in 2 draws",
    ):
        assert words in full.words


def test_several_runs_without_a_comparison_are_side_by_side(
    make_run: MakeRun, tmp_path: Path
) -> None:
    shown = page([make_run("a"), make_run("b")], tmp_path)
    assert shown.texts["h1"] == ["2 runs, side by side"]


def test_names_that_are_markup_stay_names(make_run: MakeRun, tmp_path: Path) -> None:
    shown = page([make_run(classes=EVIL, title="</title><script>alert(3)</script>")], tmp_path)
    assert len(shown.all("script")) == 4
    assert all(image.get("onerror") is None for image in shown.all("img"))
    for name in EVIL:
        assert name in shown.texts["th"]
    figures = json.loads("".join(t for t in shown.texts["script"] if t.startswith("[")))
    assert figures[0]["heads"]["default"]["evaluation"]["classes"] == EVIL


def test_many_classes_are_a_picture_and_a_list(make_run: MakeRun, tmp_path: Path) -> None:
    classes = [*EVIL, *(f"class {place}" for place in range(30))]
    shown = page([make_run(classes=classes)], tmp_path)
    assert "Confusion matrix, true by predicted." in [image["alt"] for image in shown.all("img")]
    assert "class 29" in shown.texts["th"]


@pytest.mark.parametrize("preprocess", [(ZCASpec(),)])
def test_whitened_filters_say_so(
    make_run: MakeRun, tmp_path: Path, preprocess: tuple[ZCASpec, ...]
) -> None:
    shown = page([make_run(preprocess=preprocess)], tmp_path)
    assert "As the filters meet whitened images." in shown.words
    assert "Taken down by the decoders" in shown.words


def test_the_page_is_the_same_every_time(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(classes=["a", "b"])
    first = build_report([run], tmp_path / "1", root=tmp_path).read_bytes()
    assert build_report([run], tmp_path / "2", root=tmp_path).read_bytes() == first


def test_data_that_are_gone_are_named(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    change_model(run, b'\\"source\\":\\"digits\\"', b'\\"source\\":\\"digitz\\"')
    shown = page([run], tmp_path)
    assert "No reconstructions:" in shown.words
    assert "4 local filters" in shown.words


def test_two_runs_of_one_recipe_are_told_apart(make_run: MakeRun, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    runs = [make_run("one"), make_run("two"), make_run("b/one")]
    shown = page(runs, tmp_path)
    folder = tmp_path.name
    for name in (f"{folder}/one", f"{folder}/two", "b/one"):
        assert f"{name}: strokes, parts" in shown.texts["small"]  # in the table
        assert name in shown.texts["small"]  # beside the link in the list of contents
        assert any(f"({name})" in text for text in shown.texts["p"])  # and below the heading
        assert f"Strokes <b>of</b> digits ({name})" in {
            article["aria-label"] for article in shown.all("article")
        }


@pytest.mark.parametrize(("biases", "dead"), [(0.0, False), (-100.0, True)])
def test_dead_units_are_explained(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, biases: float, dead: bool
) -> None:
    def loaded(path: Path) -> LoadedStack:
        found = load_stack(path)
        bias = found.stack.stage(1).filter.bias
        assert bias is not None
        with torch.no_grad():
            bias[:2] = biases
        return found

    monkeypatch.setattr(run_files, "load_stack", loaded)
    shown = page([make_run()], tmp_path)
    # Two of seven units of the second stage fall silent under a bias that no input outweighs.
    assert ("28.6 % of the units are dead" in shown.words) == dead
    assert "of the units never change" in shown.words


def test_a_run_without_labels_has_no_test_figures(make_run: MakeRun, tmp_path: Path) -> None:
    shown = page([make_run()], tmp_path)
    assert "With labels" not in shown.words
    assert "test error" not in shown.words


def test_a_head_that_was_not_evaluated_says_how(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(classes=["a", "b"])
    (run / "heads" / "default" / "evaluation.json").unlink()
    assert "featlearn evaluate run --head default" in page([run], tmp_path).words


def test_a_damaged_file_is_named(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(classes=["a", "b"])
    record = run / "results.json"
    text = record.read_text()
    record.write_text("{}")
    with pytest.raises(CheckpointError, match=r"results\.json is damaged.*title"):
        build_report([run], tmp_path, root=tmp_path)
    record.write_text('{"more": ' + "[" * 100_000)
    with pytest.raises(CheckpointError, match=r"results\.json is damaged"):
        build_report([run], tmp_path, root=tmp_path)
    record.write_text(text)
    (run / "heads" / "default" / "evaluation.json").write_text('{"more": ' + "[" * 100_000)
    with pytest.raises(CheckpointError, match=r"evaluation\.json is damaged"):
        build_report([run], tmp_path, root=tmp_path)


def test_a_run_that_is_not_there(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    with pytest.raises(UsageError, match="does not exist"):
        build_report([tmp_path / "no"], tmp_path, root=tmp_path)
    with pytest.raises(UsageError, match="named twice"):
        build_report([run, tmp_path / run.name / ".." / run.name], tmp_path, root=tmp_path)
    with pytest.raises(UsageError, match="at least one run"):
        build_report([], tmp_path, root=tmp_path)


def test_heads_and_stages_of_any_name_have_ids_of_their_own(
    make_run: MakeRun, add_head: AddHead, tmp_path: Path
) -> None:
    path = make_run(classes=["a", "b"])
    for name in ("strokes", "network", "protocol", "heads", "stage-strokes"):
        add_head(path, name)
    shown = page([path], tmp_path)
    ids = [attributes["id"] for _, attributes in shown.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {"run1-head-network", "run1-network", "run1-stage-strokes"} <= set(ids)


def test_the_least_error_is_called_so_and_the_largest_class_stands_beside(
    make_run: MakeRun, add_head: AddHead, tmp_path: Path
) -> None:
    path = make_run(classes=["a", "b"])
    add_head(path, "worse")
    file = path / "heads" / "worse" / "evaluation.json"
    worse = {**json.loads(file.read_text()), "error": 0.5, "confusion": [[3, 4], [0, 1]]}
    file.write_text(json.dumps(worse))
    shown = page([path], tmp_path)
    assert "least of 2 heads: default" in shown.words
    assert "87.5 %" in shown.words  # 7 of 8 are of one class
    assert "test split of digits; only 8 images: each is 12.5 points of accuracy" in shown.words
    assert "50.0 %" in shown.words


def test_no_folder_of_this_machine_is_shown(make_run: MakeRun, tmp_path: Path) -> None:
    path = make_run(classes=["a", "b"])
    for file in ("results.json", "heads/default/evaluation.json"):
        figures = json.loads((path / file).read_text())
        figures["run"] = str(path)
        if "data" in figures:
            figures["data"]["source"] = str(tmp_path / "my leaves")
        else:
            figures["source"] = str(tmp_path / "more leaves.zip")
        (path / file).write_text(json.dumps(figures))
    recipe = path / "recipe.toml"
    recipe.write_text(recipe.read_text().replace('"digits"', f'"{tmp_path}/leaves"', 1))
    text = build_report([path], tmp_path / "out", root=tmp_path).read_text(encoding="utf-8")
    assert str(tmp_path) not in text
    assert "my leaves" in text
    assert "more leaves.zip" in text


def test_where_nothing_is_held_out_the_page_says_so(make_run: MakeRun, tmp_path: Path) -> None:
    path = make_run()
    change_model(path, b'\\"hold_out\\":0.2', b'\\"hold_out\\":0.0')
    shown = page([path], tmp_path)
    assert "64 images that were learned from, as none were held out" in shown.words
    assert "24 held-out images" not in shown.words
