"""Filters that learn to be centres of clusters, of every kind."""

from typing import Any

from featlearn.geometry import MapShape

IMAGE = MapShape(2, 6, 7)
FILTERS: dict[str, dict[str, Any]] = {
    "dense": {"kind": "dense", "maps": 5},
    "conv": {"kind": "conv", "size": 3, "maps": 4, "stride": 2, "padding": "same"},
    "local": {"kind": "local", "size": 3, "maps": 4, "stride": 2},
    "tiled": {"kind": "tiled", "size": 3, "maps": 4, "tile": 2},
    "groups": {"kind": "conv", "size": 3, "maps": 6, "groups": 2},
}
