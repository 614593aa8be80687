"""How long a run will take on this machine, said before it begins."""

from math import inf
from typing import NamedTuple

from amkit.evaluation.protocols import PROTOCOLS
from amkit.games.atari import MAX_STEPS_PER_GAME, find_game
from amkit.jobs import rates
from amkit.jobs.algorithms import Cost
from amkit.jobs.configuration import Configuration
from amkit.jobs.standing import duration
from amkit.storage.cards import how_played

TYPICAL_STEPS_PER_GAME = 2_000  # Half of the shipped experts play longer games.
MOST_DAYS = 1000  # The paper's largest network on a laptop is within it.
# Sampling, copying and waiting, which no part has by itself: distilling took 1.25 times as long as
# its parts, an expert 1.3 times.
_BETWEEN = 1.3
# TensorFlow, networks, and the emulators of preset `laptop`: of one game, and of each beside it.
_PROCESS_GIBIBYTES, _GAME_GIBIBYTES = 1.2, 0.02
# Of replay, packed, in two checkpoints and a third as it is written: frames of 14 games take 0.02
# to 0.06 of what they have in memory. And what networks and their optimizers take there.
_PACKED, _NETWORK_GIBIBYTES = 3 * 0.06, 0.1


class Pace(NamedTuple):
    """How fast a run goes on this machine."""

    step: float  # Seconds of an agent step of its training.
    test_round: float  # Seconds of a step of all environments of a test; 0 without tests.


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
    test_round = 0.0
    if configuration.test_epochs:
        envs = PROTOCOLS[configuration.test_protocol].environments()
        test_round = envs / rates.emulation_rate(game, envs, seconds=0.5)
        test_round += envs / rates.forward_rate(precision, envs, seconds=0.5, body=body)
    return Pace(_BETWEEN * step, test_round)


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
    """About how many minutes a run takes from agent step `done` on, but for its evaluation."""
    steps, games = configuration.settings.steps, len(configuration.games)
    done = min(done, steps)
    tests = configuration.test_epochs - configuration.test_epochs * done // steps
    protocol = PROTOCOLS[configuration.test_protocol]
    testing = (
        tests * games * protocol.rounds(length) * pace.test_round / 60
        for length in (TYPICAL_STEPS_PER_GAME, MAX_STEPS_PER_GAME)
    )
    return Minutes((steps - done) * games * pace.step / 60, *testing)


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


def plan(configuration: Configuration, pace: Pace) -> str:
    """One line: what a run will do, what it needs, and how long it takes here from nothing.

    Raises:
        ValueError: if that is longer than `MOST_DAYS`.
    """
    settings, begin = configuration.settings, configuration.transfer or configuration.begin
    begun = f" from {begin.source} weights" if begin else ""
    if begin and begin.knows_target:
        begun += " (which have learnt this very game: no transfer to a new one)"
    unlike = [(name, how_played(one)) for name, one in (configuration.played_in or {}).items()]
    disk = _NETWORK_GIBIBYTES + _PACKED * replay_gibibytes(configuration)
    room = f"{gibibytes(configuration):.1f} GiB of memory, {disk:.1f} GiB of disk"
    needed = minutes(configuration, pace)
    if needed.training > MOST_DAYS * 24 * 60:
        raise ValueError(
            f"a run takes {MOST_DAYS} days at most: fewer --steps, or fewer games. "
            f"Received: {settings.steps:,} steps of {len(configuration.games)} games, "
            f"{duration(needed.training)} here"
        )
    return (
        f"{configuration.kind} of {', '.join(configuration.games)}{begun}: "
        f"{settings.steps:,} agent steps per game, preset {configuration.preset}, "
        f"{configuration.precision}, {'XLA' if configuration.jit_compile else 'plain graph'}, "
        f"seed {configuration.seed}; {room}; {needed}; then an evaluation (protocol "
        f"{configuration.protocol})" + "".join(f"; {name}: {how}" for name, how in unlike if how)
    )
