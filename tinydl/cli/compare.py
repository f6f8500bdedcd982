"""``tinydl compare RUN RUN...``."""

import csv
import io
import json
import os

from tinydl._files import open_file
from tinydl.cli.output import UserError
from tinydl.cli.parser import listed, output_flags
from tinydl.cli.table import fitted, terminal_width

__all__ = ["add", "run"]


_SHOWN = ("data", "model", "recipe", "optimizer", "lr", "schedule", "weight_decay", "momentum", "epochs", "batch_size",
          "augment", "loss", "val_split", "early_stopping", "seed")
_FORMATS = (".png", ".svg", ".pdf")


def add(commands):
    """Enter the command and its flags."""
    brief = "runs side by side: settings that differ, results and curves"
    parser = commands.add_parser("compare", help=brief, description=brief, parents=[output_flags()])
    parser.add_argument("folders", metavar="RUN", nargs="+", help="run folders")
    parser.add_argument("--out", metavar="FILE", help="draw the curves of all runs into FILE.png, FILE.svg or FILE.pdf")
    return parser


def run(args, out):
    """Print a table of the runs, and draw their curves where a file for them is named."""
    from tinydl.train.run import Run

    if args.out is not None and os.path.splitext(args.out)[1].lower() not in _FORMATS:
        raise UserError(f"{args.out}: choose a name that ends with {listed(_FORMATS, 'or')}")
    runs = [Run.open(folder) for folder in args.folders]
    rows = [_row(made) for made in runs]
    if args.out is not None:
        _draw(rows, [_history(made.path("history.csv")) for made in runs], args.out)
    varied = [key for key in _SHOWN if len({json.dumps(row["settings"].get(key)) for row in rows}) > 1]
    places = {row["settings"]["data"] for row in rows}
    short = len({os.path.basename(place) for place in places}) == len(places)

    def words(settings, key):
        return os.path.basename(settings[key]) if key == "data" and short else _cell(settings[key])

    table = [[row["run"], *(words(row["settings"], key) for key in varied),
              f"{row['epochs']} epoch{'s' * (row['epochs'] != 1)}",
              "-" if row["val_loss"] is None else f"{row['val_loss']:.4f}", _test(row["test"]), f"{row['seconds']:.1f}"]
             for row in rows]
    lines = fitted(["run", *varied, "done", "best val loss", "test", "seconds"], table, terminal_width())
    out.result("\n".join(lines), {"runs": rows, **({} if args.out is None else {"picture": args.out})})
    if args.out is not None and not args.json:
        out.say(f"written to {args.out}")
    return 0


def _draw(rows, histories, path):
    """One picture of the curves of all runs, which are named as shortly as tells them apart."""
    from tinydl.inspect import plots

    names = [os.path.basename(os.path.normpath(row["run"])) for row in rows]
    if len(set(names)) < len(names):
        names = [row["run"] for row in rows]
    curves = {name: {key: [_number(line[key]) for line in history] for key in (history or [{}])[0]}
              for name, history in zip(names, histories, strict=True)}
    if not any(curves.values()):
        raise UserError(f"no run has an epoch to draw: {', '.join(names)}")
    plots.save(plots.compared(curves, "Runs"), path)


def _number(cell):
    """A cell of a history: nan where there is no number."""
    try:
        return float(cell)
    except (TypeError, ValueError):
        return float("nan")


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
        with open_file(path) as file:
            rows = list(csv.DictReader(io.TextIOWrapper(file, "utf-8", newline="")))
        for row in rows:
            float(row.get("val_loss") or 0)  # a ValueError where it is no number
        # What a row has more than the head says lies under None.
        return [] if any(None in row for row in rows) else [row for row in rows if float(row["seconds"]) >= 0]
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        return []


def _result(path):
    try:
        with open_file(path) as file:
            result = json.loads(file.read())
        if "failed" in result:
            return {"failed": result["failed"]}
        found = result["test"]
        known = {key: float(found[key]) for key in ("accuracy", "loss", "macro_f1", "mse", "mae", "r2") if key in found}
        return known if "r2" in known or "accuracy" in known else None
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None


def _cell(value):
    """A setting in words; of a table the settings that are on."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_cell(item)}" for key, item in value.items() if item is not False) or "-"
    if isinstance(value, list):
        return ", ".join(map(_cell, value))
    return "-" if value is None else f"{value:.6g}" if isinstance(value, float) else f"{value}"


def _test(found):
    if found is None:
        return "not done"
    if "failed" in found:
        return "failed"
    return f"R2 {found['r2']:.4f}" if "r2" in found else f"{100 * found['accuracy']:.2f} %"
