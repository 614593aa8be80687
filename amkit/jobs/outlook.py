"""What the runs of a campaign need, and how long each takes on a core like this machine's."""

from collections.abc import Hashable, Sequence
from dataclasses import replace
from statistics import fmean

from amkit.evaluation.protocols import PROTOCOLS
from amkit.jobs import forecast
from amkit.jobs.configuration import Configuration
from amkit.jobs.plans import Planned
from amkit.jobs.simulate import Work
from amkit.jobs.standing import read_progress, standings

_STARTUP_SECONDS = 30.0  # Where no run of the campaign has been started yet.


def outlook(planned: Sequence[Planned], cores: int) -> list[Work]:
    """What is left of each run, measured for about five seconds a kind on this process' cores.

    Where runs of a kind have been at work, their training goes on as fast as they said. Tests and
    evaluations are taken to have games of `forecast.TYPICAL_STEPS_PER_GAME`.

    Args:
        planned: the runs.
        cores: of each.

    Raises:
        ValueError, RuntimeError: if one cannot begin.
    """
    configurations: list[Configuration] = []
    for one in planned:
        with one.named():
            configurations.append(one.request.configuration())
    kinds = [_kind(configuration) for configuration in configurations]
    rates: dict[Hashable, list[float]] = {}
    for kind, rate in zip(kinds, _said(planned, "steps_per_second"), strict=True):
        rates.setdefault(kind, []).extend([rate] if rate else [])
    paces: dict[Hashable, forecast.Pace] = {}
    works = []
    rows = standings(one.folder for one in planned)
    for row, configuration, kind in zip(rows, configurations, kinds, strict=True):
        if kind not in paces:
            paces[kind] = _pace(configuration, rates[kind])
        minutes = 0.0
        if row.state != "finished":
            needed = forecast.minutes(configuration, paces[kind], row.steps)
            minutes = needed.training + needed.least_testing
            if configuration.minutes is None:
                minutes += _evaluation_minutes(configuration, paces[kind])
        works.append(Work(minutes / 60, cores, forecast.gibibytes(configuration)))
    return works


def startup_seconds(planned: Sequence[Planned]) -> float:
    """How long a run takes from the start of its process to its second round, as runs said."""
    known = [seconds for seconds in _said(planned, "startup_seconds") if seconds]
    return fmean(known or [_STARTUP_SECONDS])


def _said(planned: Sequence[Planned], key: str) -> list[float | None]:
    return [read_progress(one.folder).get(key) for one in planned]


def _pace(configuration: Configuration, rates: Sequence[float]) -> forecast.Pace:
    """How fast runs of a kind go on: of training, at the rates (steps/s) that they had, if any."""
    if not configuration.test_epochs:  # The evaluation is measured as a test is.
        protocol = configuration.protocol
        configuration = replace(configuration, test_epochs=1, test_protocol=protocol)
    pace = forecast.pace(configuration)
    if rates:  # Which are of all games at once.
        pace = pace._replace(step=1 / fmean(rates) / len(configuration.games))
    return pace


def _kind(configuration: Configuration) -> Hashable:
    """What runs of about the same pace have in common."""
    settings = {**vars(configuration.settings), "steps": None}
    begin = configuration.transfer
    alike = (configuration.kind, configuration.algorithm, configuration.precision)
    tests = configuration.test_protocol if configuration.test_epochs else configuration.protocol
    return (*alike, len(configuration.games), begin and begin.body, tests, str(settings))


def _evaluation_minutes(configuration: Configuration, pace: forecast.Pace) -> float:
    """Of the scores on the card, the network's and random play's."""
    rounds = PROTOCOLS[configuration.protocol].rounds(forecast.TYPICAL_STEPS_PER_GAME)
    return 2 * len(configuration.games) * rounds * pace.test_round / 60
