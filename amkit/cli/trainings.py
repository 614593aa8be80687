"""`amkit train`, `distill`, `baseline` and `transfer`: what is asked for, as jobs."""

import os
from itertools import product
from pathlib import Path
from typing import Any

from typer import Argument, Context, Option

from amkit.backend import load_tensorflow
from amkit.cli.console import say, usage
from amkit.cli.jobs import Job, options_of, run_jobs
from amkit.cli.options import card_of, game_names, training

FROM_RANDOM = "none"  # Weights to begin with.
FRESH_KERNELS = "fresh"  # The size of kernels that random weights have.


@training(
    preset="laptop (default, fast), quantile (learns the distribution of returns), explore (for "
    "rare rewards), plain (for games with early rewards, such as Pong), or paper (Mnih et al. "
    "2015, takes days)."
)
def train(
    context: Context,
    games: list[str] | None = Argument(None, help="ALE games, such as pong or space_invaders."),
    every: bool = Option(
        False,
        "--all",
        help="Train all 20 games of the paper, Table 1 first. Without --preset, train as the "
        "shipped experts were: preset explore for Kangaroo and Beam Rider, plain for Road Runner, "
        "and for some games 2.2 or 3 M steps (unless --steps or --minutes is given).",
    ),
    into: Path | None = Option(
        None,
        help="Folder for copies of the finished experts, GAME.keras and its card. A new expert "
        "replaces an older one of the same game.",
    ),
) -> None:
    """Train an expert DQN for each game, one game after the other.

    Examples:

    [bold]amkit train pong[/]  an expert; amkit first says how long this takes

    [bold]amkit train pong --minutes 20[/]  as good as possible in 20 minutes in all

    [bold]amkit train pong --resume[/]  continues after Ctrl-C or a kill

    [bold]mkdir -p runs/zoo; amkit train --all --into runs/zoo --resume[/]  starts or continues
    """
    from amkit.storage import models

    with usage():
        names = _names(games or [], every)
        if context.params["run"] and len(names) > 1:
            raise ValueError("--run works with one game only. Received: " + ", ".join(names))
        if into and not (into.is_dir() and os.access(into, os.W_OK)):
            raise ValueError(
                f"--into must be an existing folder that can be written. Received: {into}"
            )
    zoo: dict[str, dict[str, Any]] = {}
    if every and context.params["preset"] is None:  # Steps go with the preset they are for.
        load_tensorflow()
        from amkit.jobs.presets import ZOO as zoo

    def job(name: str) -> Job:
        options = options_of(context, "games", "every", "into")
        for key, value in zoo.get(name, {}).items():
            if key != "steps" or not options["minutes"]:
                options[key] = options[key] or value
        return Job(
            "expert",
            [name],
            f"expert-{name}",
            ["train", name],
            lambda jobs, **options: jobs.expert_config(name, **options),
            options,
        )

    def copy(job: Job, model: Path) -> None:
        if into and job.games:
            target = into / f"{job.games[0]}.keras"
            models.copy(model, target)
            say(f"copied to {target}")

    run_jobs(context, [job(name) for name in names], copy)


def _names(games: list[str], every: bool) -> list[str]:
    """The games asked for, in order, each once; ValueError if wrong."""
    from amkit.games.catalogue import SPLITS

    if every == bool(games):
        raise ValueError(
            f"name games or give --all, not both. Received: {'both' if games else 'neither'}"
        )
    if every:
        return list(dict.fromkeys(name for split in SPLITS.values() for name in split))
    names = [name for game in games for name in game_names(game, None) or []]
    if len(set(names)) < len(names):
        raise ValueError(f"name each game only once. Received: {' '.join(games)}")
    return names


@training(
    preset="laptop (fast), short (a smaller network, for few minutes) or paper (App. B). The "
    "default is laptop, or short where the minutes here are too few for it.",
    minutes="Instead of --steps: total time on this machine, with start, tests and evaluation "
    "(default for laptop: 15).",
)
def distill(
    context: Context,
    experts: Path = Option(..., help="Folder of experts (.keras) with their cards."),
    games: str | None = Option(None, help="Games, comma-separated (default: all with experts)."),
    split: str | None = Option(None, help="Instead of --games: multitask, sources or targets."),
    objective: str | None = Option(
        None, help="What the student imitates: policy (Eq. 4) or q_values (section 3.1)."
    ),
    temperature: float | None = Option(None, help="tau of Eq. 3, which divides the Q-values."),
    temperature_unit: str | None = Option(
        None,
        help="Unit of --temperature: q_values (the same tau in every game), or spread (the "
        "difference between the values of an expert's best and worst action).",
    ),
    feature_weight: float | None = Option(
        None, help="beta of Eq. 6, the weight of feature regression."
    ),
    body: str | None = Option(
        None,
        help="The student's layers: small, nature (as the experts), wide, transfer (App. D) or "
        "transfer-code (the authors' code).",
    ),
    source: Path | None = Option(
        None,
        "--from",
        help="The .keras file of the student's first weights (default: random weights).",
    ),
    epsilon: float | None = Option(None, help="Share of random actions in training, in [0, 1]."),
    behaviour: str | None = Option(
        None, help="Who acts in training: student, expert (section 4.3), or both in turns."
    ),
) -> None:
    """Distil experts into one Actor-Mimic network that plays all their games.

    Examples:

    [bold]amkit distill --experts pretrained/[/]  all games with an expert, 15 minutes

    [bold]amkit distill --experts pretrained/ --minutes 60[/]  longer training, higher scores

    [bold]amkit distill --experts pretrained/ --games pong,boxing --feature-weight 0.01[/]

    [bold]amkit distill --experts pretrained/ --from pretrained/breakout.keras[/]

    [bold]amkit distill --experts pretrained/ --resume[/]  continues after Ctrl-C or a kill
    """
    with usage():
        names = game_names(games, split)
        begun_with = card_of(source)["weight_hash"] if source else None

    job = Job(
        "amn",
        names,
        f"amn-{split or '-'.join(sorted(names or ['all']))}",
        [
            *("distill", "--experts", str(experts)),
            *(["--games", ",".join(names)] if names else []),
            *(["--from", str(source)] if source else []),
        ],
        lambda jobs, **options: jobs.distill_config(experts, names, source=source, **options),
        options_of(context, "experts", "games", "split", "source"),
        experts=experts,
        source=source,
        expected={"weights": begun_with},
    )
    run_jobs(context, [job])


@training(preset="laptop (default, fast) or paper (App. C).")
def baseline(
    context: Context,
    architecture: str = Argument(
        ...,
        help="mdqn (all games share one network and its 18 outputs) or mcdqn (all games share the "
        "convolutions; each game has its own features and outputs).",
    ),
    games: str | None = Option(None, help="Games, comma-separated, two or more."),
    split: str | None = Option(
        None, help="Instead of --games: multitask (default), sources or targets."
    ),
) -> None:
    """Train a multitask DQN: one network learns several games without experts (App. C).

    The learning rule is that of an expert; only the network is shared. Examples:

    [bold]amkit baseline mdqn[/]  the eight games of Table 1

    [bold]amkit baseline mcdqn --games pong,breakout --steps 100000 --test-epochs 5[/]
    """
    with usage():
        if not games and not split:
            split = "multitask"
        names = game_names(games, split) or []

    job = Job(
        architecture,
        names,
        f"{architecture}-{split or '-'.join(sorted(names))}",
        ["baseline", architecture, *(["--split", split] if split else ["--games", str(games)])],
        lambda jobs, **options: jobs.baseline_config(architecture, names, **options),
        options_of(context, "architecture", "games", "split"),
    )
    run_jobs(context, [job])


@training(
    but="run",
    preset="laptop (default, fast), paper (10 M steps) or paper-code (as in the authors' code).",
)
def transfer(
    context: Context,
    games: list[str] | None = Argument(None, help="Target games."),
    split: str | None = Option(None, help="Instead of games: targets (the 7 games of Table 2)."),
    sources: list[str] | None = Option(
        None,
        "--from",
        help="The first weights: the .keras file of an AMN or expert, or none for random weights. "
        "May be repeated.",
    ),
    head: str | None = Option(None, help="The output layer: keep (default) or new."),
    freeze: str | None = Option(
        None, help="Freeze all layers up to this one, such as conv3 or features."
    ),
    kernels: str | None = Option(
        None,
        help="Scale the hidden kernels to the size of random weights' (fresh), or of this .keras "
        "file's. The outputs stay the same, but larger kernels learn more slowly.",
    ),
    seed: str = Option("0", help="Seeds, comma-separated. Each seed trains every game and source."),
    test_epochs: int | None = Option(
        None, help="Number of tests on whole games during training (default: 10).", min=1
    ),
) -> None:
    """Train DQNs on new games, starting from an AMN or from random weights (section 5.2).

    All runs learn in the same way. Only their first weights differ. Examples:

    [bold]amkit transfer breakout --from amn.keras --from none[/]  one game, with and without

    [bold]amkit transfer --split targets --from amn.keras --from none --seed 0,1 --resume[/]

    [bold]amkit transfer krull --from amn.keras --from none --kernels fresh[/]  at one pace

    [bold]amkit transfer krull --from amn.keras --from none --kernels amn.keras[/]  the same, slower
    """
    from amkit.storage.run_folders import label

    with usage():
        if games and split:
            raise ValueError("name games or give --split, not both. Received: both")
        names = game_names(",".join(games) if games else None, split)
        if not names:
            raise ValueError("name target games or give --split. Received: neither")
        if not sources:
            raise ValueError(
                "--from must be a .keras file or none; repeat --from for both. Received: nothing"
            )
        if len({label(Path(source)) for source in sources}) < len(sources):
            raise ValueError(
                f"the sources of --from must have different names. Received: {' '.join(sources)}"
            )
        numbers = _numbers(seed)
        if (head or freeze) and set(sources) == {FROM_RANDOM}:
            raise ValueError("--head and --freeze need an AMN's weights. Received: --from none")
        if kernels == FRESH_KERNELS and set(sources) == {FROM_RANDOM}:
            raise ValueError(
                "--kernels must be a .keras file for random weights, whose kernels are fresh. "
                f"Received: {kernels}"
            )
        size_of = Path(kernels) if kernels and kernels != FRESH_KERNELS else None
        if size_of:
            card_of(size_of)
        amns = [Path(source) for source in sources if source != FROM_RANDOM]
        hashes = {path: card_of(path)["weight_hash"] for path in amns}
        layers = _layers(amns) if FROM_RANDOM in sources or len(amns) > 1 else {}

    def job(name: str, source: str, seed: int) -> Job:
        path = None if source == FROM_RANDOM else Path(source)
        # Random weights in the same layers, so that nothing else differs.
        like = amns[0] if amns and path is None else None
        # Kernels that have the size already are left as they are.
        unscaled = kernels == FRESH_KERNELS if path is None else size_of == path
        scale = None if unscaled else kernels

        options = {**options_of(context, "games", "split", "sources", "kernels"), "seed": seed}
        if path is None:
            options |= {"head": None, "freeze": None}
        weights = [label(Path(source))]
        if options["head"] == "new":
            weights.append("head-new")
        if options["freeze"]:
            weights.append(f"freeze-{freeze}")
        size = scale and (label(size_of) if size_of else FRESH_KERNELS)
        if size:
            weights.append(f"kernels-{size}")
        words = ["transfer", name, "--from", source]
        # Random weights are of the AMN's layers, so that it is part of their command too.
        words += [
            *(["--from", str(like)] if like else []),
            *(["--kernels", scale] if scale else []),
        ]
        return Job(
            "expert",
            [name],
            # What no name says, `--resume` could take another experiment's run for.
            f"transfer-{name}-from-{'-'.join(weights)}-seed-{seed}",
            words,
            lambda jobs, **options: jobs.transfer_config(
                name, path, like=like, kernels=scale, **options
            ),
            options,
            source=path,
            expected={"weights": hashes[path] if path else None, "kernels": size, **layers},
        )

    # Seeds last: a table that is stopped has every game, with fewer seeds.
    jobs = [job(game, source, number) for number, game, source in product(numbers, names, sources)]
    run_jobs(context, jobs)


def _layers(amns: list[Path]) -> dict[str, object]:
    """What the networks of one comparison have in common; ValueError if they do not."""
    if not amns:
        return {}
    load_tensorflow()
    from amkit.transfer.initialise import load_source

    sources = [load_source(path) for path in amns]
    found = [
        {"body": source.body, "normalize_features": source.normalize_features} for source in sources
    ]
    if any(layers != found[0] for layers in found):
        received = ", ".join(f"{path}: {one}" for path, one in zip(amns, found, strict=True))
        raise ValueError(f"compared networks must have the same layers. Received: {received}")
    return found[0]


def _numbers(text: str) -> list[int]:
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    valid = all(0 <= number <= 2**29 for number in numbers)
    if not numbers or not valid or len(set(numbers)) < len(numbers):
        raise ValueError(
            f"--seed must be different whole numbers from 0 to {2**29:,}, comma-separated. "
            f"Received: {text!r}"
        )
    return numbers
