"""`amkit theory`."""

import json as json_format
from pathlib import Path
from typing import Annotated, Any

import typer

from amkit.cli.console import out, print_json, say, spinner, usage
from amkit.cli.extras import missing
from amkit.cli.jobs import RUNS


def theory(
    seed: Annotated[int, typer.Option(help="Of the random process.", min=0)] = 0,
    run: Annotated[
        Path | None, typer.Option("--run", help="Run folder (default: a new one under runs/).")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
) -> None:
    """Measure what section 4 of the paper claims, on small decision processes.

    Lemma 1 (one fixed point), Theorem 1 (the iteration contracts, and where it does not) and
    Proposition 1 (imitation's cost grows linearly or quadratically). Takes half a minute.

    Example: [bold]amkit theory[/]  tables, and with the extra 'plots' a figure in runs/theory/
    """
    from amkit import __version__
    from amkit.cli.tables import theory_table
    from amkit.storage import files, run_folders
    from amkit.theory import study

    with usage():
        folder = run_folders.choose(RUNS, "theory", run, resume=None)
        opened = run_folders.Run(folder, {"kind": "theory", "seed": seed, "amkit": __version__})
    with opened, usage():
        with spinner() as tell:
            tell("Lemma 1")
            results: dict[str, Any] = {"lemma_1": study.lemma_1(seed)}
            tell("Theorem 1")
            results["theorem_1"] = study.theorem_1(seed)
            tell("Proposition 1")
            results["proposition_1"] = study.proposition_1()
        files.write_text(folder / "results.json", json_format.dumps(results) + "\n")
        if extra := missing("plots"):  # The numbers are numpy's alone.
            say(f"no figure: it needs {extra}")
        else:
            from amkit.reports import figures
            from amkit.theory.figure import theory_figure

            figures.save(theory_figure(results), folder / "theory.png")
            say(f"figure: {folder / 'theory.png'}")
    if json:
        print_json({"run": str(folder), **results})
    else:
        for table in theory_table(results):
            out.print(table)
