"""The commands that train, and those that use what was trained, one after the other."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

Run = Callable[..., Result]
Start = Callable[..., subprocess.CompletedProcess[str]]
Trained = Callable[..., Path]


class TestTraining:
    def test_from_images_to_classes(self, run: Run, tiny: Path, trained: Trained) -> None:
        out = trained(tiny)
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

    def test_pictures_and_a_page(self, run: Run, tiny: Path, trained: Trained) -> None:
        out = trained(tiny)
        drawn = run("visualize", out, "--what", "filters", "--what", "curves", "--out", "pictures")
        assert drawn.exit_code == 0, drawn.output
        files = [Path(line) for line in drawn.stdout.splitlines()]
        assert len(files) == 2
        assert all(file.read_bytes().startswith(b"\x89PNG") for file in files)
        made = run("report", out, "--json")
        assert made.exit_code == 0, made.output
        page = Path(json.loads(made.stdout)["report"])
        assert "Tiny" in page.read_text(encoding="utf-8")
        assert "single units are tested first" in made.stderr
        assert run("report", out, "--json").stderr == ""  # they are not tested twice
        assert run("report", out, out).exit_code == 2

    def test_pictures_and_a_page_are_computed_as_asked_for(
        self, run: Run, tiny: Path, trained: Trained, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import torch

        out = trained(tiny)
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

    def test_one_image_is_counted_as_one(self, run: Run, tiny: Path, trained: Trained) -> None:
        out = trained(tiny)
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

    def test_only_fine_tuning_can_be_changed_in_a_run(
        self, run: Run, tiny: Path, trained: Trained
    ) -> None:
        refused = run("finetune", trained(tiny), "--set", "stages.strokes.pool.size=3")
        assert refused.exit_code == 2
        assert "only finetune.* can be set here" in refused.output

    def test_probe(self, run: Run, tiny: Path, trained: Trained) -> None:
        out = trained(tiny)
        found = json.loads(run("evaluate", out, "--probe", "--labels", "50", "--json").stdout)
        assert [row["stage"] for row in found["probes"]] == ["pixels", "strokes"]
        said = run("evaluate", out, "--probe", "--labels", "50").stdout
        assert "50 of 100 labelled images" in said

    def test_quiet_says_nothing_beside_the_result(self, run: Run, tiny: Path) -> None:
        result = run("pretrain", tiny, "--out", "run", "-q")
        assert result.stderr == ""
        assert "strokes" in result.stdout

    def test_the_seed_is_the_recipe_s_unless_given(
        self, run: Run, tiny: Path, trained: Trained
    ) -> None:
        trained(tiny, "a")
        run("pretrain", tiny, "--out", "b", "-q", "--seed", "0")
        run("pretrain", tiny, "--out", "c", "-q", "--seed", "1")
        models = [Path(name, "model.safetensors").read_bytes() for name in "abc"]
        assert models[0] == models[1]
        assert models[0] != models[2]

    def test_a_run_is_not_overwritten_unless_asked(
        self, run: Run, tiny: Path, trained: Trained
    ) -> None:
        trained(tiny)
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
