"""What a network sees in amkit and in Stable-Baselines3, on the same frames of the same emulator.

    pip install stable-baselines3 opencv-python-headless
    python tests/campaigns/compare_preprocessing.py --theirs python

`--theirs` is the interpreter that has Stable-Baselines3, if another. amkit plays a game by random
actions, FIRE pressed at each life's beginning, and writes what it saw. Then AtariWrapper and
VecFrameStack play the same actions, after as many no-ops as bring about the same game. Prints of
every game whether both lost the same lives and scored the same in the same steps, how far the
pixels of their observations differ, and which way of making an observation of two screens amkit's
pixels are. The sides have processes of their own: TensorFlow and PyTorch crash in one.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

GAMES = ("pong", "breakout", "space_invaders", "seaquest", "beam_rider", "enduro", "qbert")


def ours(game_name: str, steps: int, seed: int) -> dict[str, np.ndarray]:
    """A game in amkit: at each decision the observation, what was done, and what it led to."""
    from amkit.games import environments
    from amkit.games.atari import find_game

    game, rng = find_game(game_name), np.random.default_rng(seed)
    played = environments.make([game], 1, seed=seed, fire_games=[game_name])
    rows: dict[str, list] = {"observation": [], "action": [], "reward": [], "life_lost": []}
    while not played.ended[0] and len(rows["action"]) < steps:
        choice = int(rng.integers(game.num_actions))
        decides = played.forced[0] < 0
        if decides:
            rows["observation"].append(played.observation[0])
            rows["action"].append(choice)
        outcome = played.step(game.action_codes[[choice]])
        if decides:
            rows["reward"].append(outcome.reward[0])
            rows["life_lost"].append(outcome.terminal[0])
    played.close()
    return {name: np.array(values) for name, values in rows.items()}


def make_theirs(game_name: str, noops: int):
    """Stable-Baselines3's environment after so many no-ops, and the last two screens beneath it."""
    from collections import deque

    import ale_py
    import gymnasium
    from stable_baselines3.common.atari_wrappers import AtariWrapper, NoopResetEnv
    from stable_baselines3.common.vec_env import DummyVecEnv, VecFrameStack

    gymnasium.register_envs(ale_py)
    screens = deque(maxlen=2)  # Of each of the last two frames: (colour, the emulator's grey).

    class Recorder(gymnasium.Wrapper):
        def step(self, action):
            result = self.env.step(action)
            screens.append((result[0], self.env.unwrapped.ale.getScreenGrayscale()))
            return result

    name = "".join(part.capitalize() for part in game_name.split("_"))
    env = AtariWrapper(Recorder(gymnasium.make(f"{name}NoFrameskip-v4")), clip_reward=False)
    layer = env
    while not isinstance(layer, NoopResetEnv):
        layer = layer.env
    layer.override_num_noops = noops
    return VecFrameStack(DummyVecEnv([lambda: env]), n_stack=4), screens


def theirs(game_name: str, actions: np.ndarray, noops: int) -> dict[str, np.ndarray]:
    """The same actions in Stable-Baselines3, and the two screens of each newest frame."""
    env, screens = make_theirs(game_name, noops)
    rows: dict[str, list] = {
        name: [] for name in ("observation", "reward", "life_lost", "colour", "grey")
    }
    observation = env.reset()
    for action in actions:
        rows["observation"].append(observation[0].transpose(2, 0, 1))
        colour, grey = zip(*screens, strict=True)
        rows["colour"].append(colour)
        rows["grey"].append(grey)
        observation, reward, done, _ = env.step(np.array([action]))
        rows["reward"].append(reward[0])
        rows["life_lost"].append(done[0])
    env.close()
    return {name: np.array(values) for name, values in rows.items()}


def ways(colour: np.ndarray, grey: np.ndarray) -> dict[str, np.ndarray]:
    """Ways of making an observation of two screens, [T, 2, 210, 160, 3] and [T, 2, 210, 160]."""
    import cv2

    def area(screens: np.ndarray) -> np.ndarray:
        size = (84, 84)
        return np.array([cv2.resize(s, size, interpolation=cv2.INTER_AREA) for s in screens])

    def to_grey(screens: np.ndarray) -> np.ndarray:
        return np.array([cv2.cvtColor(screen, cv2.COLOR_RGB2GRAY) for screen in screens])

    return {
        "grey, maximum, area": area(grey.max(axis=1)),
        "OpenCV's grey, maximum, area": area(
            np.maximum(to_grey(colour[:, 0]), to_grey(colour[:, 1]))
        ),
        "maximum, grey, area": area(to_grey(colour.max(axis=1))),
        "grey, area, maximum": np.maximum(area(grey[:, 0]), area(grey[:, 1])),
        "maximum, area, grey": to_grey(area(colour.max(axis=1))),
        "grey, area of the last screen alone": area(grey[:, 1]),
    }


def difference(one: np.ndarray, other: np.ndarray) -> str:
    """How far the pixels of two arrays differ."""
    apart = abs(one.astype(int) - other.astype(int))
    return (
        f"{(apart > 0).mean():.3%} of pixels differ ({(apart > 1).mean():.3%} by more than 1), "
        f"mean {apart.mean():.4f}, maximum {apart.max()}"
    )


def compare(game_name: str, path: Path) -> None:
    """Plays amkit's game in Stable-Baselines3, and prints what is found."""
    ours = dict(np.load(path))
    actions, observation = ours["action"], ours["observation"]
    few = min(len(actions), 60)

    def distance(noops: int) -> float:
        seen = theirs(game_name, actions[:few], noops)["observation"][:, 3]
        return float(abs(seen.astype(int) - observation[:few, 3].astype(int)).mean())

    noops = min(range(1, 31), key=distance)
    same = theirs(game_name, actions, noops)
    print(
        f"\n{game_name}: {len(actions)} decisions, {noops} no-ops, scores {ours['reward'].sum():g}"
    )
    for name in ("life_lost", "reward"):
        equal = (ours[name] == same[name]).mean()
        print(f"  {name}: equal in {equal:.2%} of steps, in all {same[name].sum():g}")
    newest = observation[:, 3]
    print(f"  newest frame: {difference(newest, same['observation'][:, 3])}")
    # Three decisions after a life's beginning their older frames are blank, and ours are not.
    begun = np.concatenate([[True], ours["life_lost"][:-1]])
    blank = np.convolve(begun, np.ones(3))[: len(begun)] > 0
    older, reversed_ = observation[~blank], same["observation"][~blank][:, ::-1]
    print(f"  all four, oldest first: {difference(older, reversed_[:, ::-1])}")
    print(f"  theirs newest first: {difference(older, reversed_)}")
    print(f"  decisions where theirs are blank after a life's beginning: {blank.mean():.2%}")
    for name, frames in ways(same["colour"], same["grey"]).items():
        print(f"  amkit against {name!r}: {difference(newest, frames)}")
    frames = ways(same["colour"], same["grey"])["maximum, grey, area"]
    print(f"  theirs against that: {difference(same['observation'][:, 3], frames)}")


def main() -> None:
    """Plays and compares."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("games", nargs="*", default=GAMES)
    parser.add_argument("--steps", type=int, default=1000, help="decisions at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--theirs", default=sys.executable, help="Python of Stable-Baselines3")
    parser.add_argument("--file", type=Path, help="compare one game with this, in this process")
    options = parser.parse_args()
    if options.file:
        compare(options.games[0], options.file)
        return
    with TemporaryDirectory() as folder:
        for name in options.games:
            path = Path(folder) / f"{name}.npz"
            np.savez_compressed(path, **ours(name, options.steps, options.seed))
            command = [options.theirs, __file__, name, "--file", str(path)]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
