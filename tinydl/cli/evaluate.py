"""``tinydl eval RUN``."""

from tinydl.cli import scores
from tinydl.cli.parser import output_flags, thread_flags
from tinydl.cli.train import data_dir_flag

__all__ = ["add", "run"]


def add(commands):
    """Enter the command and its flags."""
    brief = "accuracy, precision, recall and F1 of a trained run on its test images"
    parser = commands.add_parser("eval", help=brief, description=brief, parents=[thread_flags(), output_flags()])
    data_dir_flag(parser)
    parser.add_argument("folder", metavar="RUN", help="a run folder")
    return parser


def run(args, out):
    """Print the scores on the test images."""
    from tinydl.train.building import build_loss
    from tinydl.train.run import Run

    made = Run.open(args.folder)
    net, note = made.trained_net()
    _, test = made.load_data(args.data_dir)
    if note:
        out.note(note)
    result, _ = scores.score(made, net, test, build_loss(made.settings))
    text = f"{made.settings['model']} on {test.name}: {scores.headline(result)}"
    out.result("\n".join([text, *table(result)]), {"run": args.folder, "data": test.name, **result})
    return 0


def table(result):
    """Lines with precision, recall and F1 of each class, none for a regression."""
    rows = result.get("classes", [])
    if not rows:
        return []
    width = max(len("class"), *(len(row["class"]) for row in rows))
    lines = [f"{'class':<{width}}  precision  recall     F1       n"]
    lines += [f"{row['class']:<{width}}  {100 * row['precision']:7.2f} %  {100 * row['recall']:6.2f} % "
              f"{100 * row['f1']:6.2f} %  {row['n']:6,}" for row in rows]
    return [*lines, f"macro F1 {100 * result['macro_f1']:.2f} %"]
