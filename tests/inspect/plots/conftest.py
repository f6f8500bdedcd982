"""Reading what a picture says."""

import pytest


def _texts(figure):
    """Every piece of text in a figure."""
    from matplotlib.text import Text

    return " | ".join(t.get_text() for t in figure.findobj(Text) if t.get_text())


@pytest.fixture
def texts():
    return _texts
