"""How long a run will take on this machine, said before it begins."""

from dataclasses import dataclass
from typing import Any

from amkit.evaluation.protocols import PROTOCOLS, Protocol
from amkit.games.atari import MAX_STEPS_PER_GAME, find_game
from amkit.jobs import rates
from amkit.jobs.configuration import describing_a_run

TYPICAL_STEPS_PER_GAME = 2_000  # Half of the shipped experts play longer games.
# Sampling, copying and waiting, which no part has by itself: distilling took 1.25 times as long as
# its parts, an expert 1.3 times.
_BETWEEN = 1.3


@dataclass(frozen=True)
class Pace:
    """How fast a run goes on this machine.

    Attributes:
        step: seconds that an agent step of its training takes.
        test_round: seconds that a step of all environments of a test takes; 0 without tests.
    """

    step: float
    test_round: float


def pace(config: dict[str, Any]) -> Pace:
    """Measures for about five seconds: emulation, acting and learning, each by itself.

    Runs that differ in their game, their length or their initialisation have about the same pace.

    Raises:
        DamagedRun: if the configuration does not describe a run.
    """
    with describing_a_run():
        settings, precision = config["settings"], config["precision"]
        game = find_game(config["games"][0])
        body = config.get("transfer", settings).get("body", "nature")
        machine = rates.measure_rates(
            game,
            precision,
            config["jit_compile"],
            settings["envs"],
            settings["batch_size"] * len(config["games"]),
            body,
        )
        if "passes" in settings:
            samples, forwards = settings["passes"], 1
        else:
            samples = settings["batch_size"] / settings["update_period_steps"]
            forwards = 1
            if config["kind"] == "amn":  # Asks the expert once.
                forwards = {"expert": 1, "both": 1.5, "student": 2}[settings["behaviour"]]
            else:  # A DQN's update evaluates the target network too: a third of an update's work.
                samples *= 4 / 3
        test_round = 0.0
        if config.get("test_epochs"):
            envs = _test_protocol(config).environments()
            emulation = rates.emulation_rate(game, envs, seconds=0.5)
            forward = rates.forward_rate(precision, envs, seconds=0.5, body=body)
            test_round = envs / emulation + envs / forward
        return Pace(_BETWEEN * machine.seconds_per_step(forwards, samples), test_round)


def _test_protocol(config: dict[str, Any]) -> Protocol:
    return PROTOCOLS[config.get("test_protocol", "quick")]


@dataclass(frozen=True)
class Minutes:
    """About how many minutes runs take; added up with `+`.

    Attributes:
        training: without tests.
        least_testing: of the tests while training, with games of `TYPICAL_STEPS_PER_GAME`.
        most_testing: the same with games of `MAX_STEPS_PER_GAME`: how long they last is not known
            before.
    """

    training: float = 0.0
    least_testing: float = 0.0
    most_testing: float = 0.0

    def __add__(self, other: "Minutes") -> "Minutes":
        return Minutes(
            self.training + other.training,
            self.least_testing + other.least_testing,
            self.most_testing + other.most_testing,
        )

    def __str__(self) -> str:
        if not self.most_testing:
            return f"about {duration(self.training)} here in all"
        return (
            f"about {duration(self.training)} of training here, and {duration(self.least_testing)} "
            f"to {duration(self.most_testing)} of tests, for games of "
            f"{TYPICAL_STEPS_PER_GAME:,} to {MAX_STEPS_PER_GAME:,} steps"
        )


def minutes(config: dict[str, Any], pace: Pace, done: int = 0) -> Minutes:
    """About how many minutes a run takes, but for its evaluation.

    Args:
        config: the run's.
        pace: how fast it goes.
        done: int. Agent steps per game that it has done already.

    Raises:
        DamagedRun: if the configuration does not describe a run.
    """
    with describing_a_run():
        steps, games = config["settings"]["steps"], len(config["games"])
        done = min(done, steps)
        tests = config.get("test_epochs", 0)
        tests -= tests * done // steps
        testing = (
            tests * games * _test_protocol(config).rounds(length) * pace.test_round / 60
            for length in (TYPICAL_STEPS_PER_GAME, MAX_STEPS_PER_GAME)
        )
        return Minutes((steps - done) * games * pace.step / 60, *testing)


def plan(config: dict[str, Any]) -> str:
    """One line: what a run will do, what it needs, and how long it takes here from nothing.

    Raises:
        DamagedRun: if the configuration does not describe a run.
    """
    with describing_a_run():
        settings = config["settings"]
        games = len(config["games"])
        frames = settings.get("replay_steps", 0) * games * 84 * 84 / 2**30
        begin = config.get("transfer", config.get("begin"))
        begun = f" from {begin['source']} weights" if begin else ""
        if begin and begin.get("knows_target"):
            begun += " (which have learnt this very game: no transfer to a new one)"
        replay = f"replay of {frames:.1f} GiB in memory, up to three times on disk; "
        return (
            f"{config['kind']} of {', '.join(config['games'])}{begun}: "
            f"{settings['steps']:,} agent steps per game, preset {config['preset']}, "
            f"{config['precision']}, "
            f"{'XLA' if config['jit_compile'] else 'plain graph'}, seed {config['seed']}; "
            f"{replay if frames else ''}{minutes(config, pace(config))}; "
            f"then an evaluation (protocol {config['protocol']})"
        )


def duration(total_minutes: float) -> str:
    """Minutes as people say them."""
    if total_minutes < 120:
        return f"{max(round(total_minutes), 1)} min"
    if total_minutes < 48 * 60:
        return f"{total_minutes / 60:.1f} hours"
    return f"{total_minutes / 60 / 24:.0f} days"
