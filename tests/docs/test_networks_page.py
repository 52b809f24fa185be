"""The page on networks: its table is what the code says."""

import re
from pathlib import Path

from featlearn.config.architectures.catalogue import architecture
from featlearn.workflows.recipes import list_recipes

PAGE = Path(__file__).resolve().parents[2] / "docs" / "networks.md"


def test_the_table_lists_every_network_with_its_count() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    rows = [line.split(" | ") for line in lines if re.match(r"\| `", line)]
    listed = [(row[0].strip("| `"), *row[1:6]) for row in rows]
    assert listed == [
        (
            row.name,
            f"{row.parameters:,}",
            "×".join(map(str, row.input)),
            str(row.classes),
            row.source,
            architecture(row.name).keys or "–",
        )
        for row in list_recipes().networks
    ]
