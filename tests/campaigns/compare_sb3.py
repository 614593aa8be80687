"""DQN training at the settings of Mnih et al. 2015: amkit against Stable-Baselines3, in one run.

    pip install stable-baselines3 opencv-python-headless
    python tests/campaigns/compare_sb3.py --seconds 60

Both play one Pong emulator at epsilon 0.1, learn on 32 samples every 4 agent steps (ours with
centred RMSProp, theirs with their default Adam), and are timed after learning has begun. Prints
emulation alone, both rates, and their ratio.
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def ours(seconds: float, precision: str) -> float:
    """amkit's agent steps per second."""
    from amkit.games.atari import find_game
    from amkit.jobs import benchmark, rates

    return rates.rate(benchmark.paper_dqn(find_game("pong"), precision), seconds)


def theirs(seconds: float) -> float:
    """Stable-Baselines3's agent steps per second."""
    import ale_py
    import gymnasium
    from stable_baselines3 import DQN
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.env_util import make_atari_env
    from stable_baselines3.common.vec_env import VecFrameStack

    gymnasium.register_envs(ale_py)
    env = VecFrameStack(make_atari_env("PongNoFrameskip-v4", n_envs=1, seed=0), n_stack=4)
    model = DQN(
        "CnnPolicy",
        env,
        learning_rate=1e-4,
        buffer_size=20_000,
        learning_starts=500,
        batch_size=32,
        train_freq=4,
        gradient_steps=1,
        target_update_interval=10_000,
        exploration_initial_eps=0.1,  # As ours: most steps take a forward pass to act.
        exploration_final_eps=0.1,
        optimize_memory_usage=False,
        device="cpu",
    )

    class Clock(BaseCallback):
        def __init__(self):
            super().__init__()
            self.begun = None
            self.first = 0

        def _on_step(self) -> bool:
            if self.num_timesteps < 700:
                return True
            if self.begun is None:
                self.begun, self.first = time.perf_counter(), self.num_timesteps
            self.elapsed = time.perf_counter() - self.begun
            return self.elapsed < seconds

    clock = Clock()
    model.learn(10**9, callback=clock)
    return (clock.num_timesteps - clock.first) / clock.elapsed


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    seconds = parser.parse_args().seconds
    from amkit.games.atari import find_game
    from amkit.jobs import rates

    precision = rates.fastest_precision()
    emulation = rates.emulation_rate(find_game("pong"), 64, 5)
    print(f"emulation alone, 64 environments: {emulation:,.0f} agent steps/s")
    baseline = theirs(seconds)
    print(f"Stable-Baselines3 DQN: {baseline:,.1f} agent steps/s")
    for name in dict.fromkeys(["float32", precision]):
        rate = ours(seconds, name)
        print(
            f"amkit, preset paper, {name}: {rate:,.1f} agent steps/s, {rate / baseline:.2f} times"
        )


if __name__ == "__main__":
    main()
