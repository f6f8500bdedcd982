import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data():
    """The folder with real MNIST and a part of CIFAR-10."""
    folder = Path(os.environ.get("TINYDL_DATA") or Path(__file__).parents[3] / "shared" / "data")
    if not (folder / "mnist").is_dir() or not (folder / "cifar10").is_dir():
        pytest.skip(f"no folder with mnist/ and cifar10/ at {folder}; set TINYDL_DATA")
    return folder
