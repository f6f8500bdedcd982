import io
import zipfile

import numpy as np
import pytest

from tinydl.data import DataError
from tinydl.data.npz import read_arrays


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_every_flipped_byte_of_members_packed_in_any_way(tmp_path, method):
    pytest.importorskip("bz2"), pytest.importorskip("lzma")
    path, x, member = tmp_path / "a.npz", np.arange(12, dtype=np.uint8).reshape(3, 2, 2), io.BytesIO()
    np.save(member, x)
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("x.npy", member.getvalue())
    whole, refused = path.read_bytes(), 0
    assert (read_arrays(path)["x"] == x).all()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1:])
        try:
            read_arrays(path)
        except DataError:
            refused += 1
    assert refused > len(whole) // 2  # each byte of the packed array among them
