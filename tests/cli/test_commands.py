"""What the other commands print, for people and as JSON."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import msgspec
import numpy as np
import pytest
from click.testing import Result
from PIL import Image

Run = Callable[..., Result]
Trained = Callable[..., Path]
Start = Callable[..., subprocess.CompletedProcess[str]]


class TestRecipes:
    def test_lists_them(self, run: Run) -> None:
        said = run("recipes").stdout
        assert all(name in said for name in ("digits", "photographs", "mnist-local", "lenet5"))

    def test_one_is_printed_as_it_is_written(self, run: Run) -> None:
        from featlearn.config.load import recipe_text

        assert run("recipes", "lenet5").stdout.strip() == recipe_text("lenet5").strip()

    def test_what_is_printed_can_be_used(self, run: Run, empty_folder: Path) -> None:
        (empty_folder / "mine.toml").write_text(run("recipes", "lenet5").stdout, encoding="utf-8")
        shipped = run("describe", "lenet5", "--json").stdout
        assert run("describe", "mine.toml", "--json").stdout == shipped


class TestDescribe:
    def test_lenet_5(self, run: Run) -> None:
        found = json.loads(run("describe", "lenet5", "--json").stdout)
        assert (
            found["layers"][0] | {"name": "C1", "units": 4704, "connections": 117_600}
            == (found["layers"][0])
        )
        assert [row["weights"] for row in found["layers"]] == [150, 0, 2400, 0, 48000, 10080, 840]
        assert found["totals"]["units"] == sum(row["units"] for row in found["layers"])

    def test_for_people(self, run: Run) -> None:
        lines = run("describe", "lenet5").stdout.splitlines()
        row = next(line.split() for line in lines if line.startswith("S2"))
        assert row[:6] == ["S2", "avg", "pooling", "6x14x14", "1", "176"]
        assert all(line == line.rstrip() for line in lines)

    def test_takes_changes_and_another_image(self, run: Run) -> None:
        words = ("--set", "stages.C1.filter.maps=3", "--input", "3x40x36")
        found = json.loads(run("describe", "lenet5", *words, "--json").stdout)
        assert found["input"] == [3, 40, 36]
        assert found["layers"][0]["weights"] == 3 * 3 * 25
        assert found["layers"][0]["output"] == [3, 36, 32]

    def test_compares_layers_and_counts_memory(self, run: Run) -> None:
        said = run("describe", "mnist-local", "--batch", "10").stdout
        rows = [line.split() for line in said.splitlines()]
        (strokes,) = [row for row in rows if row[:3] == ["strokes", "local", "filter"] and
                      "16x22x22" not in row]  # fmt: skip
        assert "".join(strokes[3:]).replace("\u202f", "") == "784" + "3136" + "379456" + "6071296"
        assert "memory in training, at a batch of 10" in said
        found = json.loads(run("describe", "mnist-local", "--batch", "10", "--json").stdout)
        assert found["batch"] == 10
        assert found["layers"][0]["sharing"]["conv"]["weights"] == 784
        assert found["layers"][0]["training"]["activations"] == 10 * 4 * 7744

    def test_draws_a_figure(self, run: Run) -> None:
        said = run("describe", "lenet5", "--figure", "n.svg")
        assert said.exit_code == 0, said.output
        assert said.stdout.splitlines()[-1] == "figure: n.svg"
        assert "C1" in Path("n.svg").read_text(encoding="utf-8")
        again = ("describe", "lenet5", "--figure", "n.svg")
        assert "n.svg exists already" in run(*again).stderr
        assert json.loads(run(*again, "--overwrite", "--json").stdout)["figure"] == "n.svg"

    def test_a_run(self, run: Run, tiny: Path, trained: Trained) -> None:
        out = trained(tiny)
        assert json.loads(run("describe", out, "--json").stdout) == (
            json.loads(run("describe", tiny, "--json").stdout)
        )


class TestCheck:
    def test_what_learns_ends_with_0_and_writes_nothing(self, run: Run, tiny: Path) -> None:
        result = run("check", tiny, "-q")
        assert result.exit_code == 0, result.output
        assert result.stderr == ""
        lines = result.stdout.splitlines()
        assert lines[0].startswith("Tiny: 95 images, ")
        assert any(line.startswith("gradient") and "strokes" in line for line in lines)
        assert "failed" not in result.stdout
        assert [path.name for path in Path().iterdir()] == [tiny.name]

    def test_a_check_that_fails_is_a_row_and_ends_with_1(self, run: Run, tiny: Path) -> None:
        low = ("--set", "finetune.optimizer.lr=1e-12")
        said = run("check", tiny, *low, "-q")
        assert said.exit_code == 1
        assert said.stderr == ""
        assert "1e-12 is so low that little would be learned" in said.stdout
        found = run("check", tiny, *low, "-q", "--json")
        assert found.exit_code == 1
        result = json.loads(found.stdout)
        assert result["passed"] is False
        failed = {row["name"] for row in result["checks"] if row["status"] == "failed"}
        assert failed == {"learning rate", "learnt by heart"}

    def test_progress_seed_and_plot(self, run: Run, tiny: Path) -> None:
        result = run("check", tiny, "--seed", "3", "--out", "pictures", "--json")
        assert result.exit_code == 0, result.output
        found = json.loads(result.stdout)
        assert found["files"] == ["pictures/rates.png", "pictures/rates.svg"]
        assert all(Path(file).is_file() for file in found["files"])
        assert "strokes: rates" in result.stderr
        again = json.loads(run("check", tiny, "--seed", "3", "-q", "--json").stdout)
        other = json.loads(run("check", tiny, "-q", "--json").stdout)
        assert again["ranges"] == found["ranges"] != other["ranges"]
        seeded = ("--set", "seed=3", "-q", "--json")
        assert json.loads(run("check", tiny, *seeded).stdout)["ranges"] == found["ranges"]


class TestData:
    def test_list(self, run: Run, tmp_path: Path) -> None:
        found = json.loads(run("data", "list", "--json", "--data-root", tmp_path).stdout)
        rows = {row["name"]: row for row in found["sets"]}
        assert found["root"] == str(tmp_path)
        assert (rows["mnist"]["train"], rows["mnist"]["test"]) == (60_000, 10_000)
        assert rows["digits"]["present"]
        assert not rows["mnist"]["present"]
        assert all(row["licence"] for row in rows.values())
        assert "CC BY-SA 3.0" in run("data", "list").stdout

    def test_a_bundled_set_is_fetched_by_doing_nothing(self, run: Run) -> None:
        done = run("data", "fetch", "digits")
        assert done.exit_code == 0
        assert "without a download" in done.stdout

    def test_inspect(self, run: Run) -> None:
        images = np.zeros((30, 1, 6, 7), np.uint8)
        images[:28] = np.random.default_rng(0).integers(0, 256, (28, 1, 6, 7))
        np.savez("x.npz", x=images, y=np.arange(30) % 2)
        result = run("data", "inspect", "x.npz", "--out", "sheet.png", "--json")
        found = json.loads(result.stdout)
        assert (found["images"], found["shape"]) == (30, [1, 6, 7])
        assert (found["constant"], found["duplicates"]) == (2, 1)
        assert found["classes"] == {"0": 15, "1": 15}
        assert len(found["warnings"]) == 2
        assert Path("sheet.png").read_bytes().startswith(b"\x89PNG")
        Path("sheet.png").write_text("mine")
        refused = run("data", "inspect", "x.npz", "--out", "sheet.png")
        assert refused.exit_code == 2
        assert "sheet.png exists already" in refused.stderr
        assert Path("sheet.png").read_text() == "mine"
        again = run("data", "inspect", "x.npz", "--out", "sheet.png", "--overwrite")
        assert again.exit_code == 0
        assert Path("sheet.png").read_bytes().startswith(b"\x89PNG")
        said = run("data", "inspect", "x.npz").stdout
        assert "! 2 of 30 images have one value everywhere" in said

    def test_inspect_shows_what_augmentation_does(self, run: Run, tiny: Path) -> None:
        words = ("data", "inspect", "digits", "--augment", tiny)
        nothing = run(*words, "--out", "sheet.png")
        assert nothing.exit_code == 2
        assert "augments nothing" in nothing.stderr
        changes = '{ kind = "colour" }, { kind = "mixup" }, { kind = "cut-out", size = 3 }'
        text = tiny.read_text().replace("[finetune]", f"[finetune]\naugment = [{changes}]")
        tiny.write_text(text)
        nowhere = run(*words)
        assert nowhere.exit_code == 2
        assert "say where with --out" in nowhere.stderr
        found = json.loads(run(*words, "--out", "sheet.png", "--json").stdout)
        assert (found["shape"], found["sheet"]) == ([1, 8, 8], "sheet.png")
        assert Path("sheet.png").read_bytes().startswith(b"\x89PNG")
        grey = run(*words, "--out", "rgb.png", "--colour", "rgb", "--json")
        assert json.loads(grey.stdout)["shape"] == [3, 8, 8]
        unknown = run("data", "inspect", "digits", "--augment", "digit", "--out", "x.png")
        assert unknown.exit_code == 2
        assert "did you mean digits?" in unknown.stderr

    def test_inspect_describes_what_pretrain_refuses(self, run: Run, tiny: Path) -> None:
        Path("mess").mkdir()
        rng = np.random.default_rng(0)
        for place, shape in enumerate([(6, 7), (6, 7), (9, 9, 3)]):
            image = rng.integers(0, 256, shape).astype(np.uint8)
            Image.fromarray(image).save(f"mess/{place}.png")
        Path("mess/bad.png").write_bytes(b"no picture")
        result = run("data", "inspect", "mess", "--out", "sheet.png")
        assert result.exit_code == 0
        rows = [" ".join(line.split()) for line in result.stdout.splitlines()]
        assert {"6x7 2 0.png", "9x9 1 2.png", "grey 2 0.png", "colour 1 2.png"} <= set(rows)
        assert "! mess/bad.png is not an image that can be read, or it is empty" in rows
        assert "No sheet was drawn in sheet.png" in result.stderr
        found = json.loads(run("data", "inspect", "mess", "--json").stdout)
        refused = run("pretrain", tiny, "--out", "run", "--set", "data.source=mess")
        assert refused.exit_code == 1
        Path("mess/bad.png").unlink()
        changes = [f"{key}={json.dumps(value)}" for key, value in found["settings"].items()]
        words = [word for change in changes for word in ("--set", change)]
        taken = run("pretrain", tiny, "--out", "run", "--set", "data.source=mess", *words)
        assert taken.exit_code == 0, taken.output

    def test_a_known_set_that_is_not_there_says_how_to_get_it(
        self, run: Run, tmp_path: Path
    ) -> None:
        result = run("data", "inspect", "mnist", "--data-root", tmp_path)
        assert result.exit_code == 1
        assert "featlearn data fetch mnist" in result.stderr


class TestDoctor:
    def test_finds_what_is_here(self, run: Run) -> None:
        import torch

        found = json.loads(run("doctor", "--json").stdout)
        versions = {row["name"]: row["version"] for row in found["packages"]}
        assert versions["torch"] == torch.__version__
        (cpu,) = [device for device in found["devices"] if device["kind"] == "cpu"]
        assert cpu["speed"]["ratio"] > 0
        names = [extra["name"] for extra in found["extras"]]
        assert names == ["audio", "fast", "tables", "track", "tune", "dev"]
        said = run("doctor").stdout
        assert said.startswith("featlearn")
        assert "GFLOP/s" in said


class TestQuickstart:
    RESULT: ClassVar[dict[str, object]] = {
        "report": "q/report/index.html",
        "seconds": 61.0,
        "labels": 100,
        "draws": 10,
        "accuracy": {"pretrained": 0.95, "scratch": 0.9},
        "difference_interval": [0.03, 0.07],
        "test_images": 500,
        "curve": [],
        "protocol": {
            "settings": {},
            "tried": [],
            "tuning_labels": 100,
            "tuning_draws": 3,
            "validation": 1000,
            "steps": 300,
        },
        "runs": {},
    }

    @pytest.fixture(autouse=True)
    def given(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
        """Keep what the workflow is given, and answer at once."""
        from featlearn.workflows import quickstart as module

        given: dict[str, object] = {}

        def answer(**options: object) -> object:
            given.update(options)
            return msgspec.convert(self.RESULT, module.QuickstartResult)

        monkeypatch.setattr(module, "quickstart", answer)
        return given

    def test_for_people(self, run: Run) -> None:
        result = run("quickstart")
        assert "accuracy, pretrained  95.00 %" in result.stdout
        assert "+3.00 to +7.00 points (95 % interval)" in result.stdout
        assert "Next: open q/report/index.html in a browser" in result.stderr

    def test_as_json(self, run: Run, given: dict[str, object]) -> None:
        result = run("quickstart", "--out", "q", "--seed", "4", "--threads", "1", "--json")
        found = json.loads(result.stdout)
        assert {key: found[key] for key in self.RESULT} == self.RESULT
        assert result.stderr == ""
        assert (given["out"], given["seed"], given["threads"]) == (Path("q"), 4, 1)


def test_json_is_the_only_thing_on_standard_output(start: Start, tiny: Path) -> None:
    made = start("pretrain", tiny, "--out", "run", "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["title"] == "Tiny"
    assert made.stdout.count("\n") == 1
    assert "strokes: epoch 1/1" in made.stderr


def test_exit_codes_of_a_process(start: Start) -> None:
    assert start("recipes").returncode == 0
    missing = start("predict", "nowhere", "digits")
    assert (missing.returncode, missing.stdout) == (2, "")
    content = start("describe", "lenet5", "--input", "1x8x8", "--json")
    assert (content.returncode, content.stdout) == (1, "")
    traced = start("describe", "lenet5", "--input", "1x8x8", "--debug")
    assert "Traceback" in traced.stderr
