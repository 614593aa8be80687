"""From recorded runs to the report that they make: its page, tables and figures in a folder."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from amkit.reports.ablations import ablations, differ
from amkit.reports.guesses import read_guesses
from amkit.reports.pages import ablations as ablation_page
from amkit.reports.pages import multitask as multitask_page
from amkit.reports.pages import transfers as transfer_page
from amkit.reports.recorded import experiment, read_cards
from amkit.reports.transfers import transfers, unfinished


def write_report(
    paths: Sequence[Path],
    folder: Path,
    seed: int = 0,
    guesses: Sequence[Path] = (),
    on_left_out: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Writes the report that runs make: Table 1, a comparison of variants, or Table 2 of transfers.

    Args:
        paths: of runs, as in `report.read_cards`; folders of transfers may be unfinished.
        folder: where to; made if missing, files of the same names replaced.
        seed: int. Of the bootstrap.
        guesses: of transfers: files of `amkit relate --output`.
        on_left_out: called with a sentence for each run and game that is left out.

    Returns:
        What the page says. Of multitask runs "games" (`report.table_1`) and "aggregates"
        (`report.aggregates`); of distillations that differ in an option "variants"
        (`ablation_report.table`); of transfers "curves" (`transfer_report.table_2`) and "relation"
        (a `relate_report.Relation`; None without guesses).

    Raises:
        ValueError: if the runs make no report, or guesses are of none.
        ModelFileError: if a card or a guess is missing or damaged.
        DamagedRun: if the configuration of an unfinished run cannot be read.
        OSError: if the folder cannot be written.
    """
    missing = unfinished(paths)
    cards = read_cards(path for path in paths if path not in missing)
    if missing or any("transfer" in card for card in cards):
        recorded = transfers(cards, missing)
        told = read_guesses(guesses) if guesses else None
        if on_left_out:
            for note in recorded.skipped:
                on_left_out(note)
        table, related = transfer_page.write(recorded, folder, seed, told)
        return {"curves": table, "relation": related}
    if guesses:
        raise ValueError("--relate is for reports of transfers. Received: none of these")
    if differ(cards):
        return {"variants": ablation_page.write(ablations(cards), folder, seed)}
    table, aggregates = multitask_page.write(experiment(cards), folder, seed)
    return {"games": table, "aggregates": aggregates}
