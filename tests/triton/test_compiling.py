"""Every kernel compiles for devices of two generations, none of which need be here."""

import json
import os
import subprocess
import sys
from pathlib import Path


def test_every_kernel_compiles_and_fits(tmp_path: Path) -> None:
    # The interpreter replaces what compiles, so that a process of its own is asked.
    own = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    own["PYTHONPATH"] = str(Path(__file__).parents[2])
    own["TRITON_CACHE_DIR"] = str(tmp_path)
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("compiling.py"))],
        env=own,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == 2 * (3 * (6 + 2) + 2)  # generations, precisions, kernels
    for kernel in found:
        # What the smallest of these devices have for one program.
        assert kernel["shared"] <= 99 * 1024, kernel
        assert not kernel["atomics"], kernel
        assert kernel["tensor_cores"] == kernel["kernel"].startswith("local"), kernel
