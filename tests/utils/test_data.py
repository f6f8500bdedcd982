"""PyTorch's place for loaders."""

import pytest

import tinydl as td
from tinydl.utils.data import DataLoader, random_split


def test_the_names_are_those_of_data():
    assert DataLoader is td.data.DataLoader is td.utils.data.DataLoader and random_split is td.data.random_split
    assert td.utils.data.__all__ == td.data.__all__
    with pytest.raises(AttributeError, match="SubsetRandomSampler.*use Subset"):
        td.utils.data.SubsetRandomSampler  # noqa: B018
