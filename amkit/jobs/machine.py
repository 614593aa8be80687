"""What machine this is."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

from amkit import __version__


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")  # Linux alone tells the model; elsewhere the family must do.
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def describe() -> dict[str, str | int]:
    """The machine and the versions, for a run's configuration and a model's card."""
    packages = ("tensorflow", "keras", "ale-py", "gymnasium", "numpy")
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 1,
        "python": platform.python_version(),
        "amkit": __version__,
        **{package: version(package) for package in packages},
    }
