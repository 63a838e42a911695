"""What the notebooks share: run a command of recoup and show what it returns."""

import json
import shlex
import subprocess

from IPython.display import SVG, display


def recoup(command):
    """Run a command with --json and return what it writes."""
    return json.loads(run(command + " --json"))


def run(command):
    """Run a command and return its text."""
    done = subprocess.run(["recoup", *shlex.split(command)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


def figure(command):
    """Draw what a command draws."""
    run(command + " -o figure.svg --quiet")
    display(SVG("figure.svg"))


def table(rows, *columns):
    """Print the named columns of rows, numbers to four digits."""
    cells = [list(columns)] + [[text(r.get(c)) for c in columns] for r in rows]
    widths = [max(len(r[i]) for r in cells) for i in range(len(columns))]
    for r in cells:
        print("  ".join(c.ljust(w) for c, w in zip(r, widths)).rstrip())


def text(value):
    """A cell as it is printed; null is empty."""
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
