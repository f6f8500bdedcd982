"""Serve a network over HTTP: draw a digit on a page, and see what the network takes it for.

    python examples/serve.py [--short] [--out FOLDER]

Needs FastAPI and uvicorn: pip install '.[serve]' in a clone, or 'tinydl-cnn[serve]'. The page is
http://127.0.0.1:8000. The first time a network is trained, which takes a few seconds, and written to
FOLDER/serve.safetensors, from which it is read the next time.
"""

import argparse
from pathlib import Path

import numpy as np
from fastapi import Body, FastAPI, HTTPException
from fastapi.responses import FileResponse

import tinydl as td

SIZE = 64  # pixels of the drawing, in both directions


def trained(short):
    td.manual_seed(0)
    train, test = ((data.images / np.float32(16), data.labels) for data in td.data.load_digits())  # 0 to 1, as drawn
    net = td.models.digits_cnn()
    trainer = td.train.Trainer(net, td.optim.SGD(net.parameters(), lr=0.05, momentum=0.9))
    moved = td.data.Augment(shift=1, mirror=False)  # hands do not centre as the data set does
    trainer.fit(train, test, epochs=4 if short else 15, batch_size=64, augment=moved, progress=False)
    print(f"{100 * trainer.history['val_accuracy'][-1]:.1f} % of {len(test[1])} digits are right")
    return td.freeze(net)


def sample(pixels):
    """What is drawn as the data set has it: as large as it can be, in the middle of 8x8 pixels, (1, 1, 8, 8)."""
    if {len(row) for row in pixels} != {SIZE} or len(pixels) != SIZE or not all(0 <= v <= 1 for v in sum(pixels, [])):
        raise HTTPException(422, f"pixels must be {SIZE} rows of {SIZE} numbers from 0, white, to 1, black")
    ink = np.array(pixels, np.float32)
    rows, columns = (np.flatnonzero(ink.max(axis) > 0.1) for axis in (1, 0))
    if not len(rows):
        raise HTTPException(422, "nothing is drawn")
    n = max(np.ptp(rows), np.ptp(columns)) + 1
    places = [SIZE + ((k[0] + k[-1] + 1 - n) + (2 * np.arange(SIZE) + 1) * n / SIZE) // 2 for k in (rows, columns)]
    square = np.pad(ink, SIZE)[np.ix_(*(place.astype(int) for place in places))]
    return square.reshape(8, 8, 8, 8).mean((1, 3))[None, None]


def main(short=False, out="."):
    path = Path(out) / "serve.safetensors"
    if not path.exists():
        trained(short).save(path, (1, 8, 8))
    predictor, app = td.load_predictor(path), FastAPI()

    @app.get("/")
    def page():
        return FileResponse(Path(__file__).with_suffix(".html"))

    @app.post("/predict")
    def predict(pixels: list[list[float]] = Body(embed=True)):  # noqa: B008
        p = td.ops.softmax(predictor(sample(pixels)), axis=1).numpy()[0]
        return {"digit": int(p.argmax()), "probabilities": p.tolist()}

    return app


if __name__ == "__main__":
    import uvicorn

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="train less")
    parser.add_argument("--out", default=".", help="folder for the network")
    uvicorn.run(main(**vars(parser.parse_args())), host="127.0.0.1", port=8000)
