import os
import re
import shutil
from configparser import ConfigParser
from pathlib import Path

import pytest
import torch

from featlearn._version import __version__
from featlearn.datasets.catalogue import KNOWN
from featlearn.datasets.known import is_present
from featlearn.training.device import processor
from featlearn.workflows import doctor as module
from featlearn.workflows import speed as speed_module
from featlearn.workflows.doctor import doctor


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure for a moment only."""
    monkeypatch.setattr(speed_module, "_ENOUGH", 0.0)
    monkeypatch.setattr(speed_module, "_SIDES", {"cpu": 64, "cuda": 64})


def test_says_what_this_process_computes_with(tmp_path: Path) -> None:
    found = doctor(tmp_path)
    assert found.featlearn == __version__
    assert found.threads == torch.get_num_threads()
    assert [device.kind for device in found.devices].count("cuda") == torch.cuda.device_count()
    assert {row.name: row.version for row in found.packages}["torch"] == torch.__version__
    assert found.memory is None or found.memory > 10**8
    assert found.cores >= 1
    assert found.devices[0].name == processor()


def test_a_folder_that_does_not_exist_yet_is_judged_by_the_one_above(tmp_path: Path) -> None:
    place = doctor(tmp_path / "a" / "b").places[0]
    assert (place.name, place.path, place.writable) == (
        "data root",
        str(tmp_path / "a" / "b"),
        True,
    )
    assert place.free is not None
    assert abs(place.free - shutil.disk_usage(tmp_path).free) < 10**9


def test_what_every_run_needs_is_what_an_installation_brings(tmp_path: Path) -> None:
    settings = ConfigParser()
    settings.read(Path(__file__).parents[2] / "setup.cfg")
    wanted = settings["options"]["install_requires"].split()
    needed = {row.name for row in doctor(tmp_path).packages if row.needed_for == "every run"}
    assert needed == {re.split("[<>=!~]", line)[0] for line in wanted}


def test_an_extra_is_what_setup_cfg_says(tmp_path: Path) -> None:
    settings = ConfigParser()
    settings.read(Path(__file__).parents[2] / "setup.cfg")
    wanted = {
        extra: {re.split(r"[\[<>=!~]", line)[0] for line in lines.split()}
        for extra, lines in settings["options.extras_require"].items()
    }
    assert {name: set(packages) for name, (_, packages) in module._EXTRAS.items()} == wanted
    assert {extra.name for extra in doctor(tmp_path).extras} == set(wanted)


def test_what_an_extra_lacks_comes_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {"numpy": ("for numbers", ("numpy",)), "odd": ("for odds", ("numpy", "no-such-one"))}
    monkeypatch.setattr(module, "_EXTRAS", found)
    whole, lacking = doctor(tmp_path).extras
    assert (whole.missing, whole.command) == ([], None)
    assert lacking.missing == ["no-such-one"]
    assert lacking.command == "pip install 'featlearn[odd]'"


def test_devices_are_measured(tmp_path: Path) -> None:
    found = doctor(tmp_path)
    assert found.cuda == torch.version.cuda
    speed = found.devices[0].speed
    assert speed is not None
    assert speed.ratio == pytest.approx(speed.bfloat16 / speed.float32)


def test_sets_that_are_not_here_say_what_fetches_them(tmp_path: Path) -> None:
    rows = {row.name: row for row in doctor(tmp_path).datasets}
    assert (rows["digits"].present, rows["digits"].command) == (True, None)
    assert (rows["mnist"].present, rows["mnist"].command) == (False, "featlearn data fetch mnist")
    for name, known in KNOWN.items():
        assert (rows[name].command is not None) == bool(known.mirrors and not known.embedded)


def test_other_folders_of_the_root_are_named(tmp_path: Path) -> None:
    for name in ("mnist", "mine", ".hidden"):
        (tmp_path / name).mkdir()
    (tmp_path / "README.md").touch()
    assert doctor(tmp_path).others == ["mine"]
    assert doctor(tmp_path / "nowhere").others == []
    assert doctor(tmp_path / "README.md").others == []


def test_changes_nothing(tmp_path: Path) -> None:
    doctor(tmp_path / "new")
    assert not list(tmp_path.iterdir())


def test_problems_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LITTLE", 10**18)
    monkeypatch.setattr(module, "_REQUIRED", ("numpy", "no-such-package"))
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path) != tmp_path)
    said = doctor(tmp_path).problems
    assert said[0].startswith("no-such-package is not installed")
    assert any("data root" in line and "cannot be written to" in line for line in said)
    assert any("temporary files" in line and "almost full" in line for line in said)


def test_a_set_is_here_with_all_its_files_gzipped_or_not(tmp_path: Path) -> None:
    assert is_present("digits", tmp_path)
    assert not is_present("mnist", tmp_path)
    folder = tmp_path / "mnist"
    folder.mkdir()
    names = [file.name for file in KNOWN["mnist"].files]
    for name in names[:-1]:
        (folder / name).touch()
    assert not is_present("mnist", tmp_path)
    (folder / names[-1].removesuffix(".gz")).touch()
    assert is_present("mnist", tmp_path)
