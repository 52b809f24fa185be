"""`visualize`: pictures of a run as files."""

from functools import partial
from pathlib import Path
from typing import Unpack

from featlearn.networks.store import load_stack
from featlearn.workflows.drawing.asked import Asked, DrawOptions, VisualizeResult
from featlearn.workflows.drawing.kinds import DRAWERS, KINDS


def visualize(path: Path, *, out: Path, **asked: Unpack[DrawOptions]) -> VisualizeResult:
    """Draw pictures of a finished run into a folder.

    Args:
        path: The run.
        out: Folder of the pictures; it is made if missing.
        **asked: `what` to draw, of which `stage`, `units` and `head`, from how many `images`, as
            files of which `form`; and `root` of the data sets, `device`, `threads` and `progress`:
            see `DrawOptions` in `featlearn.workflows.drawing.asked`.

    Raises:
        FeatlearnError: If the run, the data or what was asked for stand in the way.
    """
    wanted = Asked.of(path, out, **asked)
    loaded = load_stack(wanted.run.path)
    wanted.check_apart([loaded.recipe.data.source])
    loaded.stack.to(wanted.device).eval()
    subject = wanted.subject(loaded, head=wanted.head)
    drawers = {kind: partial(DRAWERS[kind], subject) for kind in wanted.kinds}
    return wanted.draw(drawers, offered=KINDS)
