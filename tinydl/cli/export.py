"""``tinydl export RUN FILE``: a trained run for other programs."""

import os

from tinydl.cli.output import UserError
from tinydl.cli.parser import output_flags
from tinydl.cli.train import data_dir_flag

__all__ = ["add", "run"]

_KINDS = (".onnx", ".c", ".safetensors")
_SAMPLE = 200  # of the training, whose ranges the integers get


def add(commands):
    """Enter the command and its flags."""
    brief = "write a trained run as ONNX, as a C file, or its weights"
    parser = commands.add_parser(
        "export", help=brief, description=brief, parents=[output_flags()],
        epilog="ONNX and C take samples as they are in files (0 to 255 for pictures, as floats): the normalisation of "
               "the training is their first layer.")
    data_dir_flag(parser)
    parser.add_argument("--int8", action="store_true",
                        help=f"FILE.c computes with 8-bit integers, whose ranges are those of {_SAMPLE} samples")
    parser.add_argument("folder", metavar="RUN", help="a run folder")
    parser.add_argument("file", metavar="FILE", help="what to write: FILE.onnx, FILE.c or FILE.safetensors")
    return parser


def run(args, out):
    """Write the file."""
    from tinydl.export import to_c, to_onnx
    from tinydl.train.checkpoint import save_weights
    from tinydl.train.model import Model
    from tinydl.train.run import Run

    kind = os.path.splitext(args.file)[1].lower()
    if kind not in _KINDS:
        raise UserError(f"{args.file}: choose a name that ends with {', '.join(_KINDS[:-1])} or {_KINDS[-1]}")
    if args.int8 and kind != ".c":
        raise UserError(f"{args.file}: --int8 is for C files; choose a name that ends with .c")
    made = Run.open(args.folder)
    net, note = made.trained_net()
    if note:
        out.note(note)
    shape = tuple(made.settings["image_shape"])
    if kind == ".safetensors":
        save_weights(args.file, net.net if made.settings.get("views") else net, made.metadata())
    elif kind == ".onnx":
        to_onnx(Model(net, made.card()).whole(), args.file, shape, class_names=made.settings["class_names"] or None)
    elif args.int8:
        to_c(_integers(made, Model(net, made.card()).whole(), args.data_dir), args.file)
    else:
        to_c(Model(net, made.card()).whole(), args.file, shape)
    out.result(f"written to {args.file}", {"file": args.file})
    return 0


def _integers(made, net, data_dir):
    """The network in integers, with the ranges of some training samples of the run."""
    import numpy as np

    from tinydl.export import quantize

    train, _ = made.parts(*made.load_data(data_dir))
    chosen = np.random.default_rng(0).permutation(len(train))[:_SAMPLE]
    return quantize(net, train.images[np.sort(chosen)].astype(np.float32))
