"""Table 2 of recorded runs of `amkit transfer`: what an AMN's weights gain over random ones."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from amkit.reports.recorded import (
    ALIKE,
    STICKY,
    Card,
    Point,
    chance,
    check_alike,
    curve,
    expect,
    score_of,
)
from amkit.reports.statistics import REPLICATES, estimate
from amkit.reports.text import UNKNOWN, Estimate, Row
from amkit.storage.run_folders import is_finished, read_config

RANDOM_BEGINNING = "random"


@dataclass(frozen=True)
class Transfers:
    """Cards of target DQNs that learnt alike from different beginnings."""

    runs: dict[tuple[str, str], tuple[Card, ...]]  # (game, source) -> one per seed.
    games: tuple[str, ...]
    # AMNs, with the options that are not the usual ones; first "random", which every game has.
    sources: tuple[str, ...]
    skipped: tuple[str, ...] = ()  # What is not reported on, and why, each a sentence.
    # Game -> its own expert's score, where that expert was given: the ceiling.
    experts: dict[str, float] = field(default_factory=dict)


def unfinished(paths: Iterable[Path]) -> list[Path]:
    """Which of the paths are folders of transfers that have not come to their end.

    DamagedRun if the configuration of one cannot be read.
    """
    started = [path for path in paths if (path / "config.json").is_file() and not is_finished(path)]
    return [path for path in started if "transfer" in read_config(path)]


def transfers(cards: Sequence[Card], missing: Sequence[Path] = ()) -> Transfers:
    """Sorts the cards of target DQNs; names what is left out: games without random weights too.

    Among them may be experts of the target games, which learnt nothing else before. `missing` are
    folders of runs that should be there, from `unfinished`. ValueError if runs cannot be compared,
    or there is nothing to compare.
    """
    runs: dict[tuple[str, str], list[Card]] = {}
    experts: dict[str, Card] = {}
    for card in cards:
        game = card["games"][0]
        received = f"{card['kind']} of {', '.join(card['games'])}"
        if card["kind"] == "expert" and "transfer" not in card:
            expect(game not in experts, "one expert of each game", f"two of {game}")
            experts[game] = card
            continue
        what = "either no run of `amkit transfer` or only such runs and experts of their games"
        expect("transfer" in card, what, received)
        received = f"a run of {game} that was not tested while it learned"
        expect(card.get("tests"), "runs with tests (train with --test-epochs 10)", received)
        runs.setdefault((game, _label(card["transfer"])), []).append(card)
    named = tuple(dict.fromkeys(game for game, _ in runs))
    games = tuple(game for game in named if (game, RANDOM_BEGINNING) in runs)
    without = [game for game in named if game not in games]
    received = f"none for {', '.join(without)}" if without else "no finished run"
    expect(
        games, "a finished run from random weights (--from none) for at least one game", received
    )
    runs = {key: seeds for key, seeds in runs.items() if key[0] in games}
    for (game, source), seeds in runs.items():
        check_alike(seeds, ("transfer",), f"{game} from {source}")
    for game in games:
        beside = [card for (name, _), seeds in runs.items() if name == game for card in seeds]
        check_alike(beside, ("parameters", "background", *ALIKE), game, "initialisation and seed")
    tested = _tested(runs[games[0], RANDOM_BEGINNING][0])
    for (game, _), seeds in runs.items():
        alike = all(_tested(card) == tested for card in seeds)
        received = f"{games[0]} and {game}, tested at different steps"
        expect(alike, "runs that are tested at the same steps", received)
    skipped = [f"{path.name} is left out: it is not finished." for path in missing]
    skipped += [f"{game} is left out: no run of it from random weights." for game in without]
    sticky = runs[games[0], RANDOM_BEGINNING][0].get("test_protocol") == STICKY
    for game, card in list(experts.items()):
        if (score_of(card, game)["protocol"] == STICKY) != sticky:
            skipped.append(f"The expert of {game} is left out: its score is of another emulator.")
            del experts[game]
    alone = [game for game in experts if game not in named]
    skipped += [f"The expert of {game} is left out: no run of it." for game in alone]
    return Transfers(
        {key: tuple(seeds) for key, seeds in runs.items()},
        games,
        tuple(dict.fromkeys([RANDOM_BEGINNING, *(source for _, source in runs)])),
        tuple(skipped),
        {game: score_of(card, game)["mean"] for game, card in experts.items()},
    )


def _label(begin: Mapping[str, Any]) -> str:
    """An initialisation as a report calls it: such as "amn", or "amn, head new, freeze conv3"."""
    options = [f"head {begin['head']}"] if begin.get("head", "keep") != "keep" else []
    options += [f"freeze {begin['freeze']}"] if begin.get("freeze") else []
    options += [f"kernels {begin['kernels']}"] if begin.get("kernels") else []
    return ", ".join([begin["source"], *options])


def _tested(card: Card) -> list[int]:
    return [test["steps"] for test in card["tests"]]


def table_2(recorded: Transfers, seed: int = 0) -> list[Row]:
    """Table 2: every curve, and what it is beside that of random weights. `seed` is of intervals.

    The intervals of areas let runs vary as much as those of one game and source do that differ in
    the seed alone: for a ratio in their logarithms, pooled over all games and sources, for a
    difference in score, pooled over the sources of the game. Where nothing was run twice, tests
    vary by their standard errors. Those of steps draw runs anew, and their tests by such errors.

    Returns:
        One row per game and source. game, source, runs; points: from `curve`; chance: random play's
        mean score, None where it is not known; expert: the score of the target's own expert, None
        where it was not given; decided: whether this or random weights get clearly above random
        play, over all tests or in the last, as far as its score is known; area: an `Estimate` of
        the mean score above random play over all tests, divided by that of random weights, NaN
        where these are not clearly above random play; area_difference: an `Estimate` of the mean
        score, less that of random weights; steps_to_match: agent steps at the first test that
        reaches random weights' last score, None if none does; steps_ratio: an `Estimate` of them,
        divided by random weights' own, infinite if no test does. Both are unknown where random
        weights do not end clearly above random play, as far as its score is known (it is not
        where the tests alone, or the scores alone, have sticky actions).
    """
    rng = np.random.default_rng(seed)
    curves = {key: _curves(cards, key[0], rng) for key, cards in recorded.runs.items()}
    chances = {
        game: chance(recorded.runs[game, RANDOM_BEGINNING][0], game) for game in recorded.games
    }
    above = [of.areas - chances[game][0] for (game, _), of in curves.items()]
    in_logarithms = _between_runs([np.log(areas) for areas in above if areas.min() > 0])
    rows: list[Row] = []
    for game in recorded.games:
        drawn_chance = rng.normal(*chances[game], REPLICATES)
        in_score = _between_runs([of.areas for (name, _), of in curves.items() if name == game])
        random = curves[game, RANDOM_BEGINNING]
        for source in recorded.sources:
            if (game, source) not in recorded.runs:
                continue
            run = curves[game, source]
            logarithms, scores = (
                _noise(between, run, random, rng) for between in (in_logarithms, in_score)
            )
            steps, steps_ratio = _steps_to_match(run, random, drawn_chance)
            rows.append(
                {
                    "game": game,
                    "source": source,
                    "runs": len(run.areas),
                    "points": run.points,
                    "chance": None if np.isnan(chances[game][0]) else chances[game][0],
                    "expert": recorded.experts.get(game),
                    "decided": any(_beats(of, drawn_chance) for of in (run, random)),
                    "area": _relative_area(run, random, chances[game][0], drawn_chance, logarithms),
                    "area_difference": _area_difference(run, random, scores),
                    "steps_to_match": steps,
                    "steps_ratio": steps_ratio,
                }
            )
    return rows


class _Curves(NamedTuple):
    """The T tests of one game and source, of R runs."""

    points: list[Point]  # Means over runs.
    areas: np.ndarray  # float [R]. Each run's mean score over all tests.
    draws: np.ndarray  # float [REPLICATES, T]. Means over runs, drawn anew, and tests by errors.


def _curves(cards: Sequence[Card], game: str, rng: np.random.Generator) -> _Curves:
    tests = [curve([card], game) for card in cards]
    means = np.array([[point["mean"] for point in run] for run in tests])  # [R, T]
    errors = np.nan_to_num([[point["standard_error"] for point in run] for run in tests])
    chosen = rng.integers(0, len(cards), (REPLICATES, len(cards)))
    draws = rng.normal(means[chosen], errors[chosen]).mean(axis=1)
    return _Curves(curve(cards, game), means.mean(axis=1), draws)


def _beats(run: _Curves, chances: np.ndarray) -> bool:
    """Whether runs are clearly above random play, over all tests or in the last.

    So too where random play's score is not known.
    """
    above = (run.draws.mean(axis=1) - chances, run.draws[:, -1] - chances)
    return any(not np.percentile(draws, 2.5) <= 0 for draws in above)


def _between_runs(areas: Sequence[np.ndarray]) -> tuple[float, int]:
    """Standard deviation between runs alike but for the seed, pooled; its degrees of freedom."""
    freedom = sum(len(runs) - 1 for runs in areas)
    squares = sum(float(np.square(runs - runs.mean()).sum()) for runs in areas)
    return (np.sqrt(squares / freedom) if freedom else 0.0), freedom


def _noise(
    between: tuple[float, int], run: _Curves, random: _Curves, rng: np.random.Generator
) -> np.ndarray | None:
    """Draws of what the seeds do to the difference of two means over runs; None if not known.

    A run that is high is high in all its tests, and the spread is an estimate too (Student's t).
    """
    spread, freedom = between
    if not freedom or run is random:
        return None
    spreads = spread * np.sqrt(freedom / rng.chisquare(freedom, REPLICATES))
    spreads *= np.sqrt(1 / len(run.areas) + 1 / len(random.areas))
    return np.asarray(spreads * rng.normal(size=REPLICATES))


def _relative_area(
    run: _Curves, random: _Curves, chance: float, chances: np.ndarray, noise: np.ndarray | None
) -> Estimate:
    drawn_random = random.draws.mean(axis=1) - chances
    if not np.percentile(drawn_random, 2.5) > 0:  # Not above random play: no ratio.
        return UNKNOWN
    drawn = run.draws.mean(axis=1) - chances
    mean, mean_random = run.areas.mean(), random.areas.mean()
    if noise is not None:
        drawn, drawn_random = mean - chances, mean_random - chances
    # A draw of random weights that only play at random is at its upper end.
    infinite = np.full(REPLICATES, np.inf)
    draws = np.divide(drawn, drawn_random, out=infinite, where=drawn_random > 0)
    if noise is not None:
        with np.errstate(over="ignore"):  # Of two runs alone, a draw may be as far off as that.
            draws = draws * np.exp(noise)
    return estimate((mean - chance) / (mean_random - chance), draws)


def _area_difference(run: _Curves, random: _Curves, noise: np.ndarray | None) -> Estimate:
    difference = run.areas.mean() - random.areas.mean()
    draws = (run.draws - random.draws).mean(axis=1) if noise is None else difference + noise
    return estimate(difference, draws)


def _steps_to_match(
    run: _Curves, random: _Curves, drawn_chance: np.ndarray
) -> tuple[int | None, Estimate]:
    """Steps to the last score of random weights, and their ratio to random weights' own."""
    ends = random.draws[:, -1]
    if np.percentile(ends - drawn_chance, 2.5) <= 0:  # There is nothing to match.
        return None, UNKNOWN
    steps = np.array([point["steps"] for point in run.points])

    def first(curves: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Steps at the first test of each curve [N, T] that reaches its score [N]."""
        reached = curves >= scores[:, None]
        return np.where(reached.any(axis=1), steps[reached.argmax(axis=1)], np.inf)

    means, means_random = (np.array([[p["mean"] for p in of.points]]) for of in (run, random))
    matched = first(means, means_random[:, -1])[0]
    ratio = matched / first(means_random, means_random[:, -1])[0]
    # Noise makes a first time early: compared is with random weights' own, where it does so too.
    draws = first(run.draws, ends) / first(random.draws, ends)
    steps_ratio = estimate(ratio, draws, "inverted_cdf")
    return None if np.isinf(matched) else int(matched), steps_ratio
