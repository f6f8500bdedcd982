"""What all commands' flags have in common: values and their checks, errors with a suggestion."""

import argparse
import difflib
import math

from tinydl._check import meant

__all__ = [
    "Parser", "augmentation", "class_weights", "flags_of", "geometry", "listed", "number", "one_of", "output_flags",
    "share", "thread_flags", "whole",
]


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line, with the flag or command that may have been meant."""

    commands: dict[str, argparse.ArgumentParser]

    def error(self, message):
        """End the program with a line and exit code 2."""
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")

    def _check_value(self, action, value):
        """A command that there is, or an error with the one that may have been meant."""
        if action.choices is not None and value not in action.choices:
            raise argparse.ArgumentError(action, f"invalid choice: {value!r}; {meant(value, action.choices)}choose "
                                                 + ", ".join(map(str, action.choices)))

    def parse_args(self, args=None, namespace=None):
        """Arguments as a namespace; unknown ones are an error."""
        parsed, extra = self.parse_known_args(args, namespace)
        if extra:
            owner = self.commands.get(getattr(parsed, "command", None), self)
            known = flags_of(owner)
            close = [difflib.get_close_matches(word.split("=")[0], known, 1) for word in extra if word[:2] == "--"]
            likely = [match[0] for match in close if match]
            owner.error(f"unrecognized arguments: {' '.join(extra)}"
                        + (f"; did you mean {', '.join(likely)}?" if likely else ""))
        self._need_values(parsed)
        return parsed

    def _need_values(self, parsed):
        """Refuse an empty text, such as an unset variable of a script: it would pass for a flag that was not given."""
        owner = self.commands.get(parsed.command, self)
        for action in owner._actions:
            value = getattr(parsed, action.dest, None)
            if value == "" or (isinstance(value, list) and "" in value):
                owner.error(f"argument {'/'.join(action.option_strings) or action.metavar}: an empty text is no value")


def flags_of(parser):
    """The long flags of a parser, and what each is stored as: {"--batch-size": action}."""
    return {flag: action for action in parser._actions for flag in action.option_strings if flag.startswith("--")}


# --- values --------------------------------------------------------------------------------------------------------

def whole(low):
    """A parser of whole numbers from `low` on."""
    def parse(text):
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if not low <= value < 2**31:
            raise argparse.ArgumentTypeError(f"{value} is not a whole number from {low} to {2**31 - 1}")
        return value
    return parse


def _threads(text):
    value = whole(-1024)(text)
    if value == 0 or value > 1024:
        raise argparse.ArgumentTypeError(f"{value} threads; use 1 to 1024, or -1 for all")
    return value


def number(allow_zero):
    """A parser of finite numbers, positive ones or from 0 on."""
    def parse(text):
        try:
            value = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
        if not math.isfinite(value) or value < 0 or (value == 0 and not allow_zero):
            wanted = "a number from 0 on" if allow_zero else "a positive number"
            raise argparse.ArgumentTypeError(f"{text} is not {wanted}")
        return value
    return parse


def share(text):
    """A number from 0 to below 1."""
    value = number(True)(text)
    if value >= 1:
        raise argparse.ArgumentTypeError(f"{text} is not a share from 0 to below 1")
    return value


def geometry(axes, form):
    """A parser of sizes such as 3x128, of so many axes."""
    def parse(text):
        try:
            numbers = [int(n) for n in text.lower().split("x")]
        except ValueError:
            numbers = []
        if len(numbers) not in axes or min(numbers) < 1:
            raise argparse.ArgumentTypeError(f"{text!r} is not of the form {form}")
        return numbers
    return parse


def one_of(*names):
    """A parser of some words."""
    def parse(text):
        if text not in names:
            raise argparse.ArgumentTypeError(f"unknown {text!r}; {meant(text, names)}choose {', '.join(names)}")
        return text
    return parse


def augmentation(text):
    """Arguments of `data.Augment` from text such as shift=4,mirror,padding=reflect; {} for none."""
    from tinydl.data.augmentations import from_words

    try:
        return from_words(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def class_weights(text):
    """'balanced', None for none, or a list of numbers."""
    if text in ("balanced", "none"):
        return text
    return [number(True)(part) for part in text.split(",")]


def listed(names, conjunction):
    """'a, b or c'."""
    *rest, last = names
    return f"{', '.join(rest)} {conjunction} {last}"


# --- flags of several commands -------------------------------------------------------------------------------------

def thread_flags():
    """--threads, as a parent of commands that compute."""
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument("--threads", type=_threads, metavar="N",
                        help="threads of the kernels; results do not depend on it (default: what the machine grants)")
    return parent


def output_flags():
    """--json, as a parent of commands that have a result."""
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument("--json", action="store_true", help="print the result alone, as JSON")
    return parent
