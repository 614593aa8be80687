"""The card beside a model's file: what its weights do not say. Data of unknown origin, checked."""

import json
from collections.abc import Mapping
from itertools import chain
from math import inf
from pathlib import Path
from statistics import geometric_mean
from typing import Any

from amkit.games.catalogue import canonical_name

KINDS = ("expert", "amn", "mdqn", "mcdqn")
_MAX_CARD_BYTES = 16 * 2**20
# Settings of distillation that came later, and what stood for them before.
_SETTINGS_SINCE = {"temperature_unit": "q_values", "total_envs": None, "restart_steps": None}
_OBJECTS = ("settings", "machine", "transfer", "begin", "one_expert", "forward_milliseconds")


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
        raise ValueError(f"a model is a .keras file that exists. Received: {path}")
    return Path(path)


def read_card(path: Path) -> dict[str, Any]:
    """Reads the card of a model.

    Args:
        path: the model's file.

    Returns:
        The card. "kind", "games" and "weight_hash" are there.

    Raises:
        ModelFileError: if there is none, or it is damaged.

    Example:
        >>> from pathlib import Path
        >>> import amkit
        >>> card = amkit.read_card(Path("pretrained/pong.keras"))
        >>> card["kind"], card["games"], card["outputs"]
        ('expert', ['pong'], 6)
    """
    beside = card_path(path)
    content = read_bounded(beside, _MAX_CARD_BYTES, f"{path} has no card beside it")
    try:
        card = json.loads(content)
    except (ValueError, RecursionError):
        raise ModelFileError(f"{beside} is damaged: it is not JSON") from None
    if not isinstance(card, dict):
        raise ModelFileError(f"{beside} is not a model card: it is no JSON object")
    if card.get("kind") not in KINDS:
        raise ModelFileError(
            f"{beside}: kind is one of {', '.join(KINDS)}. Received: {card.get('kind')!r}"
        )
    games = card.get("games")
    if not (games and _are_names(games)):
        raise ModelFileError(f"{beside}: games is a list of names. Received: {games!r}")
    if not isinstance(card.get("weight_hash"), str):
        raise ModelFileError(f"{beside}: weight_hash is missing")
    scores = card.get("scores", [])
    if not (isinstance(scores, list) and all(map(_is_score, scores))):
        raise ModelFileError(f"{beside}: scores is a list of entries as `amkit train` writes them")
    for key in ("steps", "minutes", "parameters"):
        if not _is_number(card.get(key, 0)):
            raise ModelFileError(f"{beside}: {key} is a number. Received: {card[key]!r}")
    for key in _OBJECTS:
        if not isinstance(card.get(key, {}), dict):
            raise ModelFileError(f"{beside}: {key} is an object. Received: {card[key]!r:.60}")
    for key in ("begin", "transfer"):
        if not _are_names(card.get(key, {}).get("learnt", [])):
            raise ModelFileError(f"{beside}: what {key} had learnt is a list of names")
        if not isinstance(card.get(key, {}).get("weights", ""), str):
            raise ModelFileError(f"{beside}: the weights of {key} are named by their hash")
    if "transfer" in card and not isinstance(card["transfer"].get("source"), str):
        raise ModelFileError(f"{beside}: the source of transfer is a name")
    if not _is_number(card.get("background", 0)):
        raise ModelFileError(f"{beside}: background is a number")
    taus = card.get("temperatures", {"all": card.get("settings", {}).get("temperature", 1)})
    if not (
        isinstance(taus, dict) and all(_is_number(tau) and 0 < tau < inf for tau in taus.values())
    ):
        raise ModelFileError(f"{beside}: temperatures are numbers above 0. Received: {taus!r:.60}")
    for times in (
        card.get("forward_milliseconds", {}),
        card.get("one_expert", {}).get("forward_milliseconds", {}),
    ):
        if not (isinstance(times, dict) and all(map(_is_number, times.values()))):
            raise ModelFileError(f"{beside}: forward_milliseconds are numbers")
    tests = card.get("tests", [])
    if not (isinstance(tests, list) and all(map(_is_test, tests))):
        raise ModelFileError(f"{beside}: tests is a list of entries as `amkit train` writes them")
    curve = card.get("learning_curve", [])
    if not (isinstance(curve, list) and all(map(_is_epoch, curve))):
        raise ModelFileError(f"{beside}: learning_curve is a list of rows with steps")
    taught = card.get("expert_weights", [])
    if not _are_names(taught):
        raise ModelFileError(f"{beside}: expert_weights is a list of hashes. Received: {taught!r}")
    if "temperature" in card.get("settings", {}):  # Of a time when these were no settings.
        for name, value in _SETTINGS_SINCE.items():
            card["settings"].setdefault(name, value)
    return card


def models_in(folder: Path) -> list[Path]:
    """The `.keras` files of a folder, and of the run folders in it, in alphabetical order."""
    return sorted([*folder.glob("[!.]*.keras"), *folder.glob("*/model.keras")])


def is_policy(card: Mapping[str, Any]) -> bool:
    """Whether a network's outputs are logits of a policy: an AMN's, unless it imitated Q-values."""
    objective = card.get("settings", {}).get("objective")
    return card["kind"] == "amn" and objective != "q_values"


def temperature(card: Mapping[str, Any]) -> float:
    """tau that a policy's logits are Q-values divided by, the geometric mean over its games.

    1 where the outputs are Q-values: they have the right scale already.
    """
    if not is_policy(card):
        return 1.0
    one_for_all = card.get("settings", {}).get("temperature", 1)
    return geometric_mean(list(card.get("temperatures", {}).values()) or [one_for_all])


def games_learnt(card: Mapping[str, Any]) -> tuple[str, ...]:
    """Games that a network has learnt, or that the one had learnt which it began as."""
    begun = [card.get(key, {}).get("learnt", []) for key in ("begin", "transfer")]
    return tuple(dict.fromkeys(map(canonical_name, chain(card["games"], *begun))))


def _is_number(part: Any) -> bool:
    return isinstance(part, int | float)


def _are_numbers(part: Any) -> bool:
    return isinstance(part, list) and all(map(_is_number, part))


def _are_names(part: Any) -> bool:
    """Whether this is a list of strings."""
    return isinstance(part, list) and all(isinstance(one, str) for one in part)


def _is_score(entry: Any) -> bool:
    """Whether a card's entry has what comparing with it takes."""
    return (
        _is_mean(entry)
        and all(isinstance(entry.get(key), str) for key in ("game", "protocol"))
        and _is_number(entry.get("epsilon"))
        and _are_numbers(entry.get("scores", []))
        and _is_mean(entry.get("random"))
        and ("expert" not in entry or _is_mean(entry["expert"]))
    )


def _is_test(entry: Any) -> bool:
    """Whether this is a point of a learning curve."""
    return (
        _is_mean(entry)
        and isinstance(entry.get("game"), str)
        and isinstance(entry.get("steps"), int)
    )


def _is_epoch(row: Any) -> bool:
    """Whether this is a row of a training's metrics."""
    return (
        isinstance(row, dict)
        and isinstance(row.get("steps"), int)
        and all(value is None or _is_number(value) for value in row.values())
    )


def _is_mean(part: Any) -> bool:
    """Whether this is a mean score; a single game has no standard error."""
    return (
        isinstance(part, dict)
        and all(_is_number(part.get(key)) for key in ("mean", "games"))
        and isinstance(part.get("standard_error", ""), int | float | None)
    )


def read_bounded(path: Path, limit: int, missing: str) -> bytes:
    """Reads a file of at most so many bytes.

    Args:
        path: the file.
        limit: int. Bytes.
        missing: what to say if there is no such file.

    Raises:
        ModelFileError: if there is none, it cannot be read, or it is larger.
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
