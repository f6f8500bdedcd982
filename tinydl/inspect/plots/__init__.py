"""Pictures of nets and their training: curves, confusion matrix, filters, features, regions, gradients.

matplotlib is imported when a picture is made. Every function returns a `matplotlib.figure.Figure` made without pyplot,
so no window opens, no global state or backend is touched, and figures go away with their last reference. In a notebook
the figure that a cell ends with is shown. Pictures of one's own get the same style from `new_figure`, `plain`, `legend`
and the colours, which suit colour-blind readers and have others for dark paper.
"""

from tinydl.inspect.plots.compared import compared
from tinydl.inspect.plots.figure import legend, new_figure, plain, save
from tinydl.inspect.plots.layers import feature_maps, filters, saliency
from tinydl.inspect.plots.palette import BLUE, CLASSES, GREY, MARKERS, ORANGE
from tinydl.inspect.plots.plane import decision_regions, feature_space
from tinydl.inspect.plots.regression import predicted
from tinydl.inspect.plots.training import confusion, curves, gradient_flow, lr_range, misclassified

__all__ = [
    "BLUE", "CLASSES", "GREY", "MARKERS", "ORANGE", "compared", "confusion", "curves", "decision_regions",
    "feature_maps", "feature_space", "filters", "gradient_flow", "legend", "lr_range", "misclassified", "new_figure",
    "plain", "predicted", "saliency", "save",
]
