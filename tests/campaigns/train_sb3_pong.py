"""A Pong DQN trained by Stable-Baselines3 itself, to be imported, distilled and evaluated.

    pip install stable-baselines3 ale-py opencv-python-headless      # In another environment.
    OTHER/bin/python tests/campaigns/train_sb3_pong.py pong.zip      # 75 minutes of one core.
    amkit import pong.zip --game pong --output elsewhere/
    amkit evaluate elsewhere/pong.keras
    amkit distill --experts elsewhere/ --name student

The library's own DQN, environment and wrappers. Other than in its zoo are what a core has no time
for: half the feature maps of NatureCNN (an update costs 12 ms in place of 31), three-step returns,
twice as many samples an environment step, a shorter exploration. Ends when the mean of three whole
games at epsilon 0.05 is above --until, and saves after every test. --resume goes on from the saved
file, with an empty replay memory.
"""

import argparse

import ale_py
import gymnasium
import torch
from stable_baselines3 import DQN
from stable_baselines3.common.callbacks import EvalCallback, StopTrainingOnRewardThreshold
from stable_baselines3.common.env_util import make_atari_env
from stable_baselines3.common.torch_layers import NatureCNN
from stable_baselines3.common.vec_env import VecFrameStack, VecTransposeImage
from torch import nn

SEED = 0


def frames(count: int, seed: int) -> VecTransposeImage:
    """`count` Pong environments as the library makes them, four frames stacked."""
    return VecTransposeImage(
        VecFrameStack(make_atari_env("PongNoFrameskip-v4", n_envs=count, seed=seed), n_stack=4)
    )


class HalfNatureCNN(NatureCNN):
    """The library's features with half of its maps and units, under the same names."""

    def __init__(self, observation_space: gymnasium.spaces.Box) -> None:
        super().__init__(observation_space, features_dim=256)
        self.cnn = nn.Sequential(
            nn.Conv2d(4, 16, 8, stride=4),
            nn.ReLU(),
            nn.Conv2d(16, 32, 4, stride=2),
            nn.ReLU(),
            nn.Conv2d(32, 32, 3, stride=1),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.linear = nn.Sequential(nn.Linear(32 * 7 * 7, 256), nn.ReLU())


class Saved(EvalCallback):
    """Plays three games, says what they gave, and saves the model whatever they gave."""

    def __init__(self, path: str, **options: object) -> None:
        super().__init__(frames(1, SEED + 1000), n_eval_episodes=3, deterministic=False, **options)
        self.path = path

    def _on_step(self) -> bool:
        rate, self.model.exploration_rate = self.model.exploration_rate, 0.05
        goes_on = super()._on_step()
        self.model.exploration_rate = rate
        if self.n_calls % self.eval_freq == 0:
            print(f"{self.num_timesteps:,} steps: {self.last_mean_reward:.1f}", flush=True)
            self.model.save(self.path)
        return goes_on


def main() -> None:
    """Trains and saves."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", help="the zip file")
    parser.add_argument("--until", type=float, default=0)
    parser.add_argument("--steps", type=int, default=2_000_000, help="agent steps, at most")
    parser.add_argument("--resume", action="store_true", help="go on from the file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    gymnasium.register_envs(ale_py)
    model = DQN(
        "CnnPolicy",
        frames(8, SEED),
        policy_kwargs={
            "features_extractor_class": HalfNatureCNN,
            "optimizer_kwargs": {"eps": 1.5e-4},
        },
        learning_rate=1e-4,
        buffer_size=80_000,
        learning_starts=10_000,
        train_freq=1,  # Eight environments: eight samples an environment step.
        gradient_steps=2,  # Of 32 samples each.
        n_steps=3,
        target_update_interval=2_000,
        exploration_fraction=300_000 / options.steps,
        exploration_final_eps=0.02,
        seed=SEED,
        device="cpu",
    )
    if options.resume:
        model = DQN.load(options.output, env=model.env, device="cpu")
        model.learning_starts = model.num_timesteps + 10_000
    else:  # Whoever loses always has this value. To get there from 0 turns half of the maps off.
        for net in (model.q_net, model.q_net_target):
            nn.init.constant_(net.q_net[-1].bias, -1.5)
    model.policy.to(memory_format=torch.channels_last)
    test = Saved(
        options.output,
        eval_freq=5_000,  # Of eight environments: every 40,000 steps.
        callback_on_new_best=StopTrainingOnRewardThreshold(options.until),
        verbose=0,
    )
    model.learn(
        options.steps - model.num_timesteps,
        callback=test,
        reset_num_timesteps=not options.resume,
    )


if __name__ == "__main__":
    main()
