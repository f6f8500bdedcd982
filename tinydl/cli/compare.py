"""``tinydl compare RUN RUN...``."""

import csv
import json

from tinydl.cli.parser import output_flags

__all__ = ["add", "run"]


def add(commands):
    """Enter the command and its flags."""
    brief = "runs side by side: settings that differ, and results"
    parser = commands.add_parser("compare", help=brief, description=brief, parents=[output_flags()])
    parser.add_argument("folders", metavar="RUN", nargs="+", help="run folders")
    return parser


_SHOWN = ("data", "model", "recipe", "optimizer", "lr", "schedule", "weight_decay", "momentum", "epochs", "batch_size",
          "augment", "loss", "val_split", "early_stopping", "seed")


def run(args, out):
    """Print a table with a line a run."""
    from tinydl.train.run import Run

    rows = [_row(Run.open(folder)) for folder in args.folders]
    varied = [key for key in _SHOWN if len({json.dumps(row["settings"].get(key)) for row in rows}) > 1]
    header = ["run", *varied, "done", "best val loss", "test", "seconds"]
    table = [header]
    for row in rows:
        table.append([row["run"], *(_cell(row["settings"].get(key)) for key in varied), f"{row['epochs']} epochs",
                      "-" if row["val_loss"] is None else f"{row['val_loss']:.4f}", _test(row["test"]),
                      f"{row['seconds']:.1f}"])
    widths = [max(len(line[k]) for line in table) for k in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table]
    out.result("\n".join(lines), {"runs": rows})
    return 0


def _row(made):
    """What is known of a run, finished or not."""
    history = _history(made.path("history.csv"))
    losses = [float(row["val_loss"]) for row in history if row.get("val_loss")]
    return {"run": made.folder, "settings": {key: made.settings.get(key) for key in _SHOWN}, "epochs": len(history),
            "val_loss": min(losses) if losses else None, "test": _result(made.path("result.json")),
            "seconds": sum(float(row["seconds"]) for row in history)}


def _history(path):
    """Rows of a history, none where there is no whole one."""
    try:
        with open(path, newline="") as file:
            rows = list(csv.DictReader(file))
        return [row for row in rows if float(row["seconds"]) >= 0]
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        return []


def _result(path):
    try:
        with open(path) as file:
            found = json.load(file)["test"]
        return {key: found[key] for key in ("accuracy", "loss", "macro_f1", "mse", "mae", "r2") if key in found}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _cell(value):
    return "-" if value is None else json.dumps(value) if isinstance(value, (dict, list)) else f"{value}"


def _test(found):
    if found is None:
        return "not done"
    return f"R2 {found['r2']:.4f}" if "r2" in found else f"{100 * found['accuracy']:.2f} %"
