"""What a report's page is made of: as Markdown, and as one self-contained HTML page."""

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from amkit.reports import figures
from amkit.storage import files

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Heading:
    """A section's title."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """Plain text."""

    text: str


@dataclass(frozen=True)
class Grid:
    """A table: a header and rows of text, the first column's to the left."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Picture:
    """A figure of the folder: `<name>.svg` and `<name>.png`."""

    name: str
    caption: str


Block = Heading | Paragraph | Grid | Picture

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.7rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.3rem 0.7rem; text-align: right; border-bottom: 1px solid #ddd; }
th { border-bottom: 2px solid #888; } th:first-child, td:first-child { text-align: left; }
.wide { overflow-x: auto; } img { max-width: 100%; height: auto; }
figure { margin: 1rem 0; } figcaption, .small { color: #666; font-size: 0.85rem; }
"""


def picture(figure: "Figure", folder: Path, name: str, caption: str) -> Picture:
    """Draws a figure into a page's folder, as PNG and SVG; returns the block that shows it."""
    for ending in ("png", "svg"):
        figures.save(figure, folder / f"{name}.{ending}")
    return Picture(name, caption)


def write(title: str, blocks: Sequence[Block], tables: Mapping[str, str], folder: Path) -> None:
    """Writes a page, `report.md` and `index.html`, and the tables that it is of.

    Args:
        title: of the page.
        blocks: what is on it; its pictures are in the folder already.
        tables: name of a file -> its content, such as CSV.
        folder: where to; files of the same names are replaced.

    Raises:
        OSError: if the folder cannot be written.
    """
    pages = {
        "report.md": markdown(title, blocks),
        "index.html": page(title, blocks, folder),
    }
    for name, text in {**tables, **pages}.items():
        files.write_text(folder / name, text)


def markdown(title: str, blocks: Sequence[Block]) -> str:
    """The page as Markdown; pictures lie beside it."""
    parts = [f"# {title}"]
    for block in blocks:
        match block:
            case Heading(text):
                parts.append(f"## {text}")
            case Paragraph(text):
                parts.append(text)
            case Grid(header, rows):
                rule = ["---", *["---:"] * (len(header) - 1)]
                lines = [header, rule, *rows]
                parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
            case Picture(name, caption):
                parts.append(f"![{caption}]({name}.png)\n\n{caption}")
    return "\n\n".join(parts) + "\n"


def page(title: str, blocks: Sequence[Block], folder: Path) -> str:
    """The page as HTML, its pictures inside it."""
    parts = [f"<h1>{html.escape(title)}</h1>"]
    for block in blocks:
        match block:
            case Heading(text):
                parts.append(f"<h2>{html.escape(text)}</h2>")
            case Paragraph(text):
                parts.append(f"<p>{html.escape(text)}</p>")
            case Grid(header, rows):
                head = _row(header, "th")
                body = "\n".join(_row(row, "td") for row in rows)
                parts.append(
                    f'<div class="wide"><table><thead>{head}</thead>\n<tbody>{body}</tbody></table>'
                    "</div>"
                )
            case Picture(name, caption):
                data = base64.b64encode((folder / f"{name}.svg").read_bytes()).decode()
                text = html.escape(caption)
                parts.append(
                    f'<figure><img alt="{text}" src="data:image/svg+xml;base64,{data}">'
                    f"<figcaption>{text}</figcaption></figure>"
                )
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )


def _row(cells: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"
