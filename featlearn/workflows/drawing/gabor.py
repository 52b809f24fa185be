"""Pictures of the Gabor functions nearest to filters."""

from featlearn.errors import ShapeError
from featlearn.evaluate.gabor_filters import filter_patterns
from featlearn.report.gabor import CONTROLS
from featlearn.visualize.gabor import gabor_fits_figure, gabor_plots_figure
from featlearn.workflows.drawing.subject import Named, Subject
from featlearn.workflows.gabor import all_patterns, fit_stages


def draw_gabor(subject: Subject) -> Named:
    """Draw filters beside their Gabor functions, and what these are like, for each stage."""
    stack = subject.stack
    if subject.place is not None:
        found = {subject.place: filter_patterns(stack, subject.place)}
    else:
        found, left_out = all_patterns(stack)
        if not found:
            raise ShapeError(next(iter(left_out.values())))
        for why in left_out.values():
            subject.progress.note(why)
    fitted = fit_stages(subject.loaded, found, progress=subject.progress)
    for patterns, stage in zip(found.values(), fitted, strict=True):
        name = stage.stage
        yield f"{name}-gabor", gabor_fits_figure(patterns.patterns, stage.fits, stage=name)
        controls = {CONTROLS[control.kind]: control.r2 for control in stage.controls}
        title = f"{name}: Gabor functions nearest to {stage.filters} filters"
        yield f"{name}-gabor-plots", gabor_plots_figure(stage.fits, controls, title=title)
