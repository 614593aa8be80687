"""Tables of recorded runs: Table 1, and the curves of Figures 1 to 6. Nothing is trained.

Everything comes from the runs' cards: scores, games, tests, steps, minutes, as they were recorded.
"""

import csv
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from amkit.cards import KINDS, read_card
from amkit.games import TABLE_1, normalized

REPLICATES = 2000
FEW_RUNS = (  # What a page says of its intervals.
    "With two runs or three they are too narrow: two values, resampled, hold their mean half of "
    "the time."
)
FLOOR = 0.01  # A geometric mean counts a game at or below random play as this.
STICKY = "sticky"  # The protocol whose emulator repeats actions; scores of others are not its.

# What runs that are pooled or compared have in common; "settings" says least of what is not alike.
ALIKE = ("preset", "precision", "jit_compile", "test_protocol", "settings")


@dataclass(frozen=True)
class Estimate:
    """A number and the interval that holds it with probability 0.95."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Recorded:
    """What is reported on: runs of one experiment, which differ in their seeds alone.

    Attributes:
        amns: cards of Actor-Mimic networks of the same games, one at least.
        baselines: "mdqn" and "mcdqn" -> cards, where there are any.
        games: names of the AMNs' games.
        experts: game -> card of the AMNs' expert, where it is given.
    """

    amns: tuple[dict[str, Any], ...]
    baselines: dict[str, tuple[dict[str, Any], ...]]
    games: tuple[str, ...]
    experts: dict[str, dict[str, Any]]


def read_cards(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Reads the cards of finished runs.

    Args:
        paths: run folders, `.keras` files with their cards beside them, or cards alone.

    Raises:
        ValueError: if one is not there, or has no scores of its games.
        ModelFileError: if a card is missing or damaged.
    """
    cards = []
    for path in map(Path, paths):
        file = path / "model.keras" if path.is_dir() else path
        if not file.is_file():
            raise ValueError(
                "a report is of finished runs, which hold model.keras, of .keras files or of their "
                "cards, .json. "
                f"Received: {path}"
            )
        card = read_card(file)
        missing = set(card["games"]) - {entry["game"] for entry in card.get("scores", [])}
        if missing:
            raise ValueError(f"{file}: its card has no score of {', '.join(sorted(missing))}")
        cards.append(card)
    return cards


def experiment(cards: Sequence[dict[str, Any]]) -> Recorded:
    """Sorts the cards of AMNs, baselines and the AMNs' experts.

    Args:
        cards: from `read_cards`.

    Raises:
        ValueError: if they do not make one experiment.
    """
    by_kind = {kind: [c for c in cards if c["kind"] == kind] for kind in KINDS}
    if not by_kind["amn"]:
        raise ValueError(
            "a report is of Actor-Mimic networks (amn), one or more seeds, and of baselines. "
            f"Received: {', '.join(card['kind'] for card in cards) or 'nothing'}"
        )
    experts = by_kind.pop("expert")
    cards = [card for alike in by_kind.values() for card in alike]
    games = tuple(by_kind["amn"][0]["games"])
    for card in cards:
        if set(card["games"]) != set(games):
            raise ValueError(
                f"a report is of runs of the same games, here {', '.join(games)}. "
                f"Received: {', '.join(card['games'])}"
            )
    for card in by_kind["amn"]:
        without = [entry["game"] for entry in card["scores"] if "expert" not in entry]
        if without:
            raise ValueError(f"an AMN's card has no expert's score of {', '.join(without)}")
    amns = by_kind["amn"]
    for kind, alike in by_kind.items():
        check_alike(alike, ("steps", "expert_weights", *ALIKE), kind)
        if any(begun_with(card) != begun_with(alike[0]) for card in alike):
            raise ValueError(
                f"the runs of {kind} in a report differ in their seeds alone. "
                "Received: different initialisation (--from)"
            )
    measured = {(entry["protocol"], entry["epsilon"]) for c in cards for entry in c["scores"]}
    if len(measured) > 1:
        raise ValueError(f"a report is of scores of one protocol. Received: {sorted(measured)}")
    for game in games:
        if not level(amns, game, "expert")["mean"] > level(amns, game, "random")["mean"]:
            raise ValueError(
                f"a report is of experts that play better than at random. Received: {game}"
            )
    for card in experts:
        name = card["games"][0]
        if card["weight_hash"] not in amns[0].get("expert_weights", []):
            raise ValueError(
                "the experts in a report are those that its networks (amn) imitate. "
                f"Received: another one of {name}"
            )
        if card.get("tests") and card.get("test_protocol") != amns[0].get("test_protocol"):
            raise ValueError(
                "experts and networks in a report are tested by one protocol. "
                f"Received: {card.get('test_protocol')} of {name}, {amns[0].get('test_protocol')}"
            )
    return Recorded(
        tuple(amns),
        {kind: tuple(by_kind[kind]) for kind in ("mdqn", "mcdqn") if by_kind[kind]},
        games,
        {card["games"][0]: card for card in experts},
    )


def check_alike(
    cards: Sequence[Mapping[str, Any]], keys: Iterable[str], whose: str, but: str = "their seeds"
) -> None:
    """Checks that runs can stand beside one another, and that each is named once.

    Args:
        cards: theirs.
        keys: what has to be the same on all cards.
        whose: runs they are, such as "amn".
        but: what alone they may differ in.

    Raises:
        ValueError: if more differs, or a run is there twice.
    """
    for key in keys:
        values = [comparable(card, key) for card in cards]
        if any(value != values[0] for value in values):
            which = ""
            if key == "settings" and all(values):
                names = sorted(set().union(*values))
                differ = [n for n in names if len({str(value.get(n)) for value in values}) > 1]
                which = f" ({', '.join(differ)})"
            raise ValueError(
                f"the runs of {whose} in a report differ in {but} alone. "
                f"Received: different {key}{which}"
            )
    if len({card["weight_hash"] for card in cards}) < len(cards):
        raise ValueError(f"a report names each run once. Received: one of {whose} twice")


def comparable(card: Mapping[str, Any], key: str) -> Any:
    """A card's value of a key; of lists, which go by the games, whatever their order."""
    value = card.get(key)
    return sorted(value) if isinstance(value, list) else value


def begun_with(card: Mapping[str, Any]) -> str | None:
    """Hash of the weights that a student began with; None of random ones.

    The file that they were in does not say it: two of one name may hold different networks.
    """
    return card.get("begin", {}).get("weights")


def table_1(recorded: Recorded, seed: int = 0) -> list[dict[str, Any]]:
    """Table 1: each game's scores beside its expert's and the paper's.

    Args:
        recorded: from `experiment`.
        seed: int. Of the bootstrap.

    Returns:
        One entry per game: game; random; expert and amn (mean scores) and their standard errors;
        normalised (an `Estimate`: (amn - random) / (expert - random)); ratio (amn / expert, as the
        paper has it); amn_max (greatest mean over runs of a test; None without tests); expert_max
        (greatest mean of a test; None without its card, or without tests); max_ratio (amn_max /
        expert_max, NaN where one is unknown); steps_to_90 (agent steps at the first test with a
        normalised score of 0.9 or more; None if none had, or the tests' emulator was not that of
        the scores); paper (a `games.PaperResult`, None where the paper has none); and of every
        baseline, as "mdqn": its mean score, "mdqn_error": that one's standard error, and
        "mdqn_normalised": (mdqn - random) / (expert - random).
    """
    draws = bootstrap(recorded.amns, recorded.games, seed)
    rows = []
    for column, game in enumerate(recorded.games):
        scores = [score_of(card, game) for card in recorded.amns]
        expert, random = (level(recorded.amns, game, whose) for whose in ("expert", "random"))
        mean = float(np.mean([score["mean"] for score in scores]))
        tests = curve(recorded.amns, game)
        amn_max = _greatest(tests)
        taught = [recorded.experts[game]] if game in recorded.experts else []
        expert_max = _greatest(curve(taught, game))
        reached = [
            point["steps"]
            for point in tests
            if normalized(point["mean"], random["mean"], expert["mean"]) >= 0.9
            and tested_alike(recorded.amns[0], game)
        ]
        rows.append(
            {
                "game": game,
                "random": random["mean"],
                "expert": expert["mean"],
                "expert_error": expert["standard_error"],
                "amn": mean,
                "amn_error": error_of(scores),
                "normalised": estimate(
                    normalized(mean, random["mean"], expert["mean"]), draws[:, :, column].mean(1)
                ),
                "ratio": _ratio(mean, expert["mean"]),
                "amn_max": amn_max,
                "expert_max": expert_max,
                "max_ratio": _ratio(amn_max, expert_max),
                "steps_to_90": reached[0] if reached else None,
                "paper": TABLE_1.get(game),
            }
        )
        for kind, cards in recorded.baselines.items():
            own = [score_of(card, game) for card in cards]
            score = float(np.mean([entry["mean"] for entry in own]))
            rows[-1] |= {
                kind: score,
                f"{kind}_error": error_of(own),
                f"{kind}_normalised": normalized(score, random["mean"], expert["mean"]),
            }
    return rows


def _greatest(tests: Sequence[Mapping[str, Any]]) -> float | None:
    """Greatest mean of a test; None of none."""
    return max((point["mean"] for point in tests), default=None)


def _ratio(amn: float | None, expert: float | None) -> float:
    """The paper's ratio; NaN where a score is unknown, or the expert's is not above 0."""
    return float("nan") if amn is None or expert is None or expert <= 0 else amn / expert


def aggregates(recorded: Recorded, seed: int = 0) -> dict[str, Estimate]:
    """Expert-normalised scores over all games and seeds, each with its interval.

    Args:
        recorded: from `experiment`.
        seed: int. Of the bootstrap.

    Returns:
        "interquartile mean" (Agarwal et al. 2021), "geometric mean", "median" and "lowest" of the
        games' means over seeds.
    """
    draws = bootstrap(recorded.amns, recorded.games, seed)
    levels = {
        game: [level(recorded.amns, game, whose)["mean"] for whose in ("random", "expert")]
        for game in recorded.games
    }
    found = np.array(
        [
            [normalized(score_of(card, game)["mean"], *levels[game]) for game in recorded.games]
            for card in recorded.amns
        ]
    )
    statistics: dict[str, Callable[[np.ndarray], float]] = {
        "interquartile mean": interquartile_mean,
        "geometric mean": geometric_mean,
        "median": lambda x: float(np.median(x.mean(0))),
        "lowest": lambda x: float(x.mean(0).min()),
    }
    return {
        name: estimate(statistic(found), np.array([statistic(draw) for draw in draws]))
        for name, statistic in statistics.items()
    }


def bootstrap(
    cards: Sequence[Mapping[str, Any]], games: Sequence[str], seed: int = 0
) -> np.ndarray:
    """Replicates of expert-normalised scores, stratified by game.

    In each replicate runs are drawn with replacement, the same ones for all games, as one network
    plays them all; and of each its whole games, anew where a run is drawn twice. The means of the
    expert and of random play, which all runs share, vary as their standard errors say. With one run
    the interval says how sure its own scores are, not how another seed would do.

    Args:
        cards: of R runs.
        games: G names.
        seed: int.

    Returns:
        float [REPLICATES, R, G].
    """
    rng = np.random.default_rng(seed)
    draws = np.empty((REPLICATES, len(cards), len(games)))
    chosen = rng.integers(0, len(cards), (REPLICATES, len(cards)))
    for column, game in enumerate(games):
        drawn = np.empty((REPLICATES, len(cards)))
        for i, card in enumerate(cards):
            score = score_of(card, game)
            values = np.array(score.get("scores") or [score["mean"]])
            where = chosen == i
            drawn[where] = rng.choice(values, (where.sum(), len(values))).mean(1)
        expert, random = (
            rng.normal(part["mean"], part["standard_error"] or 0, (REPLICATES, 1))
            for part in (level(cards, game, whose) for whose in ("expert", "random"))
        )
        draws[:, :, column] = (drawn - random) / (expert - random)
    return draws


def interquartile_mean(values: np.ndarray) -> float:
    """Mean of the middle half of all values, whatever their shape."""
    ordered = np.sort(values, axis=None)
    cut = len(ordered) // 4
    return float(ordered[cut : len(ordered) - cut].mean())


def geometric_mean(values: np.ndarray) -> float:
    """Geometric mean over games of the means over runs, of values [R, G]; `FLOOR` at least each."""
    return float(np.exp(np.log(values.mean(0).clip(FLOOR)).mean()))


def curve(cards: Sequence[Mapping[str, Any]], game: str) -> list[dict[str, Any]]:
    """A game's tests while training, over all runs.

    Returns:
        In order, one entry for each number of steps that every run was tested at: steps, mean, and
        standard_error, between runs where there are several, else of the run's games.
    """
    by_steps: dict[int, list[dict]] = {}
    for card in cards:
        for row in card.get("tests", []):
            if row["game"] == game:
                by_steps.setdefault(row["steps"], []).append(row)
    return [
        {
            "steps": steps,
            "mean": float(np.mean([row["mean"] for row in rows])),
            "standard_error": error_of(rows),
        }
        for steps, rows in sorted(by_steps.items())
        if len(rows) == len(cards)
    ]


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV; an `Estimate` becomes three columns."""
    flat = []
    for row in rows:
        columns: dict[str, Any] = {}
        for key, value in row.items():
            if isinstance(value, Estimate):
                columns |= {key: value.value, f"{key}_low": value.low, f"{key}_high": value.high}
            elif key == "paper":
                columns |= (
                    {f"paper_{name}": part for name, part in vars(value).items()} if value else {}
                )
            else:
                columns[key] = value
        flat.append(columns)
    text = io.StringIO()
    writer = csv.DictWriter(
        text, list(dict.fromkeys(key for row in flat for key in row)), lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue()


def curve_rows(recorded: Recorded) -> list[dict[str, Any]]:
    """Every curve of the figures as rows: network, game, steps, mean, standard_error."""
    networks = {"amn": recorded.amns, **recorded.baselines}
    return [
        {"network": name, "game": game, **point}
        for name, cards in networks.items()
        for game in recorded.games
        for point in curve(cards, game)
    ]


def costs(recorded: Recorded) -> list[dict[str, Any]]:
    """What each kind of network is and took, by its first run; None where the card does not say.

    Returns:
        One entry per kind, and one for a single expert: network, runs, steps (per game), minutes,
        parameters, bytes (of those, as float32), and milliseconds of a forward pass of 1 and of 64
        observations.
    """
    networks = {"amn": recorded.amns, **recorded.baselines}
    kinds = {name: {**cards[0], "runs": len(cards)} for name, cards in networks.items()}
    kinds["one expert"] = recorded.amns[0].get("one_expert", {})
    rows = []
    for name, card in kinds.items():
        times = card.get("forward_milliseconds", {})
        rows.append(
            {
                "network": name,
                **{key: card.get(key) for key in ("runs", "steps", "minutes", "parameters")},
                "bytes": card.get("parameters") and 4 * card["parameters"],
                "forward_1": times.get("1"),
                "forward_64": times.get("64"),
            }
        )
    return rows


def number(value: float | None, decimals: int = 1) -> str:
    """A number for a table: no decimals where it is whole or 1,000 and more; a dash for none."""
    if value is None or math.isnan(value):
        return "-"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return (
        f"{value:,.0f}"
        if isinstance(value, int) or abs(value) >= 1000
        else f"{value:,.{decimals}f}"
    )


def percent(ratio: float) -> str:
    """A ratio for a table; a dash for none."""
    return "-" if math.isnan(ratio) else f"{100 * ratio:.0f} %"


def interval(estimate: Estimate, decimals: int = 2) -> str:
    """An estimate for a table, such as "0.98 (0.94 to 1.01)"; a dash for none."""
    if math.isnan(estimate.value):
        return "-"
    value, low, high = (
        number(part, decimals) for part in (estimate.value, estimate.low, estimate.high)
    )
    return f"{value} ({low} to {high})"


def with_error(value: float, error: float | None) -> str:
    """A mean and its standard error for a table, such as "229.8 ± 9.5"."""
    return f"{number(value)} ± {number(error)}"


def machine_of(card: Mapping[str, Any]) -> str:
    """What a run was on, such as "2 cores of AMD EPYC"."""
    machine = card.get("machine", {})
    cores = machine.get("cores")
    return f"{cores} {'core' if cores == 1 else 'cores'} of {machine.get('processor')}"


def level(cards: Sequence[Mapping[str, Any]], game: str, whose: str) -> dict[str, float]:
    """What all runs' scores of a game are measured by: their mean, where runs measured it anew.

    Args:
        cards: of the runs.
        game: name.
        whose: "expert" or "random".

    Returns:
        "mean" and "standard_error"; runs that took both from the expert's card agree.
    """
    own = [score_of(card, game)[whose] for card in cards]
    return {
        "mean": float(np.mean([part["mean"] for part in own])),
        "standard_error": float(np.mean([part["standard_error"] or 0 for part in own])),
    }


def score_of(card: Mapping[str, Any], game: str) -> dict[str, Any]:
    """A card's entry for a game."""
    return next(entry for entry in card["scores"] if entry["game"] == game)


def tested_alike(card: Mapping[str, Any], game: str) -> bool:
    """Whether tests while training and scores are of one emulator: both sticky, or neither."""
    return (score_of(card, game)["protocol"] == STICKY) == (card.get("test_protocol") == STICKY)


def error_of(rows: Sequence[Mapping[str, Any]]) -> float:
    """Standard error of a mean: between runs where there are several, else of the run's games."""
    if len(rows) == 1:
        error = rows[0]["standard_error"]
        return float("nan") if error is None else error
    return float(np.std([row["mean"] for row in rows], ddof=1) / np.sqrt(len(rows)))


def estimate(value: float, draws: np.ndarray) -> Estimate:
    """A value and the middle 95 % of its replicates."""
    low, high = np.percentile(draws, [2.5, 97.5])
    return Estimate(float(value), float(low), float(high))
