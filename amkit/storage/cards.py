"""The card beside a model's file: what its weights do not say. Data of unknown origin, checked."""

import json
from pathlib import Path
from statistics import geometric_mean
from typing import Annotated, Literal, NotRequired, Required, get_args

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # Python 3.11's own is not enough for pydantic.

from amkit.games.catalogue import canonical_name
from amkit.storage.older import upgraded
from amkit.storage.validation import one_line

Kind = Literal["expert", "amn", "mdqn", "mcdqn"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SHIPPED = (
    "the shipped models are in pretrained/ of amkit's repository: clone it, and run amkit there"
)
# How amkit's emulators make an observation of two screens of 210 x 160, `Played.resize`: in grey,
# the maximum of both, each new pixel the mean of the area that it covers.
RESIZE = "grey, maximum, area"
_MAX_CARD_BYTES = 16 * 2**20

Temperature = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Milliseconds = dict[str, float]  # Batch size -> time of a forward pass.


def _with_steps(row: object) -> object:
    if isinstance(row, dict) and type(row.get("steps")) is not int:
        raise ValueError(
            f"a row must have steps, a whole number. Received: {row.get('steps')!r:.80}"
        )
    return row


# A row of `metrics.csv`: "steps", and what else was measured; None where nothing was.
Row = Annotated[dict[str, float | None], BeforeValidator(_with_steps)]


class Mean(TypedDict):
    """A mean over whole games; a single game has no standard error."""

    mean: float
    standard_error: NotRequired[float | None]
    games: int


class Score(Mean):
    """A model's score in a game, beside random play's and the expert's."""

    game: str
    protocol: str
    epsilon: float
    seed: NotRequired[int]
    steps: NotRequired[int]
    scores: NotRequired[list[float]]
    random: Mean
    expert: NotRequired[Mean]


class Test(Mean):
    """A point of a learning curve, measured on whole games after so many agent steps."""

    game: str
    steps: int


class Settings(TypedDict, total=False):
    """The settings that are read without knowing the algorithm, which has others besides."""

    temperature: Temperature
    objective: str
    feature_weight: float


class Begin(TypedDict, total=False):
    """The network that a student began as: its name, its weights' hash, the games it had learnt."""

    source: str
    weights: str
    learnt: list[str]


class Transfer(TypedDict, total=False):
    """The same of a target DQN (section 3.4), and what was done with the weights."""

    source: Required[str]
    weights: str
    learnt: list[str]
    body: str
    normalize_features: bool
    head: str
    freeze: str | None
    kernels: str
    kernel_sizes: list[float]
    knows_target: bool


class Played(TypedDict, total=False):
    """How the games were played that an expert from elsewhere was trained in."""

    # Whether FIRE was pressed for it after a lost life and at a game's beginning (`games.fire`).
    # If not, or unknown: as amkit plays, FIRE once before a game's first observation.
    fire_on_life_loss: bool
    # Probability that the emulator repeated the previous action; None is unknown.
    sticky_actions: Annotated[float, Field(ge=0, le=1)] | None
    resize: str  # How a screen became an observation, such as `RESIZE`, amkit's own.
    source: str  # Who says so, such as "stable-baselines3".


class OneExpert(TypedDict, total=False):
    """What one of an AMN's experts takes, to compare with."""

    parameters: int
    forward_milliseconds: Milliseconds


class Imported(TypedDict, total=False):
    """The file that an expert made elsewhere was read from."""

    format: Required[str]
    algorithm: str
    file: str
    sha256: Required[str]
    unknown: list[str]


class Plan(TypedDict):
    """How many agent steps in all a run of minutes set itself, and after how many."""

    at: int
    steps: int


class Budget(TypedDict):
    """What a run of minutes was asked for, and how it kept to them."""

    minutes: float
    plans: list[Plan]


class Card(TypedDict, total=False):
    """A model's card; other keys may be there, and are not looked at."""

    kind: Required[Kind]
    games: Required[Annotated[list[str], Field(min_length=1)]]
    weight_hash: Required[str]
    algorithm: str  # A row of `jobs.algorithms`.
    command: str | None
    preset: str
    settings: Settings
    seed: int
    precision: str
    jit_compile: bool
    background: float
    action_masks: dict[str, list[int]]
    steps: int
    minutes: float  # Of training.
    budget: Budget
    parameters: int
    outputs: int
    versions: dict[str, str]
    machine: dict[str, object]
    scores: list[Score]
    learning_curve: list[Row]
    test_protocol: str | None
    tests: list[Test]
    transfer: Transfer
    begin: Begin
    watched: str  # What it does in its game, in words of somebody who looked on.
    played: Played  # An expert's, in every game.
    played_in: dict[str, Played]  # An AMN's, by game, where its expert says so.
    imported: Imported
    temperatures: dict[str, Temperature]
    expert_weights: list[str]
    one_expert: OneExpert
    forward_milliseconds: Milliseconds


_ADAPTER = TypeAdapter(Card)


class ModelFileError(ValueError):
    """A model file or its card is missing, damaged, or not what it should be."""


def card_path(path: Path) -> Path:
    """Where a model's card lies: beside it, with the ending `.json`."""
    return Path(path).with_suffix(".json")


def at_hand(path: Path) -> Path:
    """The path of a model that somebody named; ValueError if there is no such file."""
    if not Path(path).is_file():
        raise ValueError(f"the model must be an existing .keras file; {SHIPPED}. Received: {path}")
    return Path(path)


def read_card(path: Path) -> Card:
    """Reads the card of the model at `path`, as its file has it; of an earlier version, `upgraded`.

    Raises:
        ModelFileError: if there is none, or it is damaged.

    Examples:
        >>> from pathlib import Path
        >>> import amkit
        >>> amkit.read_card(Path("pretrained/pong.keras"))["games"]
        ['pong']
    """
    beside = card_path(path)
    content = read_bounded(beside, _MAX_CARD_BYTES, f"{path} has no card beside the model")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise ModelFileError(f"{beside} is damaged: the file is not valid JSON") from None
    if not isinstance(document, dict):
        raise ModelFileError(f"{beside} is not a model card: the file holds no JSON object")
    card: Card = upgraded(document)  # type: ignore[assignment]  # Checked in the next lines.
    try:
        _ADAPTER.validate_python(card, strict=True)  # Its copy has 87.0 for a background of 87.
    except ValidationError as error:
        raise ModelFileError(f"{beside}: {one_line(error)}") from None
    return card


def models_in(folder: Path) -> list[Path]:
    """The `.keras` files of a folder, and of the run folders in it, in alphabetical order."""
    return sorted([*folder.glob("[!.]*.keras"), *folder.glob("*/model.keras")])


def is_policy(card: Card) -> bool:
    """Whether a network's outputs are logits of a policy: an AMN's, unless it imitated Q-values."""
    return card["kind"] == "amn" and card.get("settings", {}).get("objective") != "q_values"


def temperature(card: Card) -> float:
    """tau that a policy's logits are Q-values over, the geometric mean over its games; else 1."""
    if not is_policy(card):
        return 1.0
    one_for_all = card.get("settings", {}).get("temperature", 1)
    return geometric_mean(list(card.get("temperatures", {}).values()) or [one_for_all])


def played(card: Card, game: str) -> Played:
    """How a game was played that the network of a card was trained in; empty: as amkit plays."""
    return card.get("played_in", {}).get(game) or card.get("played", {})


def presses_fire(card: Card, game: str) -> bool:
    """Whether FIRE is pressed for a network in a game, as `games.fire` has it."""
    return played(card, game).get("fire_on_life_loss", False)


def how_played(one: Played, sticky: float = 0.0) -> str:
    """What is done for a network as it was trained, and what is not; empty where nothing differs.

    Args:
        one: how it was trained.
        sticky: probability that the emulator repeats the previous action now.
    """
    parts = []
    if one.get("fire_on_life_loss"):
        parts.append("FIRE is pressed when a life begins, as in the network's training")
    trained = one.get("sticky_actions")
    if trained is not None and trained != sticky:
        parts.append(
            f"actions repeat with probability {sticky:g} here, and {trained:g} in training"
        )
    if (resize := one.get("resize", RESIZE)) != RESIZE:
        parts.append(f"observations are made by {RESIZE!r} here, and {resize!r} in training")
    return "; ".join(parts)


def games_learnt(card: Card) -> tuple[str, ...]:
    """Games that a network has learnt, or that the one had learnt which it began as."""
    begun = card.get("begin", {}).get("learnt", []) + card.get("transfer", {}).get("learnt", [])
    return tuple(dict.fromkeys(map(canonical_name, card["games"] + begun)))


def read_bounded(path: Path, limit: int, missing: str) -> bytes:
    """Reads a file of at most `limit` bytes; ModelFileError if it cannot, which says `missing`."""
    try:
        with open(path, "rb") as file:
            content = file.read(limit + 1)
    except FileNotFoundError:
        raise ModelFileError(f"{missing}: no file {path}") from None
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > limit:
        raise ModelFileError(f"{path} is larger than {limit // 2**20} MiB")
    return content
