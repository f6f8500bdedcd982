"""What moves values, beside onnxruntime."""

import numpy as np
import pytest

import tinydl as td
from tinydl import ops

FUNCTIONS = {
    "flatten": lambda x: ops.flatten(x, 1),
    "flatten the batch too": lambda x: ops.flatten(x, 0, 1),
    "reshape": lambda x: x.reshape(len(x), 4, 3, 5),
    "reshape by -1": lambda x: x.reshape(-1, 60),
    "rows": lambda x: x.reshape(len(x) * 3, 20) * 2,
    "transpose": lambda x: x.transpose(0, 2, 1, 3),
    "squeeze": lambda x: ops.squeeze(ops.unsqueeze(x, 2), 2) + 1,
    "broadcast": lambda x: ops.broadcast_to(x[:, :1], (len(x), 3, 4, 5)) + x,
    "concatenate": lambda x: ops.concatenate([x, x * 2, x[:, :1]], 1),
    "stack": lambda x: ops.stack([x, -x], 1),
    "index": lambda x: x[:, 1, ::2, None, -1],
    "slice backwards": lambda x: x[:, ::-1, 3:0:-2],
    "ellipsis": lambda x: x[..., 1:-1],
    "everything": lambda x: x[:] * 1,
    "vector": lambda x: x[:, [2, 0, -1, 2]],
    "pad": lambda x: ops.pad(x, (1, 2, 0, 1), value=3.0),
    "pad reflect": lambda x: ops.pad(x, (1, 2, 3, 1), mode="reflect"),
    "pad circular": lambda x: ops.pad(x, (1, 2, 3, 0), mode="circular"),
    "pad channels": lambda x: ops.pad(x, (0, 0, 0, 0, 1, 0)),
    "types": lambda x: x.astype("float64").exp().astype("float32"),
}
REFUSED = {
    "does something else for 3 images": lambda x: x[1:],
    "takes slice": lambda x: x[::-1],
    "has an index of masks": lambda x: x[:, np.eye(3, 4, dtype=bool)],
    "has an index of several arrays": lambda x: x[:, [0, 1], [1, 2]],
    "depends on the batch size": lambda x: x[:, :len(x)],
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name, agree, net):
    agree(net(FUNCTIONS[name]), (3, 4, 5))


@pytest.mark.parametrize("words", REFUSED)
def test_refused(words, net, tmp_path):
    pytest.importorskip("onnx")
    with pytest.raises(ValueError, match=f"to_onnx: .*{words}"):
        td.to_onnx(net(REFUSED[words]), tmp_path / "m.onnx", (3, 4, 5))
    assert not any(tmp_path.iterdir())
