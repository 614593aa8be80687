"""From recorded runs to the report that they make: a page, its tables and figures in a folder.

A page is a template in Markdown; the HTML page is the same text with its figures inside.
"""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup, escape
from matplotlib.figure import Figure
from PIL import Image

from amkit.games.catalogue import SPLITS
from amkit.games.published import EPSILON, TABLE_2, PaperResult
from amkit.reports import ablations, figures, multitask, transfers
from amkit.reports.guesses import Guesses, read_guesses, recommended, relation
from amkit.reports.improvement import overall
from amkit.reports.recorded import Recorded, experiment, read_cards
from amkit.reports.statistics import FLOOR, REPLICATES
from amkit.reports.text import Cells, Estimate, Row, interval, number
from amkit.storage.files import whole, write_text

_GENERATOR = '<meta name="generator" content="amkit report">'
_TYPES = {".svg": "image/svg+xml", ".webp": "image/webp"}


@dataclass(frozen=True)
class Clip:
    """A short silent recording of a game."""

    name: str
    title: str  # The game's, for people.
    by: str  # The network that plays.
    score: float  # At the end of what is shown.
    video: bytes  # An animated WebP.


Clips = Callable[[], Sequence[Clip]]  # Makes the recordings of a page.


def write_report(
    paths: Sequence[Path],
    folder: Path,
    seed: int = 0,
    guesses: Sequence[Path] = (),
    clips: Clips = list,
    on_left_out: Callable[[str], None] = lambda note: None,
) -> dict[str, Any]:
    """Writes the report that runs make: Table 1, a comparison of variants, or Table 2 of transfers.

    Args:
        paths: as in `read_cards`; folders of transfers may be unfinished.
        folder: where to; made if missing, files of an earlier report replaced.
        seed: of the bootstrap.
        guesses: of transfers: files of `amkit relate --output`.
        clips: called when all else is known to be right.
        on_left_out: called with a sentence for each run and game that is left out.

    Returns:
        What the page says: of multitask runs "games" (`table_1`) and "aggregates", of distillations
        that differ in an option "variants" (`ablations.table`), of transfers "curves" (`table_2`)
        "overall" (`improvement.overall`) and "relation" (a `Relation`; None without guesses).

    Raises:
        ValueError: if the runs make no report, guesses are of none, or the folder has a file of the
            same name and no earlier report.
        ModelFileError, DamagedRun: if a card, a guess or a configuration is missing or damaged.
    """
    missing = transfers.unfinished(paths)
    cards = read_cards(path for path in paths if path not in missing)
    if missing or any("transfer" in card for card in cards):
        recorded = transfers.transfers(cards, missing)
        told = read_guesses(guesses) if guesses else None
        for note in recorded.skipped:
            on_left_out(note)
        return write_transfers(recorded, folder, seed, told, clips)
    if guesses:
        raise ValueError(
            "--relate is only for reports of transfers. Received: runs without a transfer"
        )
    if ablations.differ(cards):
        return write_ablations(ablations.ablations(cards), folder, seed, clips)
    return write_multitask(experiment(cards), folder, seed, clips)


def write_multitask(
    recorded: Recorded, folder: Path, seed: int = 0, clips: Clips = list
) -> dict[str, Any]:
    """Writes the page of multitask runs: Table 1, Figures 1 to 6, baselines and costs."""
    games = multitask.table_1(recorded, seed)
    aggregates = multitask.aggregates(recorded, seed)
    curves = multitask.curve_rows(recorded)
    tables = {
        "table_1": games,
        "aggregates": [{"statistic": name, "value": value} for name, value in aggregates.items()],
        "curves": curves,
        "costs": multitask.costs(recorded),
    }
    amn = recorded.amns[0]
    # Figures 4 and 5 are of the source games.
    sources = 5 if amn.get("settings", {}).get("feature_weight") else 4
    shown = {1 if set(recorded.games) <= set(SPLITS["multitask"]) else sources: ["amn"]}
    shown |= {n: ["amn", k] for n, k in ((2, "mdqn"), (3, "mcdqn")) if k in recorded.baselines}
    if not any(point["network"] == "amn" for point in curves):
        shown = {}
    drawn = {f"figure_{n}": figures.learning_curves(games, curves, k) for n, k in shown.items()}
    drawn["figure_6"] = figures.relative_scores(games)
    _write(folder, "multitask", drawn, tables, clips, recorded=recorded, card=amn, shown=shown)
    return {"games": games, "aggregates": aggregates}


def write_ablations(
    variants: Mapping[str, Recorded], folder: Path, seed: int = 0, clips: Clips = list
) -> dict[str, Any]:
    """Writes the page of distillations that differ in an option."""
    table = ablations.table(variants, seed)
    recorded = next(iter(variants.values()))
    drawn = {"variants": figures.variant_scores(table)}
    scores = [{**row, "scores": [row["scores"][game] for game in recorded.games]} for row in table]
    content = {"recorded": recorded, "card": recorded.amns[0], "scores": scores}
    _write(folder, "ablations", drawn, {"variants": table}, clips, **content)
    return {"variants": table}


def write_transfers(
    recorded: transfers.Transfers,
    folder: Path,
    seed: int = 0,
    guesses: Guesses | None = None,
    clips: Clips = list,
) -> dict[str, Any]:
    """Writes the page of transfers: Table 2, Figure 7, and whether `amkit relate` had told."""
    table = transfers.table_2(recorded, seed)
    points = [
        {"game": row["game"], "source": row["source"], **point}
        for row in table
        for point in row["points"]
    ]
    tables = {"table_2": points, "areas": table, "overall": overall(recorded, table, seed)}
    drawn = {"figure_7": figures.transfer_curves(table)}
    related = None if guesses is None else relation(recorded, table, guesses, seed)
    choices = recommended(related) if related else {}
    if related:
        tables["relation"] = related.points
        drawn["relation"] = figures.guesses_and_gains(related.points)
    _write(
        *(folder, "transfers", drawn, tables, clips),
        recorded=recorded,
        card=next(iter(recorded.runs.values()))[0],
        papers=[
            {"game": game, "source": weights, "scores": scores}
            for game in recorded.games
            for weights, scores in TABLE_2.get(game, {}).items()
        ],
        related=related,
        choices=[row for row in table if choices.get(row["game"]) == row["source"]],
    )
    return {"curves": table, "overall": tables["overall"], "relation": related}


def _write(
    folder: Path,
    template: str,
    drawn: Mapping[str, Figure],
    tables: Mapping[str, Sequence[Row]],
    clips: Clips,
    **content: Any,
) -> None:
    """Writes figures (PNG, SVG), recordings, tables (CSV) and the page, as Markdown and HTML."""
    names = [f"{name}.{ending}" for name in drawn for ending in ("png", "svg")]
    _check_folder(folder, [*names, *(f"{name}.csv" for name in tables), "report.md", "index.html"])
    recorded = clips()
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        figures.save(drawn[Path(name).stem], folder / name)
    for name, rows in tables.items():
        write_text(folder / f"{name}.csv", csv_text(rows))
    for clip in recorded:
        with whole(folder / f"play_{clip.name}.webp") as temporary:
            temporary.write_bytes(clip.video)
    numbers = {"replicates": REPLICATES, "floor": FLOOR, "epsilon": EPSILON}
    text = _TEMPLATES.get_template(f"{template}.md").render(
        **tables, **content, **numbers, clips=recorded
    )
    text = re.sub(r"\n{3,}", "\n\n", text)
    write_text(folder / "report.md", text)
    write_text(folder / "index.html", html(text, folder))


def _check_folder(folder: Path, names: Sequence[str]) -> None:
    """ValueError if files would be replaced that are not of an earlier report."""
    page = folder / "index.html"
    earlier = page.is_file() and _GENERATOR in page.read_text(encoding="utf-8", errors="replace")
    taken = [] if earlier else [name for name in names if (folder / name).exists()]
    if taken:
        raise ValueError(
            "a report may replace only an earlier report: name another folder, or delete these "
            f"files. Received: {folder}, which has {', '.join(taken)}"
        )


def html(text: str, folder: Path) -> str:
    """A page of Markdown as HTML, with its pictures, from a folder, inside."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    for rule in (_image, _table_open, _table_close):
        parser.add_render_rule(rule.__name__.strip("_"), rule)
    tokens = parser.parse(text)
    heading = ""
    for i, token in enumerate(tokens):
        if token.type == "heading_open":
            heading = "".join(part.content for part in tokens[i + 1].children or ())
        token.meta |= {"folder": folder, "heading": heading}
        for picture in token.children or ():
            picture.meta["folder"] = folder
    title = "".join(part.content for part in tokens[1].children or ())
    body = Markup(parser.renderer.render(tokens, parser.options, {}))
    page = _TEMPLATES.get_template("page.html")
    return page.render(title=title, body=body, generator=Markup(_GENERATOR))


def _image(self: Any, tokens: Sequence[Any], i: int, options: Any, environment: Any) -> str:
    """A figure as its SVG; a recording with its title below, and still for whoever wants that."""
    token = tokens[i]
    path = token.meta["folder"] / str(token.attrGet("src"))
    if path.suffix != ".webp":
        token.attrSet("src", _data(path.with_suffix(".svg").read_bytes(), ".svg"))
        return str(self.image(tokens, i, options, environment))
    video, still = path.read_bytes(), BytesIO()
    Image.open(BytesIO(video)).convert("RGB").save(still, "WEBP", lossless=True)
    title = escape(token.attrs.pop("title", ""))
    token.attrSet("src", _data(video, ".webp"))
    picture = self.image(tokens, i, options, environment)
    source = f'srcset="{_data(still.getvalue(), ".webp")}" media="(prefers-reduced-motion: reduce)"'
    return f'<span class="clip"><picture><source {source}>{picture}</picture>{title}</span>'


def _table_open(self: Any, tokens: Sequence[Any], i: int, options: Any, environment: Any) -> str:
    """A table in a container of its own, which scrolls, by the keyboard too."""
    label = escape(tokens[i].meta["heading"])
    return f'<div class="table" role="region" aria-label="{label}" tabindex="0"><table>\n'


def _table_close(self: Any, tokens: Sequence[Any], i: int, options: Any, environment: Any) -> str:
    return "</table></div>\n"


def _data(content: bytes, ending: str) -> str:
    return f"data:{_TYPES[ending]};base64,{base64.b64encode(content).decode()}"


def csv_text(rows: Sequence[Row]) -> str:
    """Rows as CSV; an `Estimate` becomes three columns, and what is not known is empty."""
    return pd.DataFrame(map(_flat, rows), dtype=object).to_csv(index=False, lineterminator="\n")


def _flat(row: Row) -> Row:
    flat: Row = {}
    for key, value in row.items():
        if isinstance(value, Estimate):
            flat |= {key: value.value, f"{key}_low": value.low, f"{key}_high": value.high}
        elif isinstance(value, PaperResult):
            flat |= {f"{key}_{name}": score for name, score in vars(value).items()}
        elif isinstance(value, dict):
            flat |= _flat(value)
        elif not isinstance(value, list) and key != "paper":
            flat[key] = value
    return flat


def grid(rows: Sequence[Row], *columns: Mapping[str, str]) -> Markup:
    """Rows as a table of Markdown; columns: heading -> such as "{amn} ± {amn_error}"."""
    cells = {heading: cell for some in columns for heading, cell in some.items()}
    frame = pd.DataFrame(
        [[_CELLS.vformat(cell, (), row) for cell in cells.values()] for row in rows],
        columns=[plain(heading) for heading in cells],
    )
    names = ("{game:words}", "{source}", "{variant:words}", "{statistic}", "{network:kind}")
    sides = ["left" if cell in names else "right" for cell in cells.values()]
    return Markup(frame.to_markdown(index=False, disable_numparse=True, colalign=sides))


class _Cells(Cells):
    """Cells of a page, whose text Markdown takes for nothing else."""

    def format_field(self, value: Any, style: str) -> str:
        """A value as text; "{network:kind}" is a network's name in figures."""
        if style == "kind":
            value = figures.NETWORKS.get(value, [value])[0]
        return plain(super().format_field(value, style))


def plain(value: object) -> str:
    """Text that Markdown takes for nothing but text, whatever name a card has."""
    if isinstance(value, Markup):
        return value
    return re.sub(r"([\\`*_\[\]<>|&$~#])", r"\\\1", " ".join(str(value).split()))


_CELLS = _Cells()
_TEMPLATES = Environment(
    loader=PackageLoader("amkit.reports"),
    finalize=plain,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    undefined=StrictUndefined,
)
_TEMPLATES.filters |= {"grid": grid, "interval": interval, "number": number}
