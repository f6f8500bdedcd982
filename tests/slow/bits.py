"""Prints a hash of nets after some steps of training, with dropout and augmentation.

    python tests/slow/bits.py THREADS plain|joblib|threads NET ...

`joblib` trains each net in a process of a pool, `threads` all of them at once in threads of this one.
"""

import hashlib
import sys
import threading

import numpy as np

import tinydl as td
from tinydl.train import Trainer


def trained(name, dtype, n_threads):
    """Hash of the weights and statistics of a net after one epoch of three batches."""
    td.set_num_threads(n_threads)
    shape = td.models.INPUT_SHAPES[name]
    with td.random.stream(5):
        net = td.nn.Sequential(td.nn.Dropout(0.2), getattr(td.models, name)()).to(dtype)
    rng = np.random.default_rng(0)
    data = rng.standard_normal((20, *shape)).astype(dtype), np.arange(20) % 10
    trainer = Trainer(net, td.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-3), seed=1)
    trainer.fit(data, epochs=1, batch_size=8, progress=False, augment=td.data.Augment(2) if len(shape) == 3 else None)
    whole = hashlib.sha256()
    for key, value in net.state_dict().items():
        whole.update(key.encode() + np.ascontiguousarray(value).tobytes())
    return f"{name} {dtype} {whole.hexdigest()[:16]}"


def in_threads(works):
    results = {}
    start = threading.Barrier(len(works))

    def run(work):
        start.wait()
        results[work] = trained(*work)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [results[work] for work in works]


def main(n_threads, how, names):
    works = [(name, dtype, n_threads) for name in names for dtype in ("float32", "float64")]
    if how == "joblib":
        import joblib

        results = joblib.Parallel(n_jobs=2)(joblib.delayed(trained)(*work) for work in works)
    elif how == "threads":
        results = in_threads(works)
    else:
        results = [trained(*work) for work in works]
    print(*results, sep="\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
