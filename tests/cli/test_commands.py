import json
import os
import re
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
Start = Callable[..., subprocess.CompletedProcess[str]]


def trained(run: Run, recipe: Path, out: str = "run") -> Path:
    result = run("pretrain", recipe, "--out", out, "-q", "--json")
    assert result.exit_code == 0, result.output
    return Path(out)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("pretrain",), 2, "Missing argument 'RECIPE'"),
        (("pretrain", "digits"), 2, "Missing option '--out'"),
        (("pretrain", "digit", "--out", "x"), 2, "did you mean digits?"),
        (("pretrain", "no/x.toml", "--out", "x"), 2, "there is no recipe file no/x.toml"),
        (
            ("pretrain", "digits", "--out", "x", "--set", "pretrain.bach=3"),
            2,
            "--set pretrain.bach=3: unknown key pretrain.bach; did you mean batch?",
        ),
        (
            ("pretrain", "digits", "--out", "x", "--set", "stages.strokes.filter.padding=valid",
             "--set", "stages.strokes.filter.size=99"),
            1,
            "stage 'strokes': filter.size 99 does not fit into",
        ),
        (("pretrain", "digits", "--out", "x", "--resume", "--overwrite"), 2, "contradict"),
        (("pretrain", "digits", "--out", "x", "--device", "gpu"), 2, "'cuda'"),
        (("pretrain", "digits", "--out", "x", "--threads", "0"), 2, "--threads"),
        (("pretrain", "digits", "--out", "x", "--resume"), 1, "nothing to resume"),
        (("pretrain", "digits", "--out", "x", "--seed", "-1"), 2, "--seed"),
        (("check",), 2, "Missing argument 'RECIPE'"),
        (("check", "digit"), 2, "did you mean digits?"),
        (("check", "digits", "--out", "file"), 2, "is a file"),
        (("check", "digits", "--resume"), 2, "--resume"),
        (("check", "digits", "--set", "pretrain.bach=3"), 2, "did you mean batch?"),
        (("check", "mnist-local", "--data-root", "x"), 1, "featlearn data fetch mnist"),
        (("finetune", "x"), 2, "there is no folder x; `featlearn pretrain RECIPE --out x` makes"),
        (("finetune", "."), 1, "is not a run"),
        (("evaluate", "x"), 2, "there is no folder x"),
        (("evaluate", ".", "mnst"), 2, "no image set of that name; did you mean mnist?"),
        (("evaluate", ".", "--set", "seed=1"), 2, "--set"),
        (("evaluate", ".", "--labels", "9"), 2, "--labels belongs to --probe"),
        (("evaluate", ".", "--label-seed", "0"), 2, "--label-seed belongs to --probe"),
        (("evaluate", ".", "--probe", "--head", "x"), 2, "--probe takes neither"),
        (("predict", ".", "nowhere"), 2, "there is no file or folder 'nowhere'"),
        (("predict", ".", "digits", "--seed", "1"), 2, "--seed"),
        (("encode", ".", "digits"), 2, "Missing option '--out'"),
        (("encode", ".", "digits", "--out", "x.npy", "--what", "all"), 2, "'pooled'"),
        (("visualize", "."), 2, "Missing option '--out'"),
        (("visualize", ".", "--out", "x", "--what", "dreams"), 2, "'filters'"),
        (("report",), 2, "Missing argument 'RUN...'"),
        (("report", "nowhere"), 2, "there is no folder nowhere"),
        (("quickstart", "--set", "seed=1"), 2, "--set"),
        (("quickstart", "--out", "file"), 2, "is a file"),
        (("describe",), 2, "Missing argument 'RECIPE'"),
        (("describe", "lenet"), 2, "did you mean lenet5?"),
        (("describe", "lenet5", "--input", "big"), 2, "write CxHxW"),
        (("describe", "lenet5", "--input", "0x3x3"), 2, "write CxHxW"),
        (("describe", "lenet5", "--input", "1x8x8"), 1, "stage 'C3': filter.size 5 does not fit"),
        (("describe", "lenet5", "--batch", "0"), 2, "--batch"),
        (("describe", "lenet5", "--figure", "x.jpg"), 2, "x.jpg should end in .svg"),
        (("describe", "lenet5", "--figure", "file"), 2, "file should end in .svg"),
        (("recipes", "digit"), 2, "did you mean digits?"),
        (("recipes", "--jsn"), 2, "--json"),
        (("doctor", "--nope"), 2, "--nope"),
        (("completion",), 2, "Missing argument"),
        (("data", "fetsh"), 2, "fetch"),
        (("data", "list", "all"), 2, "unexpected extra argument"),
        (("data", "fetch", "mnst"), 2, "did you mean mnist?"),
        (("data", "fetch", "mnist", "--mirror", "ftp://x"), 2, "http"),
        (("data", "inspect", ""), 2, "there is no file or folder ''"),
        (("data", "inspect", ":train"), 2, "there is no file or folder ':train'"),
        (("pretrain", "digits", "--out", "x", "--set", "data.source="), 2, "images is empty"),
        (("data", "inspect", "nowhere"), 2, "there is no file or folder 'nowhere'"),
        (("data", "inspect", "digits", "--fit", "crop"), 2, "--fit crop needs --size"),
        (("data", "inspect", "digits", "--size", "big"), 2, "write HxW"),
        (("data", "inspect", "."), 1, "holds no"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence_and_a_code(
    run: Run, empty_folder: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    (empty_folder / "file").touch()
    result = run(*words)
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert sum(line.startswith("Error: ") for line in result.stderr.splitlines()) == 1


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
        assert row[:5] == ["S2", "avg", "pooling", "6x14x14", "1176"]
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

    def test_a_run(self, run: Run, tiny: Path) -> None:
        out = trained(run, tiny)
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
        assert [extra["name"] for extra in found["extras"]] == ["fast", "tables", "track", "dev"]
        said = run("doctor").stdout
        assert said.startswith("featlearn")
        assert "GFLOP/s" in said


class TestTraining:
    def test_from_images_to_classes(self, run: Run, tiny: Path) -> None:
        out = trained(run, tiny)
        tuned = run("finetune", out, "--labels", "50", "-q", "--json")
        assert tuned.exit_code == 0, tuned.output
        assert json.loads(tuned.stdout)["labelled"] == 50
        judged = run("evaluate", out, "--json")
        figures = json.loads(judged.stdout)
        assert figures["images"] == 500
        assert figures["error"] == pytest.approx(1 - figures["accuracy"])
        named = run("predict", out, "digits:test")
        rows = named.stdout.splitlines()
        assert len(rows) == 501
        assert rows[0].startswith("image,prediction,p(0)")
        written = run("predict", out, "digits:test", "--out", "x.csv", "--json")
        assert json.loads(written.stdout)["out"] == "x.csv"
        assert Path("x.csv").read_text(encoding="utf-8").splitlines() == rows
        coded = run("encode", out, "digits:test", "--out", "x.npy", "--what", "code", "--json")
        assert json.loads(coded.stdout)["shape"] == [500, 4 * 6 * 6]
        assert np.load("x.npy").shape == (500, 144)
        for words in (("predict", "x.csv"), ("encode", "x.npy")):
            again = (words[0], out, "digits:test", "--out", words[1])
            refused = run(*again)
            assert refused.exit_code == 2
            assert f"{words[1]} exists already" in refused.stderr
            assert run(*again, "--overwrite").exit_code == 0

    def test_pictures_and_a_page(self, run: Run, tiny: Path) -> None:
        out = trained(run, tiny)
        drawn = run("visualize", out, "--what", "filters", "--what", "curves", "--out", "pictures")
        assert drawn.exit_code == 0, drawn.output
        files = [Path(line) for line in drawn.stdout.splitlines()]
        assert len(files) == 2
        assert all(file.read_bytes().startswith(b"\x89PNG") for file in files)
        made = run("report", out, "--json")
        assert made.exit_code == 0, made.output
        page = Path(json.loads(made.stdout)["report"])
        assert "Tiny" in page.read_text(encoding="utf-8")
        assert made.stderr == ""
        assert run("report", out, out).exit_code == 2

    def test_pictures_and_a_page_are_computed_as_asked_for(
        self, run: Run, tiny: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import torch

        out = trained(run, tiny)
        asked: list[int] = []
        monkeypatch.setattr(torch, "set_num_threads", asked.append)
        drawn = ("visualize", out, "--what", "reconstructions", "--out", "pictures")
        for words in (drawn, ("report", out)):
            done = run(*words, "--device", "cpu", "--threads", "3")
            assert done.exit_code == 0, done.output
            assert asked.pop() == 3

    def test_for_people(self, run: Run, tiny: Path) -> None:
        made = run("pretrain", tiny, "--out", "run")
        assert "strokes" in made.stdout
        assert "strokes: epoch 1/1" in made.stderr
        assert "Next: `featlearn report run`" in made.stderr
        tuned = run("finetune", "run", "--labels", "50", "--from-scratch")
        assert "random weights" in tuned.stdout
        assert "50, drawn by seed 0" in tuned.stdout
        everything = run("finetune", "run", "--name", "all", "-q")
        assert "all there are" in everything.stdout
        assert "drawn by" not in everything.stdout
        assert "evaluate run --head scratch" in tuned.stderr
        judged = run("evaluate", "run", "--head", "scratch")
        assert "500 test images of digits" in judged.stdout
        assert "always the largest class" in judged.stdout

    def test_one_image_is_counted_as_one(self, run: Run, tiny: Path) -> None:
        out = trained(run, tiny)
        assert run("finetune", out, "--labels", "50", "-q").exit_code == 0
        np.savez("one.npz", images=np.eye(8, dtype=np.uint8)[None], labels=np.zeros(1, np.int64))
        judged = run("evaluate", out, "one.npz").stdout
        assert "1 image of one.npz" in judged
        assert "! only 1 image: each is 100.0 points of accuracy" in judged
        assert "! only" not in run("evaluate", out).stdout

    def test_each_takes_the_change_that_its_help_shows(self, run: Run, tiny: Path) -> None:
        def shown(name: str) -> str:
            said = " ".join(run(name, "--help").output.split())
            found = re.search(r"Change the recipe, as in (\S+);", said)
            assert found is not None
            return found[1]

        for change, out in ((shown("pretrain"), "a"), ("stages.strokes.pool.size=3", "b")):
            learned = run("pretrain", tiny, "--out", out, "--set", change, "-q")
            assert learned.exit_code == 0, learned.output
        tuned = run("finetune", "b", "--set", shown("finetune"), "-q")
        assert tuned.exit_code == 0, tuned.output

    def test_only_fine_tuning_can_be_changed_in_a_run(self, run: Run, tiny: Path) -> None:
        refused = run("finetune", trained(run, tiny), "--set", "stages.strokes.pool.size=3")
        assert refused.exit_code == 2
        assert "only finetune.* can be set here" in refused.output

    def test_probe(self, run: Run, tiny: Path) -> None:
        out = trained(run, tiny)
        found = json.loads(run("evaluate", out, "--probe", "--labels", "50", "--json").stdout)
        assert [row["stage"] for row in found["probes"]] == ["pixels", "strokes"]
        said = run("evaluate", out, "--probe", "--labels", "50").stdout
        assert "50 of 100 labelled images" in said

    def test_quiet_says_nothing_beside_the_result(self, run: Run, tiny: Path) -> None:
        result = run("pretrain", tiny, "--out", "run", "-q")
        assert result.stderr == ""
        assert "strokes" in result.stdout

    def test_the_seed_is_the_recipe_s_unless_given(self, run: Run, tiny: Path) -> None:
        trained(run, tiny, "a")
        run("pretrain", tiny, "--out", "b", "-q", "--seed", "0")
        run("pretrain", tiny, "--out", "c", "-q", "--seed", "1")
        models = [Path(name, "model.safetensors").read_bytes() for name in "abc"]
        assert models[0] == models[1]
        assert models[0] != models[2]

    def test_a_run_is_not_overwritten_unless_asked(self, run: Run, tiny: Path) -> None:
        trained(run, tiny)
        result = run("pretrain", tiny, "--out", "run")
        assert result.exit_code == 1
        assert "--overwrite" in result.stderr
        assert run("pretrain", tiny, "--out", "run", "--overwrite", "-q").exit_code == 0

    @pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
    def test_a_folder_that_may_not_be_written_to(self, run: Run, tiny: Path) -> None:
        Path("locked").mkdir(mode=0o500)
        result = run("pretrain", tiny, "--out", "locked/run", "-q")
        assert result.exit_code == 1
        assert "no permission" in result.stderr

    def test_out_under_a_file(self, run: Run, tiny: Path) -> None:
        Path("file").touch()
        result = run("pretrain", tiny, "--out", "file/run", "-q")
        assert result.exit_code == 1
        assert result.stderr.startswith("Error: ")
        assert "unforeseen" not in result.stderr


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
