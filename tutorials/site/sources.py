"""The site's sources: the pages, notebooks and pictures of the repository, each at its own path.

MkDocs reads one folder, and these lie in several. Every file is added under its path in the
repository, so that links between pages hold as they stand.
"""

import base64
import json
import re
from fnmatch import fnmatch
from pathlib import Path

from latex2mathml.converter import convert
from markdown import Extension
from markdown.inlinepatterns import InlineProcessor
from mkdocs.structure.files import File

import amkit

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "CHANGELOG.md", "pretrained/README.md", "tutorials/**/*.md")
PICTURES = ("pretrained/*.svg", "tutorials/**/*.png", "tutorials/**/*.svg", "tutorials/**/*.gif")
# A prime is small and high by itself; as an exponent it would vanish.
PRIME = re.compile(r"<msup>(<mi>[^<]*</mi>)<mi>&#x02032;</mi></msup>")


class Formulas(Extension):
    """`$...$` and `$$...$$` as MathML, which browsers show without a script."""

    class Formula(InlineProcessor):
        def handleMatch(self, match, data):
            block, inline = match.groups()
            formula = convert(block or inline, display="block" if block else "inline")
            formula = PRIME.sub(r"<mrow>\1<mo lspace='0' rspace='0'>&#x02032;</mo></mrow>", formula)
            return self.md.htmlStash.store(formula), match.start(0), match.end(0)

    def extendMarkdown(self, md):
        pattern = r"(?s)\$\$(.+?)\$\$|(?<![\w$])\$(?![\s$])([^$]+?)(?<!\s)\$(?!\w)"
        md.inlinePatterns.register(self.Formula(pattern, md), "formula", 185)  # After `code`.


def on_config(config):
    config.markdown_extensions.append(Formulas())
    config.watch.append(str(ROOT / "tutorials"))
    return config


def on_files(files, config):
    for path in sorted({path for pattern in PAGES + PICTURES for path in ROOT.glob(pattern)}):
        if ROOT / "tutorials/site" not in path.parents:
            name = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(path)))
    for path in sorted(ROOT.glob("tutorials/[0-9]*.ipynb")):
        name = path.relative_to(ROOT).as_posix()
        files.append(File.generated(config, name, abs_src_path=str(path)))
        text, pictures = page_of(path)
        files.append(File.generated(config, name.replace(".ipynb", ".md"), content=text))
        for picture, content in pictures.items():
            files.append(File.generated(config, f"tutorials/{picture}", content=content))
    files.append(File.generated(config, "api.md", content=reference()))
    config.nav = with_stars(config.nav, sorted(files.src_uris))
    return files


def on_page_markdown(markdown, **ignored):
    """A link to a notebook is one to its page."""
    return re.sub(r"(\]\([^)#\s]+)\.ipynb\b", r"\1.md", markdown)


def with_stars(entry, names):
    if isinstance(entry, dict):
        return {title: with_stars(part, names) for title, part in entry.items()}
    if isinstance(entry, list):
        parts = []
        for part in entry:
            if isinstance(part, str) and "*" in part:
                parts += [name for name in names if fnmatch(name, part)]
            else:
                parts.append(with_stars(part, names))
        return parts
    return entry


def page_of(notebook):
    """A notebook as Markdown with its stored outputs, and its pictures by file name.

    A picture's alternative text is the `alt` of its cell: `# %% alt="..."` in the source.
    """
    blocks, pictures = [], {}
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            blocks.append(source)
            continue
        if source:
            blocks.append(f"~~~~python\n{source}\n~~~~")
        for output in cell["outputs"]:
            data = output.get("data", {})
            if kind := next((kind for kind in ("gif", "png") if f"image/{kind}" in data), None):
                name = f"{notebook.stem}_{len(pictures) + 1}.{kind}"
                pictures[name] = base64.b64decode(data[f"image/{kind}"])
                blocks.append(f"![{cell['metadata'].get('alt', '')}]({name})")
            else:
                text = "".join(output.get("text", data.get("text/plain", "")))
                blocks.append(f"~~~~{{.text .output}}\n{text.rstrip()}\n~~~~")
    where = (
        f'<p class="notebook">A notebook with its stored outputs: '
        f'<a href="{notebook.name}" download>{notebook.name}</a></p>'
    )
    title, rest = "\n\n".join(blocks).split("\n", 1)
    return f"{title}\n\n{where}\n\n{rest}", pictures


def reference():
    """A page of the public names, by the part of amkit that they come from."""
    parts = {}
    for name, module in sorted(amkit._MODULES.items(), key=lambda item: item[1]):
        parts.setdefault(module.split(".")[0], []).append(f"::: amkit.{module}.{name}")
    text = "# Python API\n\nEvery public name of `amkit`: `from amkit import find_game`.\n"
    for part in sorted(parts):
        text += f"\n## {part}\n\n" + "\n\n".join(parts[part]) + "\n"
    return text
