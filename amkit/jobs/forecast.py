"""How long a run takes on this machine, or how far it gets in a time, said before it begins."""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil, inf
from typing import NamedTuple

from amkit.evaluation.protocols import PROTOCOLS, Protocol
from amkit.games.atari import MAX_STEPS_PER_GAME, find_game
from amkit.jobs import rates
from amkit.jobs.algorithms import Cost
from amkit.jobs.configuration import Configuration
from amkit.jobs.standing import duration
from amkit.learning.job import MOST_STEPS
from amkit.storage.cards import how_played
from amkit.storage.experts import choose_experts

TYPICAL_STEPS_PER_GAME = 2_000  # Half of the shipped experts play longer games.
MOST_DAYS = 1000  # The paper's largest network on a laptop is within it.
# Sampling, copying and waiting, which no part has by itself: distilling took 1.25 times as long as
# its parts, an expert 1.3 times.
_BETWEEN = 1.3
# TensorFlow, networks, and the emulators of preset `laptop`: of one game, and of each beside it.
_PROCESS_GIBIBYTES, _GAME_GIBIBYTES = 1.2, 0.03
# Of replay, packed, in two checkpoints and a third as it is written: frames of 14 games take 0.02
# to 0.06 of what they have in memory. And what networks and their optimizers take there.
_PACKED, _NETWORK_GIBIBYTES = 3 * 0.06, 0.1
_SETUP_SECONDS = 15.0  # To read networks, and to trace and compile what is computed.
_PLAYER_SECONDS = 1.0  # The same for one network that is evaluated or tested.
_CARD_SECONDS = 5.0  # To time the network and write its files, in the end.
_MOST_EVALUATION = 1 / 3  # Of a run's minutes: after few of them games are short.
_SIDE_BY_SIDE = 0.75  # Of the time that games take one by one, as three are played at a time.
_LONGEST = 1.5  # Ten games side by side end with the longest, so many times as long as their mean.


class Pace(NamedTuple):
    """How fast a run goes on this machine."""

    step: float  # Seconds of an agent step of its training.
    test_round: float  # Seconds of a step of all environments of a test; 0 without tests.
    # Of a run that has minutes: the same of its evaluation, and seconds to start an emulator.
    evaluation_round: float = 0.0
    emulator: float = 0.0


def pace(configuration: Configuration) -> Pace:
    """Measures for about five seconds: emulation, acting and learning, each by itself.

    Runs that differ in their game, their length or their initialisation have about the same pace.
    """
    settings, precision = configuration.settings, configuration.precision
    game = find_game(configuration.games[0])
    begin = configuration.transfer
    body = (begin.body if begin else getattr(settings, "body", None)) or "nature"
    batch_size = settings.batch_size * len(configuration.games)
    cost: Cost = configuration.row.cost(settings)
    step = cost.seconds(
        rates.emulation_rate(game, settings.envs, seconds=0.5),
        rates.forward_rate(precision, settings.envs, seconds=0.5, body=body),
        # Experts have the body of experts, whatever the student's is.
        rates.forward_rate(precision, settings.envs, seconds=0.5) if cost.asking else inf,
        rates.training_rate(
            precision, configuration.jit_compile, batch_size, seconds=0.5, body=body
        ),
    )

    def round_seconds(protocol: str) -> float:
        envs = PROTOCOLS[protocol].environments()
        emulation = rates.emulation_rate(game, envs, seconds=0.5)
        forward = rates.forward_rate(precision, envs, seconds=0.5, body=body)
        return envs / emulation + envs / forward

    timed = configuration.minutes is not None
    return Pace(
        _BETWEEN * step,
        round_seconds(configuration.test_protocol) if configuration.test_epochs else 0.0,
        round_seconds(configuration.protocol) if timed else 0.0,
        rates.emulator_seconds(game) if timed else 0.0,
    )


class Minutes(NamedTuple):
    """About how many minutes runs take."""

    training: float  # Without tests.
    least_testing: float  # While training, with games of `TYPICAL_STEPS_PER_GAME`.
    most_testing: float  # With games of `MAX_STEPS_PER_GAME`: nobody knows their length before.

    def __str__(self) -> str:
        if not self.most_testing:
            return f"about {duration(self.training)} here in all"
        return (
            f"about {duration(self.training)} of training here, and {duration(self.least_testing)} "
            f"to {duration(self.most_testing)} of tests, for games of "
            f"{TYPICAL_STEPS_PER_GAME:,} to {MAX_STEPS_PER_GAME:,} steps"
        )


def minutes(configuration: Configuration, pace: Pace, done: int = 0) -> Minutes:
    """About how many minutes a run takes from agent step `done` on, but for its evaluation.

    Of a run that has minutes, these, with its evaluation.
    """
    if configuration.minutes is not None:
        return Minutes(configuration.minutes, 0, 0)
    steps, games = configuration.settings.steps, len(configuration.games)
    done = min(done, steps)
    tests = configuration.test_epochs - configuration.test_epochs * done // steps
    protocol = PROTOCOLS[configuration.test_protocol]
    testing = (
        tests * games * protocol.rounds(length) * pace.test_round / 60
        for length in (TYPICAL_STEPS_PER_GAME, MAX_STEPS_PER_GAME)
    )
    return Minutes((steps - done) * games * pace.step / 60, *testing)


class Split(NamedTuple):
    """How a run divides its minutes: seconds, and the steps per game that there is time for."""

    seconds: float  # In all.
    start: float
    training: float
    test: float  # Each of `tests`.
    tests: int
    evaluation: float
    least_training: float  # Until something is learnt.
    steps: int

    def __str__(self) -> str:
        testing = f", {_span(self.tests * self.test)} of tests" if self.tests else ""
        return (
            f"about {_span(self.start)} to start, {_span(self.training)} of training{testing} and "
            f"{_span(self.evaluation)} of evaluation"
        )


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else duration(seconds / 60)


def split(configuration: Configuration, pace: Pace, spent: float = 0.0) -> Split:
    """How a run divides its minutes on this machine, `spent` seconds of which are gone.

    Where there are too few minutes, it takes the least steps that something is learnt with, and
    longer.
    """
    assert configuration.minutes is not None
    settings, games = configuration.settings, len(configuration.games)
    start = spent + _SETUP_SECONDS + games * settings.envs * pace.emulator
    foreseen, test_protocol = (
        Evaluation(configuration, pace),
        PROTOCOLS[configuration.test_protocol],
    )
    test = _seconds_of(foreseen.lengths, test_protocol, pace.test_round, pace)
    evaluation = foreseen.seconds()
    tests, seconds = configuration.test_epochs, 60 * configuration.minutes
    training, of_a_step = seconds - start - tests * test - evaluation, games * pace.step
    least = settings.least_steps * of_a_step
    steps = min(max(int(training / of_a_step), settings.least_steps), MOST_STEPS)
    return Split(seconds, start, training, test, tests, evaluation, least, steps)


class Evaluation:
    """About how long the evaluation of a run that has minutes takes, with its card.

    Games of the network are taken to last as long as its experts', as far as that is a third of
    the minutes at most; or longer, if those that ended in its training did. Without experts, as
    long as those. The experts' cards are read here, and not again.
    """

    def __init__(self, configuration: Configuration, pace: Pace):
        assert configuration.minutes is not None
        self._pace, self._protocol = pace, PROTOCOLS[configuration.protocol]
        self._taught = configuration.experts is not None
        self.lengths, self._beside = _lengths(configuration)
        self._most = 60 * configuration.minutes * _MOST_EVALUATION

    def seconds(self, played: Sequence[float | None] = ()) -> float:
        """From the mean steps of each game's that ended in training, None where none did.

        They count once there are some of every game.
        """
        foreseen = self._seconds(self.lengths, self._most)
        known = [length for length in played if length is not None]
        if len(known) == len(self.lengths):
            so_far = self._seconds(known)
            foreseen = max(foreseen, so_far) if self._taught else so_far
        return foreseen + _CARD_SECONDS

    def _seconds(self, lengths: Sequence[float], most: float = inf) -> float:
        """Of games of the network, `most` at most, and of those who are measured beside it."""
        alone, all_together = (
            _seconds_of(players, self._protocol, self._pace.evaluation_round, self._pace)
            for players in (lengths, [*lengths, *self._beside])
        )
        return min(alone, most) + all_together - alone


def _checked_split(configuration: Configuration, pace: Pace, spent: float) -> Split:
    """As `split` has it; ValueError if the minutes are too few."""
    assert configuration.minutes is not None
    parts = split(configuration, pace, spent)
    if parts.training >= parts.least_training:
        return parts
    minutes, enough = int(configuration.minutes), parts
    while enough.training < enough.least_training:  # A share of them is the evaluation's.
        minutes += max(minutes // 20, 1)
        enough = split(replace(configuration, minutes=minutes), pace, spent)
    raise ValueError(
        f"a run of {', '.join(configuration.games)} needs --minutes {minutes} or more here, "
        f"{enough}: give more minutes, or fewer games. Received: {configuration.minutes:g}"
    )


def _lengths(configuration: Configuration) -> tuple[list[float], list[float]]:
    """Mean steps of games: each game's under the network, and those of who is measured beside it.

    The former as under its expert, by the expert's card. The latter are random play's, and the
    expert's, where no card has their scores under the run's protocol.
    """
    if not configuration.experts:
        typical: list[float] = [TYPICAL_STEPS_PER_GAME for _ in configuration.games]
        return typical, typical
    protocol = PROTOCOLS[configuration.protocol]
    lengths: list[float] = []
    beside: list[float] = []
    for expert in choose_experts(configuration.experts, configuration.games):
        length, known = float(TYPICAL_STEPS_PER_GAME), False
        for score in expert.card.get("scores", []):
            length = score["steps"] / score["games"] if score.get("steps") else length
            measured = PROTOCOLS.get(score.get("protocol", ""))
            known = known or bool(measured and measured.covers(protocol))
        lengths.append(length)
        beside += [] if known else [TYPICAL_STEPS_PER_GAME, length]
    return lengths, beside


def _seconds_of(
    lengths: Sequence[float], protocol: Protocol, round_seconds: float, pace: Pace
) -> float:
    """About how long players take whose games last so many steps on average."""
    longest = 1.0 if protocol.steps else _LONGEST  # Else others begin where games have ended.
    start = _PLAYER_SECONDS + protocol.environments() * pace.emulator
    each = [start + protocol.rounds(ceil(longest * n)) * round_seconds for n in lengths]
    # The longest is played alone in the end, where the others have ended before.
    return max(_SIDE_BY_SIDE * sum(each), *each) if each else 0.0


def gibibytes(configuration: Configuration) -> float:
    """Memory that a run's process takes, about."""
    beside = _GAME_GIBIBYTES * (len(configuration.games) - 1)
    return _PROCESS_GIBIBYTES + beside + replay_gibibytes(configuration)


def replay_gibibytes(configuration: Configuration) -> float:
    """Memory that the replay memories of all games take, frames and what is kept with each."""
    values = configuration.row.cost(configuration.settings).replay_values
    if values is None:
        return 0.0
    steps: int = configuration.settings.replay_steps * len(configuration.games)
    return steps * (84 * 84 + 4 * values) / 2**30


def plan(configuration: Configuration, pace: Pace, spent: float = 0.0, done: int = 0) -> str:
    """One line: what a run will do, what it needs, and how long it takes here from nothing.

    Args:
        configuration: of the run.
        pace: of this machine.
        spent: seconds that are gone already, which count for a run that has minutes.
        done: agent steps of a run that goes on.

    Raises:
        ValueError: if that is longer than `MOST_DAYS`, or its minutes are too few.
    """
    settings, begin = configuration.settings, configuration.transfer or configuration.begin
    begun = f" from {begin.source} weights" if begin else ""
    if begin and begin.knows_target:
        begun += " (which have learnt this very game: no transfer to a new one)"
    unlike = [(name, how_played(one)) for name, one in (configuration.played_in or {}).items()]
    disk = _NETWORK_GIBIBYTES + _PACKED * replay_gibibytes(configuration)
    room = f"{gibibytes(configuration):.1f} GiB of memory, {disk:.1f} GiB of disk"
    needed = minutes(configuration, pace)
    if configuration.minutes is None and needed.training > MOST_DAYS * 24 * 60:
        raise ValueError(
            f"a run may take at most {MOST_DAYS} days: use fewer --steps, or fewer games. "
            f"Received: {settings.steps:,} steps of {', '.join(configuration.games)}, "
            f"{duration(needed.training)} here"
        )
    steps, time = f"{settings.steps:,} agent steps per game", f"{needed}; then an evaluation"
    if configuration.minutes is not None:
        steps, time = f"{configuration.minutes:g} minutes", "less what it has done of them"
        if not done:
            parts = _checked_split(configuration, pace, spent)
            steps += f" for about {parts.steps:,} agent steps per game"
            time = str(parts)
    return (
        f"{configuration.kind} of {', '.join(configuration.games)}{begun}: "
        f"{steps}, preset {configuration.preset}, "
        f"{configuration.precision}, {'XLA' if configuration.jit_compile else 'plain graph'}, "
        f"seed {configuration.seed}; {room}; {time} (protocol "
        f"{configuration.protocol})" + "".join(f"; {name}: {how}" for name, how in unlike if how)
    )
