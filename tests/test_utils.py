"""PyTorch's place for loaders."""

import tinydl as td
from tinydl import utils


def test_data():
    assert utils.data is td.data and td.utils.data.DataLoader is td.data.DataLoader
