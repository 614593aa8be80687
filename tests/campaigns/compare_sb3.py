"""DQN training at the settings of Mnih et al. 2015: amkit against Stable-Baselines3, in turns.

    pip install stable-baselines3 opencv-python-headless
    python tests/campaigns/compare_sb3.py --seconds 60

Both play one Pong emulator at epsilon 0.1, learn on 32 samples every 4 agent steps (ours with
centred RMSProp, theirs with their default Adam), and are timed after learning has begun. Prints
emulation alone, both rates, and their ratio. TensorFlow and PyTorch crash in one process, so each
side has its own; they take turns, so that what else the machine does slows both.
"""

import argparse
import statistics
import subprocess
import sys
import time


def emulation(seconds: float, precision: str) -> float:
    """Agent steps per second of 64 environments alone."""
    from amkit.games.atari import find_game
    from amkit.jobs import rates

    return rates.emulation_rate(find_game("pong"), 64, seconds)


def ours(seconds: float, precision: str) -> float:
    """amkit's agent steps per second."""
    from amkit.games.atari import find_game
    from amkit.jobs import benchmark, rates

    with benchmark.paper_dqn(find_game("pong"), precision) as step:
        return rates.rate(step, seconds)


def theirs(seconds: float, precision: str) -> float:
    """Stable-Baselines3's agent steps per second, in float32."""
    import ale_py
    import gymnasium
    from stable_baselines3 import DQN
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
    begun = None  # Steps and time when learning was under way.

    def go_on(local_variables: dict, global_variables: dict) -> bool:
        nonlocal begun
        if begun is None and model.num_timesteps >= 700:
            begun = model.num_timesteps, time.perf_counter()
        return begun is None or time.perf_counter() - begun[1] < seconds

    model.learn(10**9, callback=go_on)
    return (model.num_timesteps - begun[0]) / (time.perf_counter() - begun[1])


SIDES = {"emulation": emulation, "amkit": ours, "sb3": theirs}


def measured(side: str, options: argparse.Namespace) -> float:
    """One side's rate, measured in a process of its own."""
    command = [sys.executable, __file__, "--side", side, "--seconds", str(options.seconds)]
    command += ["--precision", options.precision]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    rate = float(output.split()[-1])
    print(f"{side}: {rate:,.1f} agent steps/s", flush=True)
    return rate


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="of each measurement")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--precision", default="float32", help="amkit's; or mixed_bfloat16")
    parser.add_argument("--side", choices=SIDES, help="measure this one alone, in this process")
    options = parser.parse_args()
    if options.side:
        print(SIDES[options.side](options.seconds, options.precision))
        return
    measured("emulation", options)
    ratio = statistics.median(
        measured("amkit", options) / measured("sb3", options) for _ in range(options.turns)
    )
    print(f"amkit, preset paper, is {ratio:.2f} times as fast (median of {options.turns} turns)")


if __name__ == "__main__":
    main()
