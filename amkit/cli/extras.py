"""What amkit's extras bring, and drawing without a display."""

import os
from importlib.util import find_spec

from amkit.cli.console import WRONG_USAGE, fail

_MODULES = {
    "plots": ("matplotlib",),
    "report": ("matplotlib", "pandas", "jinja2", "tabulate", "scipy", "markdown_it"),
    "tensorboard": ("tensorboard",),
    "video": ("PIL",),
}


def missing(extra: str) -> str:
    """How to install an extra; empty where it is installed.

    From here on figures need no display. A shell that Jupyter or Colab started names a backend in
    MPLBACKEND that may not be installed here, and then matplotlib cannot even be imported.
    """
    os.environ["MPLBACKEND"] = "agg"
    if all(map(find_spec, _MODULES[extra])):
        return ""
    return f"amkit's extra '{extra}': pip install -e '.[{extra}]'"


def need(extra: str, what: str) -> None:
    """Ends the command where an extra is not installed; `what` is to be made with it."""
    if how := missing(extra):
        fail(f"{what} needs {how}", WRONG_USAGE)
