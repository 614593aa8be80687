"""Full-size experts of the real libraries: imported, they say what the libraries say.

    pip install stable-baselines3 sb3-contrib ale-py opencv-python-headless flax  # In another
    python tests/campaigns/compare_imports.py --theirs OTHER/bin/python            # environment.

Observations are of amkit's environments, played at random. Stable-Baselines3's DQN and QR-DQN learn
for `--steps` before they are saved; the networks of CleanRL, atari-agents and Dopamine have the
weights that they begin with. Prints, of each, the largest difference of outputs beside the outputs'
own size, and how often the greedy action differs though the two best outputs lie further apart than
twice that. PyTorch and TensorFlow crash in one process, so each side has its own.
"""

import argparse
import gzip
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

GAMES = {"pong": "PongNoFrameskip-v4", "breakout": "BreakoutNoFrameskip-v4"}


def observe(folder: Path, count: int) -> None:
    """Writes observations of random games, every fourth step's."""
    from amkit.games import environments
    from amkit.games.atari import find_game

    for name in GAMES:
        game, rng = find_game(name), np.random.default_rng(0)
        envs = environments.make([game], 4, seed=0)
        seen = []
        for step in range(count):
            envs.send(rng.choice(game.action_codes, len(envs)))
            envs.receive()
            if step % 4 == 0:
                seen.append(envs.observation)
        envs.close()
        np.save(folder / f"{name}.npy", np.concatenate(seen)[:count])


def make_stable_baselines3(folder: Path, steps: int) -> None:
    """Two models of each game, trained for a little while, and what they say."""
    import ale_py
    import gymnasium
    import torch
    from sb3_contrib import QRDQN
    from stable_baselines3 import DQN
    from stable_baselines3.common.env_util import make_atari_env
    from stable_baselines3.common.vec_env import VecFrameStack

    torch.set_num_threads(1)
    gymnasium.register_envs(ale_py)
    for game, environment in GAMES.items():
        seen = torch.tensor(np.load(folder / f"{game}.npy"))
        for kind, net in ((DQN, "q_net"), (QRDQN, "quantile_net")):
            env = VecFrameStack(make_atari_env(environment, seed=0), n_stack=4)
            model = kind("CnnPolicy", env, buffer_size=5000, learning_starts=100, device="cpu")
            model.learn(steps)
            name = f"{game}-{kind.__name__}.zip"
            model.save(folder / name)
            with torch.no_grad():
                values = torch.cat([getattr(model.policy, net)(x) for x in seen.split(100)]).numpy()
            np.save(folder / f"{name}.npy", values.mean(1) if values.ndim == 3 else values)


def make_torch(folder: Path) -> None:
    """CleanRL's network and that of atari-agents."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    for game, outputs in (("pong", 6), ("breakout", 4)):
        seen = torch.tensor(np.load(folder / f"{game}.npy"))
        network = nn.Sequential(
            *(nn.Conv2d(4, 32, 8, stride=4), nn.ReLU(), nn.Conv2d(32, 64, 4, stride=2), nn.ReLU()),
            *(nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Flatten(), nn.Linear(3136, 512), nn.ReLU()),
            nn.Linear(512, outputs),
        )
        with torch.no_grad():
            values = torch.cat([network(x / 255) for x in seen.split(100)]).numpy()
        state = network.state_dict()
        cleanrl = {f"network.{key}": value for key, value in state.items()}
        torch.save(cleanrl, folder / f"{game}-cleanrl.pth")
        renamed = {
            f"_AtariNet__{'head' if int(key[0]) > 5 else 'features'}."
            f"{int(key[0]) - 7 * (int(key[0]) > 5)}{key[1:]}": value
            for key, value in state.items()
        }
        with gzip.open(folder / f"{game}-atari_agents.gz", "wb") as file:
            torch.save({"estimator_state": renamed}, file)
        for name in ("cleanrl.pth", "atari_agents.gz"):
            np.save(folder / f"{game}-{name}.npy", values)


def make_flax(folder: Path) -> None:
    """Dopamine's network, whose convolutions are padded."""
    import jax
    import jax.numpy as jnp
    from flax import linen, serialization

    class NatureDQNNetwork(linen.Module):
        """As Dopamine has it."""

        outputs: int

        @linen.compact
        def __call__(self, x: jnp.ndarray) -> jnp.ndarray:
            x = x.astype(jnp.float32) / 255.0
            for filters, size, stride in ((32, 8, 4), (64, 4, 2), (64, 3, 1)):
                x = linen.relu(linen.Conv(filters, (size, size), (stride, stride))(x))
            x = linen.relu(linen.Dense(512)(x.reshape(len(x), -1)))
            return linen.Dense(self.outputs)(x)

    for game, outputs in (("pong", 6), ("breakout", 4)):
        seen = np.load(folder / f"{game}.npy").transpose(0, 2, 3, 1)
        network = NatureDQNNetwork(outputs)
        variables = network.init(jax.random.PRNGKey(0), seen[:1])
        (folder / f"{game}-dopamine.msgpack").write_bytes(serialization.to_bytes(variables))
        values = [network.apply(variables, seen[i : i + 100]) for i in range(0, len(seen), 100)]
        np.save(folder / f"{game}-dopamine.msgpack.npy", np.concatenate(values))


def compare(folder: Path) -> bool:
    """Imports every file, and prints how far its outputs are from the library's own."""
    from amkit.games.atari import find_game
    from amkit.storage import importers

    fine = True
    for outputs in sorted(folder.glob("*-*.npy")):
        file, theirs = outputs.with_suffix(""), np.load(outputs)
        game = file.name.split("-")[0]
        expert = importers.read(file, find_game(game))
        network, seen = expert.parts.network(), np.load(folder / f"{game}.npy")
        parts = [network(seen[i : i + 100]) for i in range(0, len(seen), 100)]
        ours = np.concatenate([np.asarray(part) for part in parts])
        apart = np.abs(ours - theirs).max()
        best = np.sort(theirs)
        tie = best[:, -1] - best[:, -2] <= 2 * apart
        other = (ours.argmax(1) != theirs.argmax(1)) & ~tie
        fine &= bool(apart < 1e-4 and not other.any())
        print(
            f"{file.name}: {len(seen)} observations, {apart:.1e} apart at most, outputs up to "
            f"{np.abs(theirs).max():.3f}, {other.sum()} other actions, {tie.sum()} ties",
            flush=True,
        )
    return fine


def main() -> None:
    """Observes, has the other side make its files, and compares."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--theirs", type=Path, help="Python of the environment with the libraries")
    parser.add_argument("--folder", type=Path, help="where to keep the files")
    parser.add_argument("--observations", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--make", type=Path, help="be the other side, in this process")
    options = parser.parse_args()
    if options.make:
        make_stable_baselines3(options.make, options.steps)
        make_torch(options.make)
        make_flax(options.make)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(exist_ok=True)
        observe(folder, options.observations)
        command = [options.theirs, __file__, "--make", folder, "--steps", str(options.steps)]
        subprocess.run(command, check=True)
        sys.exit(not compare(folder))


if __name__ == "__main__":
    main()
