"""Plans: many runs in one TOML file, as the command lines that make them."""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from amkit.storage.run_folders import Run
from amkit.storage.validation import one_line

SHIPPED = Path(__file__).with_suffix("")  # The folder of shipped plans.
_POSITIONAL = ("train", "transfer")  # Commands whose games are arguments; others have --games.
# A campaign says these itself, or has no use for them.
_NOT_IN_A_PLAN = {"run", "resume", "into", "json", "tensorboard", "seed", "checkpoint_minutes"}


class Request(Protocol):
    """What a command makes of its line: one training, to begin or to go on with."""

    @property
    def name(self) -> str:
        """Of its run folder."""

    def command(self) -> str:
        """The command line of this training alone."""

    def begin(self, run: Run) -> None:
        """Begins a new run."""

    def check(self, run: Run) -> None:
        """ValueError if a run to go on with is another training."""

    def configuration(self) -> Any:
        """The `jobs.configuration.Configuration` of a new run."""


class Planned(NamedTuple):
    """A run of a campaign."""

    folder: Path
    request: Request
    place: str = ""  # In the plan.

    @contextmanager
    def named(self) -> Iterator[None]:
        """What is wrong with the run is said with its place in the plan."""
        try:
            yield
        except ValueError as error:
            raise ValueError(f"{self.place}: {error}") from error


class Line(NamedTuple):
    """The command line of one or several runs of a plan, and what their folders are called."""

    words: list[str]
    suffix: str  # What the runs' names get, so that each has a folder of its own.
    place: str  # In the plan, for what is said of it.


def _different(values: list[Any]) -> list[Any]:
    if len(set(values)) < len(values):
        raise ValueError(f"name each entry only once. Received: {', '.join(map(str, values))}")
    return values


_Words = Annotated[list[str], AfterValidator(_different)]
_Seed = Annotated[int, Field(ge=0, le=2**29)]


class Entry(BaseModel):
    """Runs that one command makes. Its other options are named as on the command line."""

    model_config = ConfigDict(extra="allow", strict=True)
    __pydantic_extra__: dict[str, bool | int | float | str]

    command: Literal["train", "distill", "baseline", "transfer"]
    architecture: str | None = None  # Of a baseline.
    games: _Words = []
    sources: Annotated[_Words, Field(alias="from")] = []
    seeds: Annotated[list[_Seed], Field(min_length=1), AfterValidator(_different)] | None = None
    label: Annotated[str, Field(pattern=r"^[\w.-]+$")] | None = None  # In the folders' names.

    def lines(self, place: str) -> Iterator[Line]:
        """The command lines, in order: `transfer` takes all seeds in one, other commands one."""
        options = self.__pydantic_extra__
        if wrong := sorted(_NOT_IN_A_PLAN & {name.replace("-", "_") for name in options}):
            valid = "only options that say what a run does; seeds are a list, `seeds`"
            raise ValueError(f"{place} may have {valid}. Received: {wrong[0]}")
        words = [self.command, *([self.architecture] if self.architecture else [])]
        if self.games:
            words += (
                self.games if self.command in _POSITIONAL else ["--games", ",".join(self.games)]
            )
        words += [word for source in self.sources for word in ("--from", source)]
        for name, value in options.items():
            option = name.replace("_", "-")
            switch = f"--{option}" if value is True else f"--no-{option}"
            words += [switch] if isinstance(value, bool) else [f"--{option}", str(value)]
        label = f"-{self.label}" if self.label else ""
        if self.seeds is None:
            yield Line(words, label, place)
        elif self.command == "transfer":  # Whose folders are called by their seeds.
            yield Line([*words, "--seed", ",".join(map(str, self.seeds))], label, place)
        else:
            for seed in self.seeds:
                suffix = f"-seed-{seed}" if len(self.seeds) > 1 else ""
                yield Line([*words, "--seed", str(seed)], label + suffix, place)


class Plan(BaseModel):
    """A campaign: what is run, and how many cores each run has."""

    model_config = ConfigDict(extra="forbid", strict=True)

    runs: Annotated[list[Entry], Field(min_length=1)]
    cores: Annotated[int, Field(ge=1, le=1024)] = 1  # Of each run.
    name: str = ""  # That of its file.

    def lines(self) -> list[Line]:
        """Every command line. Seeds come last: a campaign that is stopped has some of all."""
        of_entries = [
            entry.lines(f"{self.name}, entry {number} ({entry.command})")
            for number, entry in enumerate(self.runs, 1)
        ]
        return [line for lines in zip_longest(*of_entries) for line in lines if line]


def read_plan(name: str) -> Plan:
    """Reads a plan: a file, or one of those shipped by its name, such as `table-2`.

    Raises:
        ValueError: if there is none, or something in it is wrong.
    """
    path = Path(name)
    shipped = {file.stem: file for file in sorted(SHIPPED.glob("*.toml"))}
    path = path if path.is_file() else shipped.get(name, path)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise ValueError(
            f"the plan must be a TOML file, or one of {', '.join(shipped)}. Received: {name}"
        ) from None
    except ValueError as error:  # No TOML, or no text.
        line = " ".join(str(error).split())
        raise ValueError(f"the plan must be valid TOML. Received: {path}: {line}") from None
    try:
        plan = Plan.model_validate({**document, "name": path.stem})
    except ValidationError as error:
        raise ValueError(f"{path}: {one_line(error)}") from None
    return plan
