"""The card beside a model's file: what its weights do not say. Data of unknown origin, checked."""

import json
from pathlib import Path
from statistics import geometric_mean
from typing import TYPE_CHECKING, Literal, get_args

from amkit.storage.older import upgraded

if TYPE_CHECKING:  # Naming a card's path needs no pydantic.
    from amkit.storage.card_types import Card

Kind = Literal["expert", "amn", "mdqn", "mcdqn"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SHIPPED = (
    "the shipped models lie in pretrained/ of amkit's repository: clone it, and run amkit there"
)
_MAX_CARD_BYTES = 16 * 2**20


class ModelFileError(ValueError):
    """A model file or its card is missing, damaged, or not what it should be."""


def card_path(path: Path) -> Path:
    """Where a model's card lies: beside it, with the ending `.json`."""
    return Path(path).with_suffix(".json")


def at_hand(path: Path) -> Path:
    """The path of a model that somebody named.

    Raises:
        ValueError: if there is no such file. What is wrong is the request, not the file: no
            `ModelFileError`.
    """
    if not Path(path).is_file():
        raise ValueError(f"a model is a .keras file that exists; {SHIPPED}. Received: {path}")
    return Path(path)


def read_card(path: Path) -> "Card":
    """Reads the card of a model.

    Args:
        path: the model's file.

    Returns:
        The card as the file has it; one of an earlier version `upgraded`. "kind", "games" and
        "weight_hash" are there.

    Raises:
        ModelFileError: if there is none, or it is damaged.

    Example:
        >>> from pathlib import Path
        >>> import amkit
        >>> amkit.read_card(Path("pretrained/pong.keras"))["games"]
        ['pong']
    """
    from amkit.storage.card_types import Card
    from amkit.storage.validation import validated

    beside = card_path(path)
    content = read_bounded(beside, _MAX_CARD_BYTES, f"{path} has no card beside it")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise ModelFileError(f"{beside} is damaged: it is not JSON") from None
    if not isinstance(document, dict):
        raise ModelFileError(f"{beside} is not a model card: it is no JSON object")
    card: Card = upgraded(document)  # type: ignore[assignment]  # Checked in the next line.
    try:
        validated(Card, card, strict=True)  # Whose copy has 87.0 for a background of 87.
    except ValueError as error:
        raise ModelFileError(f"{beside}: {error}") from None
    return card


def models_in(folder: Path) -> list[Path]:
    """The `.keras` files of a folder, and of the run folders in it, in alphabetical order."""
    return sorted([*folder.glob("[!.]*.keras"), *folder.glob("*/model.keras")])


def is_policy(card: "Card") -> bool:
    """Whether a network's outputs are logits of a policy: an AMN's, unless it imitated Q-values."""
    return card["kind"] == "amn" and card.get("settings", {}).get("objective") != "q_values"


def temperature(card: "Card") -> float:
    """tau that a policy's logits are Q-values divided by, the geometric mean over its games.

    1 where the outputs are Q-values: they have the right scale already.
    """
    if not is_policy(card):
        return 1.0
    one_for_all = card.get("settings", {}).get("temperature", 1)
    return geometric_mean(list(card.get("temperatures", {}).values()) or [one_for_all])


def games_learnt(card: "Card") -> tuple[str, ...]:
    """Games that a network has learnt, or that the one had learnt which it began as."""
    from amkit.games.catalogue import canonical_name

    begun = card.get("begin", {}).get("learnt", []) + card.get("transfer", {}).get("learnt", [])
    return tuple(dict.fromkeys(map(canonical_name, card["games"] + begun)))


def read_bounded(path: Path, limit: int, missing: str) -> bytes:
    """Reads a file of at most `limit` bytes; ModelFileError if it is larger, or cannot be read.

    `missing` is what to say if there is no such file.
    """
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
