"""Stable-Baselines3: the zip of a DQN, or of a QR-DQN of sb3-contrib."""

import json
from collections.abc import Mapping
from typing import Any

from amkit.games.catalogue import NUM_ACTIONS, Game
from amkit.storage.archives import Member
from amkit.storage.cards import ModelFileError
from amkit.storage.importers import parts, torch_files
from amkit.storage.importers.parts import Array, Parts

_NETS = {"q_net": "DQN", "quantile_net": "QR-DQN"}
_MAX_DATA_BYTES = 16 * 2**20
_USUAL_QUANTILES = 200


def is_archive(members: Mapping[str, Member]) -> bool:
    """Whether the members of a zip archive are a model's."""
    return "policy.pth" in members


def recognises(state: object) -> bool:
    """Whether what torch.save wrote is the state_dict of such a policy."""
    return isinstance(state, dict) and any(
        f"{net}.features_extractor.cnn.0.weight" in state for net in _NETS
    )


def read_archive(members: Mapping[str, Member], game: Game) -> Parts:
    """Reads a model's zip. Of its `data` only words and numbers are read, never its pickles."""
    state = torch_files.read_zip(members["policy.pth"].read())
    if not recognises(state):
        raise ModelFileError(
            "a model of Stable-Baselines3 must be a DQN or QR-DQN with a CNN policy"
        )
    data: object = {}
    if "data" in members and members["data"].size <= _MAX_DATA_BYTES:
        data = json.loads(members["data"].read().decode())
    return read(state, game, data if isinstance(data, dict) else {})


def read(state: Mapping[Any, Any], game: Game, data: Mapping[str, Any] | None = None) -> Parts:
    """Reads a policy's state_dict; `data` says how many actions and steps, if it is there."""
    data = data or {}
    net = next(net for net in _NETS if f"{net}.features_extractor.cnn.0.weight" in state)
    kwargs = data.get("policy_kwargs")
    if isinstance(kwargs, dict) and str(kwargs.get("normalize_images")) == "False":
        raise ModelFileError(
            "the model does not divide pixels by 255, as amkit expects for this format"
        )
    convolutions = [parts.pair(state, f"{net}.features_extractor.cnn.{i}") for i in (0, 2, 4)]
    heads = [i for i in range(0, 20, 2) if f"{net}.{net}.{i}.weight" in state]
    names = [f"{net}.features_extractor.linear.0", *(f"{net}.{net}.{i}" for i in heads)]
    dense = [parts.pair(state, name) for name in names]
    algorithm, unknown = _NETS[net], [parts.NOT_STATED]
    if net == "quantile_net":
        dense[-1], quantiles = _mean(*dense[-1], _actions(data, dense[-1][1].size, game))
        algorithm += f", the mean of its {quantiles} quantiles"
    layers, dense_layers = parts.from_torch(convolutions, dense)
    parts.check_nature(layers)
    steps = data.get("num_timesteps")
    return Parts(
        "Stable-Baselines3",
        layers,
        dense_layers,
        {
            "fire_on_life_loss": parts.fires(game),
            "sticky_actions": 0.0,
            "resize": "maximum, grey, area",
            "source": "stable-baselines3",
        },
        algorithm=algorithm,
        steps=steps if type(steps) is int and steps > 0 else None,
        unknown=[*unknown, "whether AtariWrapper was used, as RL-Zoo does, with its defaults"],
    )


def _actions(data: Mapping[str, Any], outputs: int, game: Game) -> int:
    """How many actions a QR-DQN has: as `data` says, or else by the usual number of quantiles."""
    space = data.get("action_space")
    said = str(space.get("n")) if isinstance(space, dict) else ""
    if said.isdecimal() and len(said) < 5 and int(said) > 0:
        return int(said)
    for actions in (game.num_actions, NUM_ACTIONS):
        if outputs == actions * _USUAL_QUANTILES:
            return actions
    raise ModelFileError(
        f"a QR-DQN without `data` must have {_USUAL_QUANTILES} quantiles for each action of the "
        f"game. Received: {outputs} outputs"
    )


def _mean(weight: Array, bias: Array, actions: int) -> tuple[tuple[Array, Array], int]:
    """The layer whose output is the mean over quantiles; they come quantile by quantile."""
    if weight.ndim != 2 or bias.size % actions or weight.shape[0] != bias.size:
        raise ModelFileError(
            f"a QR-DQN must have the same number of quantiles for each of its {actions} actions. "
            f"Received: {bias.size} outputs"
        )
    quantiles = bias.size // actions
    folded = weight.reshape(quantiles, actions, -1).mean(0, dtype="f8").astype("f4")
    return (folded, bias.reshape(quantiles, actions).mean(0, dtype="f8").astype("f4")), quantiles
