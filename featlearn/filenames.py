"""What the files of a run are called, in the one place that says so."""

MODEL = "model.safetensors"
"""Weights, with all that is needed to rebuild the network."""

RECIPE = "recipe.toml"
"""The resolved recipe."""

RESULTS = "results.json"
"""What came out, with checksums; written last."""

METRICS = "metrics.jsonl"
"""Figures of training, a line each."""

IDENTITY = "identity.json"
"""What training was begun with; written first."""

CARD = "README.md"
"""A short description of a run, for people."""

LABELS = "labels.json"
"""Names of a head's classes, and which labels it learned from."""

EVALUATION = "evaluation.json"
"""Figures of a head on the test split."""

CALIBRATION = "calibration.json"
"""The temperature of a head, and what it was fitted on."""

UNITS = "units.json"
"""Figures of a run's best units."""

GABOR = "gabor.json"
"""Gabor functions that are nearest to a run's filters."""

CHECKPOINTS = "checkpoints"
"""Folder of what an unfinished run can go on from."""

EVENTS = "events"
"""Folder of TensorBoard's files."""

HEADS = "heads"
"""Folder of the heads of a run, a folder each."""

TASKS = "tasks"
"""Folder of the trainings of several tasks together, a folder each."""

SWEEPS = "sweeps"
"""Folder of a run's sweeps over labels, a folder each."""

TRIALS = "trials.jsonl"
"""Figures of a sweep's trials, a line each."""

CURVE = "few-labels.png"
"""Picture of what a sweep found."""

SEARCH = "sweep.db"
"""Trials of a search over a recipe's keys, in SQLite."""

BEST = "best.toml"
"""The best recipe that a search found."""

SEARCH_FIGURE = "sweep.png"
"""Picture of what a search tried."""

PRETRAINED = "pretrained"
"""Folder of the run that all trials of a search begin from, if they have one in common."""

REPORT = "report"
"""Folder of the page about a run, or about several."""

PAGE = "index.html"
"""The page itself."""

COMPARISON = "quickstart.json"
"""In a folder of runs: what pre-training was worth."""

OWN_FILES = (
    RESULTS,
    HEADS,
    TASKS,
    SWEEPS,
    CURVE,
    EVALUATION,
    CALIBRATION,
    UNITS,
    GABOR,
    REPORT,
    MODEL,
    CHECKPOINTS,
    EVENTS,
    LABELS,
    CARD,
    RECIPE,
    METRICS,
    TRIALS,
    IDENTITY,
)
"""Everything that commands write into a run, a head or a sweep; results first, the mark last."""

SEARCH_FILES = (
    RESULTS,
    SEARCH_FIGURE,
    BEST,
    PRETRAINED,
    SEARCH,
    f"{SEARCH}-journal",
    RECIPE,
    IDENTITY,
)
"""Everything that a search over a recipe's keys writes, the mark last."""
