"""``tinydl predict RUN PATHS...``."""

import csv
import io
import itertools

from tinydl.cli.parser import output_flags, thread_flags, whole

__all__ = ["add", "run"]

_AT_ONCE = 64  # files that are read before they are predicted
_FAR = 3.0  # standard deviations of the training values between two means


def add(commands):
    """Enter the command and its flags."""
    brief = "classify images, signals or rows with a trained run"
    parser = commands.add_parser(
        "predict", help=brief, description=brief, parents=[thread_flags(), output_flags()],
        epilog="Prints a line per image: its name, the class and the probability in %, separated by tabs; of a "
               "regression its name and the values. A file that cannot be read is named, the others are predicted, and "
               "the exit code is 1.")
    parser.add_argument("folder", metavar="RUN", help="a run folder")
    parser.add_argument("images", metavar="PATHS", nargs="+",
                        help="pictures (.png, .jpg, ...), .npy or .npz arrays (its x or x_test), IDX files, .csv "
                             "tables, .wav sounds, or folders of them")
    parser.add_argument("--resize", action="store_true", help="bring pictures to the size the run was trained on")
    parser.add_argument("--invert", action="store_true", help="turn dark into bright first")
    parser.add_argument("--top", type=whole(1), default=1, metavar="K", help="the K likeliest classes (default: 1)")
    parser.add_argument("--csv", action="store_true", help="print a table with a header")
    return parser


def run(args, out):
    """Print what the net says of every sample."""
    from tinydl.cli.output import UserError
    from tinydl.data.pictures import files_of
    from tinydl.train.run import Run

    if args.csv and args.json:
        raise UserError("choose one of --csv and --json")
    made = Run.open(args.folder)
    net, note = made.trained_net()
    if note:
        out.note(note)
    files = files_of(args.images, made.settings.get("about"))
    rows, failed, good = [], [], 0
    printed = 0
    for start in range(0, len(files), _AT_ONCE):
        for fault, answers in _answers(made, net, files[start:start + _AT_ONCE], args, out):
            if fault is not None:
                failed.append(fault)
                out.error(fault)
                continue
            good += 1
            rows += answers
        if not args.json:
            _print(made.settings, rows, args, printed == 0)
            printed += len(rows)
            rows = []
    if args.json:
        out.result("", {"run": args.folder, "predictions": rows, "errors": [str(fault) for fault in failed]})
    return 0 if not failed else 1 if good else 2


def _answers(made, net, files, args, out):
    """(fault or None, answers) of each file."""
    from tinydl.data import ArrayDataset
    from tinydl.data.dataset import DataError
    from tinydl.data.folders import each
    from tinydl.data.pictures import read_images
    from tinydl.train import predict

    s = made.settings
    read = each(lambda path: read_images(path, tuple(s["image_shape"]), s.get("about"), args.resize), files)
    for path, found in zip(files, read, strict=True):
        if isinstance(found, DataError):
            yield found, []
            continue
        images, names, picture = found
        fault = _fault(path, images)
        if fault:
            yield fault, []
            continue
        scale = _scale(s, images, picture)
        if args.invert:
            images = round(1 / scale) - images if images.dtype.kind != "f" else 1 / scale - images
        data = ArrayDataset(images, mean=s["mean"], std=s["std"], scale=scale)
        _compare(s, names[0], images, scale, picture, args, out)
        outputs = predict(net, data)
        yield None, [{"file": name, **_said(s, row, args.top)} for name, row in zip(names, outputs, strict=True)]


def _fault(path, images):
    import numpy as np

    if len(images) == 0:
        return f"{path}: holds no images"
    if images.dtype.kind == "f" and not np.isfinite(images).all():
        return f"{path}: holds nan or infinity"
    return None


def _scale(s, images, picture):
    """What brings images to the range of the training.

    The run's scale does it for its own images. Pictures have 0..255; floats are in 0..1 already if the run was trained
    on integers.
    """
    if images.dtype.kind == "f" and s.get("images") in ("uint8", "int16"):
        return 1.0
    return 1 / 255 if picture else s["scale"]


def _compare(s, name, images, scale, picture, args, out):
    """Say when images are far from those of the training: another polarity, another range."""
    import numpy as np

    usual, bright = float(np.mean(s["mean"])), float(images.mean(dtype=np.float64)) * scale
    if picture and 0 <= usual <= 1 and abs(1 - bright - usual) + 0.25 < abs(bright - usual):
        out.note(f"warning: {name}: its mean brightness is {bright:.0%}, that of the training images {usual:.0%}: is "
                 "it inverted?" + ("" if args.invert else " (--invert turns dark into bright)"))
        return
    axes = (0, *range(2, images.ndim))
    distance = np.abs(images.mean(axis=axes, dtype=np.float64) * scale - s["mean"]) / s["std"]
    pooled = float(np.mean(distance))
    if images.ndim > 2 and pooled > _FAR:
        out.note(f"warning: {name}: its mean is {bright:.4g} after scaling, that of the training {usual:.4g} with "
                 f"standard deviation {float(np.mean(s['std'])):.4g}: is its range another one?")


def _said(s, row, top):
    """The answer to one sample, as JSON holds it."""
    import numpy as np

    from tinydl.train.task import unscaled

    task = s.get("task", "classes")
    if task == "regression":
        return {"values": unscaled(row, s).tolist()}
    logits = row.astype(np.float64)
    if task == "labels":
        shares = 1 / (1 + np.exp(-logits))
        order = [k for k in np.argsort(-shares, kind="stable") if shares[k] > 0.5]
    else:
        shares = np.exp(logits - logits.max())
        shares /= shares.sum()
        order = np.argsort(-shares, kind="stable")[:top]
    return {"classes": [{"class": s["class_names"][k], "probability": float(shares[k])} for k in order]}


def _print(s, rows, args, first):
    """Lines of text, or of a table."""
    if args.csv:
        print(_table(s, rows, args.top, first), end="")
        return
    for row in rows:
        if "values" in row:
            cells = [f"{value:.6g}" for value in row["values"]]
        else:
            cells = list(itertools.chain.from_iterable(
                (answer["class"], f"{100 * answer['probability']:.1f}") for answer in row["classes"]))
        print("\t".join([row["file"], *cells]))


def _table(s, rows, top, first):
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    task = s.get("task", "classes")
    if task == "regression":
        header = [f"value{k}" for k in range(len(s["target_mean"]))]
        cells = [row["values"] for row in rows]
    elif task == "labels":
        header = ["classes"]
        cells = [[" ".join(answer["class"] for answer in row["classes"])] for row in rows]
    else:
        numbers = [""] + [str(k) for k in range(2, top + 1)]
        header = list(itertools.chain.from_iterable((f"class{k}", f"probability{k}") for k in numbers))
        cells = [itertools.chain.from_iterable((answer["class"], answer["probability"]) for answer in row["classes"])
                 for row in rows]
    if first:
        table.writerow(["file", *header])
    for row, more in zip(rows, cells, strict=True):
        table.writerow([row["file"], *more])
    return text.getvalue()
