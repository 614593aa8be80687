"""Writes the coursework into a folder: for students, or for the teacher with the solutions.

    python tutorials/coursework/hand_out.py students/
    python tutorials/coursework/hand_out.py --teacher teacher/

Both are made from the assignments beside this file. Solutions stand between the marks that nbgrader
and Otter know, too.
"""

import argparse
import re
import shutil
from pathlib import Path

HERE = Path(__file__).parent
MARK = r"[ ]*# (?:BEGIN|END) SOLUTION\n"
SOLUTION = re.compile(
    r"^([ ]*)# BEGIN SOLUTION\n.*?^[ ]*# END SOLUTION\n", re.DOTALL | re.MULTILINE
)


def without_solutions(text: str) -> str:
    """An assignment to begin with: code to write, and answers in words."""

    def to_do(solution: re.Match) -> str:
        indent = solution[1]
        if indent:
            return f"{indent}# YOUR CODE HERE\n{indent}raise NotImplementedError\n"
        return "# YOUR ANSWER HERE\n"

    return SOLUTION.sub(to_do, text)


def with_solutions(text: str) -> str:
    """An assignment as it should be handed in."""
    return re.sub(MARK, "", text)


def main() -> None:
    """Writes the files; refuses to replace any."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="a new or empty folder")
    parser.add_argument("--teacher", action="store_true", help="with solutions, rubric and sample")
    words = parser.parse_args()
    if words.folder.exists() and any(words.folder.iterdir()):
        parser.error(f"a new or empty folder is expected. Received: {words.folder}")
    words.folder.mkdir(parents=True, exist_ok=True)
    written = with_solutions if words.teacher else without_solutions
    for source in sorted(HERE.glob("[0-9]_*.py")):
        text = written(source.read_text(encoding="utf-8"))
        (words.folder / source.name).write_text(text, encoding="utf-8")
    shutil.copy(HERE / "README.md", words.folder)
    if words.teacher:
        shutil.copy(HERE / "rubric.md", words.folder)
        shutil.copytree(HERE / "sample", words.folder / "sample")
    print(f"written: {words.folder}")


if __name__ == "__main__":
    main()
