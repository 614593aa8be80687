"""Writes the fixtures, each with the library that has the format. Run by hand, from the root:

    pip install stable-baselines3 sb3-contrib ale-py opencv-python-headless flax optax torchfile
    PYTHONPATH=. python tests/storage/importers/make_fixtures.py
    pip install tensorflow tf_keras
    PYTHONPATH=. python tests/storage/importers/make_fixtures.py --keras

Each network has the weights of `formula.py` and the library's own layer names, and its outputs are
compared with `formula.q_values`. Torch7 itself is no longer to be had: its file is written here,
and read again with the package torchfile.
"""

import argparse
import gzip
import io
import json
import pickle
import struct
import zipfile

import numpy as np

from tests.storage.importers.formula import (
    ACTIONS,
    FIXTURES,
    QUANTILES,
    STRIDES,
    expected,
    observations,
    weights,
)


def agree(name: str, outputs: np.ndarray) -> None:
    """Stops if a library's outputs are not those of the formula."""
    np.testing.assert_allclose(outputs, expected(name, observations()), atol=1e-5)
    print(f"{name}: {(FIXTURES / name).stat().st_size:,} bytes")


def fill(state: dict, names: list[str], layers: list) -> dict:
    """A state_dict with the formula's weights under some layers' names."""
    import torch

    for name, (weight, bias) in zip(names, layers, strict=True):
        state[f"{name}.weight"] = torch.tensor(weight)
        state[f"{name}.bias"] = torch.tensor(bias)
    return state


def stable_baselines3() -> None:
    """A DQN, and a QR-DQN of three quantiles, narrow as their features extractor is."""
    import torch
    from gymnasium import Env, spaces
    from sb3_contrib import QRDQN
    from stable_baselines3 import DQN
    from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
    from torch import nn

    class Narrow(BaseFeaturesExtractor):
        """NatureCNN's layers, of two filters each."""

        def __init__(self, space: spaces.Box) -> None:
            super().__init__(space, 4)
            self.cnn = nn.Sequential(
                *(nn.Conv2d(4, 2, 8, 4), nn.ReLU(), nn.Conv2d(2, 2, 4, 2), nn.ReLU()),
                *(nn.Conv2d(2, 2, 3, 1), nn.ReLU(), nn.Flatten()),
            )
            self.linear = nn.Sequential(nn.Linear(98, 4), nn.ReLU())

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.linear(self.cnn(x))

    class Still(Env):
        """Six actions and four frames."""

        observation_space = spaces.Box(0, 255, (4, 84, 84), np.uint8)
        action_space = spaces.Discrete(ACTIONS)

    for name, kind, net, more in (
        ("sb3_dqn.zip", DQN, "q_net", {}),
        ("sb3_qrdqn.zip", QRDQN, "quantile_net", {"n_quantiles": QUANTILES}),
    ):
        policy = {"features_extractor_class": Narrow, "net_arch": [], **more}
        model = kind("CnnPolicy", Still(), buffer_size=1, policy_kwargs=policy, device="cpu")
        outputs = ACTIONS * more.get("n_quantiles", 1)
        names = [f"{net}.features_extractor.cnn.{i}" for i in (0, 2, 4)]
        names += [f"{net}.features_extractor.linear.0", f"{net}.{net}.0"]
        model.policy.load_state_dict(fill(model.policy.state_dict(), names, weights(7, outputs)))
        model.num_timesteps = 1234
        model.save(FIXTURES / name)
        slim(name)
        network = getattr(model.policy, net)
        with torch.no_grad():
            values = network(torch.tensor(observations())).numpy()
        agree(name, values.mean(1) if values.ndim == 3 else values)


def slim(name: str) -> None:
    """Leaves out of a zip's `data` what makes it large: pickles of spaces, which nobody reads."""
    with zipfile.ZipFile(FIXTURES / name) as archive:
        members = {one: archive.read(one) for one in archive.namelist()}
    data = json.loads(members["data"])
    data.pop("observation_space")
    members["data"] = json.dumps(data).encode()
    with zipfile.ZipFile(FIXTURES / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for one, content in members.items():
            archive.writestr(one, content)


def torch_files() -> None:
    """CleanRL's network and that of atari-agents, in torch's two formats."""
    import torch
    from torch import nn

    def layers() -> list:
        return [
            *(nn.Conv2d(4, 2, 8, 4), nn.ReLU(), nn.Conv2d(2, 2, 4, 2), nn.ReLU()),
            *(nn.Conv2d(2, 2, 3, 1), nn.ReLU(), nn.Flatten(), nn.Linear(98, 4), nn.ReLU()),
            nn.Linear(4, ACTIONS),
        ]

    class QNetwork(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = nn.Sequential(*layers())

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.network(x / 255)

    class AtariNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.__features = nn.Sequential(*layers()[:6])
            self.__head = nn.Sequential(*layers()[7:])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.__head(self.__features(x / 255).flatten(1))

    network = QNetwork()
    names = [f"network.{i}" for i in (0, 2, 4, 7, 9)]
    network.load_state_dict(fill(network.state_dict(), names, weights()))
    torch.save(network.state_dict(), FIXTURES / "cleanrl.cleanrl_model")
    torch.save(
        network.state_dict(),
        FIXTURES / "cleanrl_legacy.pth",
        _use_new_zipfile_serialization=False,
    )
    with torch.no_grad():
        for name in ("cleanrl.cleanrl_model", "cleanrl_legacy.pth"):
            agree(name, network(torch.tensor(observations())).numpy())

    agent = AtariNet()
    names = [f"_AtariNet__features.{i}" for i in (0, 2, 4)]
    names += [f"_AtariNet__head.{i}" for i in (0, 2)]
    agent.load_state_dict(fill(agent.state_dict(), names, weights()))
    for name, new in (("atari_agents.gz", True), ("atari_agents_legacy.gz", False)):
        stream = io.BytesIO()
        document = {"estimator_state": agent.state_dict(), "step": 50_000_000}
        torch.save(document, stream, _use_new_zipfile_serialization=new)
        (FIXTURES / name).write_bytes(gzip.compress(stream.getvalue(), mtime=0))
        with torch.no_grad():
            agree(name, agent(torch.tensor(observations())).numpy())


def flax() -> None:
    """Dopamine's network, as parameters and as a checkpoint, and CleanRL's of `dqn_atari_jax`."""
    import jax.numpy as jnp
    import optax
    from flax import linen, serialization
    from flax.core import freeze

    class Network(linen.Module):
        padding: str

        @linen.compact
        def __call__(self, x: jnp.ndarray) -> jnp.ndarray:
            x = x / 255.0
            for size, stride in zip((8, 4, 3), STRIDES, strict=True):
                x = linen.relu(linen.Conv(2, (size, size), (stride, stride), self.padding)(x))
            x = linen.relu(linen.Dense(4)(x.reshape(len(x), -1)))
            return linen.Dense(ACTIONS)(x)

    for name, padding, size in (
        ("dopamine.msgpack", "SAME", 11),
        ("dopamine_ckpt.199", "SAME", 11),
        ("cleanrl_jax.cleanrl_model", "VALID", 7),
    ):
        layers = weights(size)
        params = {
            f"Conv_{i}": {
                "kernel": jnp.array(weight.transpose(2, 3, 1, 0)),
                "bias": jnp.array(bias),
            }
            for i, (weight, bias) in enumerate(layers[:3])
        }
        hidden = layers[3][0].reshape(4, 2, size, size).transpose(2, 3, 1, 0).reshape(-1, 4)
        params["Dense_0"] = {"kernel": jnp.array(hidden), "bias": jnp.array(layers[3][1])}
        params["Dense_1"] = {"kernel": jnp.array(layers[4][0].T), "bias": jnp.array(layers[4][1])}
        variables = {"params": params}
        if name == "dopamine_ckpt.199":
            frozen = freeze(variables)
            document = {
                "state": np.zeros((84, 84, 4))[:2, :2],
                "training_steps": 1234,
                "online_params": frozen,
                "optimizer_state": optax.adam(1e-4).init({"few": jnp.zeros(2)}),
                "target_params": frozen,
                "current_iteration": 199,
                "logs": {"iteration_0": {"train_average_return": [np.float64(1.0)]}},
            }
            (FIXTURES / name).write_bytes(pickle.dumps(document))
        else:
            (FIXTURES / name).write_bytes(serialization.to_bytes(variables))
        seen = jnp.array(observations().transpose(0, 2, 3, 1))
        agree(name, np.asarray(Network(padding).apply(variables, seen)))


class Torch7:
    """Writes values as Torch7 did: numbers, strings, tables, tensors and objects."""

    def __init__(self) -> None:
        self.content, self.count = b"", 0

    def ints(self, *values: int) -> None:
        self.content += struct.pack(f"<{len(values)}i", *values)

    def text(self, text: str) -> None:
        self.ints(len(text))
        self.content += text.encode()

    def begin(self, kind: str) -> None:
        self.count += 1
        self.ints(4, self.count)
        self.text("V 1")
        self.text(kind)

    def value(self, value: object) -> None:
        if value is None:
            self.ints(0)
        elif isinstance(value, bool):
            self.ints(5, value)
        elif isinstance(value, int | float):
            self.ints(1)
            self.content += struct.pack("<d", value)
        elif isinstance(value, str):
            self.ints(2)
            self.text(value)
        elif isinstance(value, dict):
            self.count += 1
            self.ints(3, self.count, len(value))
            for key, one in value.items():
                self.value(key)
                self.value(one)
        elif isinstance(value, np.ndarray):
            self.begin("torch.FloatTensor")
            self.ints(value.ndim)
            strides = [step // 4 for step in value.strides]
            self.content += struct.pack(f"<{2 * value.ndim + 1}q", *value.shape, *strides, 1)
            self.begin("torch.FloatStorage")
            self.content += struct.pack("<q", value.size) + value.tobytes()
        else:
            kind, fields = value
            self.begin(kind)
            self.value(fields)


def torch7() -> None:
    """The network of the paper's own code, `convnet_atari3`, in a table as it was saved."""
    import torchfile

    layers = weights()
    modules: list = [("nn.Reshape", {"nelement": 28224})]
    for i, (weight, bias) in enumerate(layers[:3]):
        out, inputs, size, _ = weight.shape
        fields = {
            "nInputPlane": inputs, "nOutputPlane": out, "kW": size, "kH": size, "dW": STRIDES[i],
            "dH": STRIDES[i], "padW": int(not i), "padH": int(not i), "weight":
            weight.reshape(out, -1), "bias": bias,
        }  # fmt: skip
        modules += [("nn.SpatialConvolutionMM", fields), ("nn.ReLU", {"threshold": 0, "val": 0})]
    modules.append(("nn.Reshape", {"nelement": 98}))
    for i, (weight, bias) in enumerate(layers[3:]):
        modules.append(("nn.Linear", {"weight": weight, "bias": bias}))
        modules += [] if i else [("nn.ReLU", {"threshold": 0, "val": 0, "inplace": False})]
    writer = Torch7()
    network = ("nn.Sequential", {"modules": dict(enumerate(modules, start=1)), "train": False})
    writer.value({"model": network, "reward_history": {1: -20.5, 2: 3}, "best_model": None})
    path = FIXTURES / "torch7.t7"
    path.write_bytes(writer.content)
    read = torchfile.load(str(path))[b"model"][b"modules"]
    kept = [one for one in read if b"weight" in one._obj]
    for one, (weight, bias) in zip(kept, layers, strict=True):
        np.testing.assert_array_equal(one[b"weight"].reshape(weight.shape), weight)
        np.testing.assert_array_equal(one[b"bias"], bias)
    print(f"torch7.t7: {path.stat().st_size:,} bytes, as torchfile reads it")


def keras2() -> None:
    """The usual Sequential DQN: channels first, last, and put last by the network itself."""
    import tf_keras

    layers = weights()
    maps = layers[3][0].reshape(4, 2, 7, 7)
    last = maps.transpose(2, 3, 1, 0).reshape(-1, 4)
    for name, shape in (
        ("keras2_first.h5", (4, 84, 84)),
        ("keras2_last.h5", (84, 84, 4)),
        ("keras2_permuted.h5", (4, 84, 84)),
    ):
        first = name == "keras2_first.h5"
        network = tf_keras.Sequential()
        style = {"data_format": "channels_first" if first else "channels_last"}
        if name == "keras2_permuted.h5":
            network.add(tf_keras.layers.Permute((2, 3, 1), input_shape=shape))
            network.add(tf_keras.layers.Rescaling(1 / 255))
        else:
            style |= {"input_shape": shape}
        for size, stride in zip((8, 4, 3), STRIDES, strict=True):
            network.add(tf_keras.layers.Conv2D(2, size, stride, **style))
            network.add(tf_keras.layers.Activation("relu"))
            style.pop("input_shape", None)
        network.add(tf_keras.layers.Flatten())
        network.add(tf_keras.layers.Dense(4, activation="relu"))
        network.add(tf_keras.layers.Dense(ACTIONS))
        network.build((None, *shape))
        values = [
            array for (weight, bias) in layers[:3] for array in (weight.transpose(2, 3, 1, 0), bias)
        ]
        values += [layers[3][0].T if first else last, layers[3][1], layers[4][0].T, layers[4][1]]
        network.set_weights(values)
        network.save(FIXTURES / name)
        seen = observations().astype("f4")
        seen = seen if shape[0] == 4 else seen.transpose(0, 2, 3, 1)
        if first:  # TensorFlow has no such convolution on a CPU.
            print(f"{name}: {(FIXTURES / name).stat().st_size:,} bytes")
        else:
            agree(name, network(seen if "permuted" in name else seen / 255).numpy())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keras", action="store_true", help="those of Keras 2 alone")
    FIXTURES.mkdir(exist_ok=True)
    for write in (
        [keras2] if parser.parse_args().keras else [stable_baselines3, torch_files, flax, torch7]
    ):
        write()
