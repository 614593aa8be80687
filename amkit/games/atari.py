"""The Atari games as parallel environments. The only room that names ale_py."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import cache
from typing import Any

import numpy as np

from amkit.games import catalogue
from amkit.games.catalogue import Game
from amkit.games.environments import Outcome

FRAMES_PER_STEP = 4
# 30 minutes of play, as the ALE has it since. Mnih et al. 2015 measured games of 5 minutes at most.
MAX_STEPS_PER_GAME = 108_000 // FRAMES_PER_STEP


@cache
def find_game(name: str) -> Game:
    """Looks a game up: one of the paper's 20, or any other that ale-py carries.

    Args:
        name: str. ALE id such as `space_invaders`, or another usual spelling.

    Returns:
        `Game`. Without reference scores where the paper does not use it.

    Raises:
        UnknownGame: with the nearest valid names.
    """
    name = catalogue.canonical_name(name)
    if name in catalogue.GAMES:
        return catalogue.GAMES[name]
    import ale_py
    from ale_py import roms

    known = set(roms.get_all_rom_ids())
    if name not in known:
        raise catalogue.unknown_game(name, sorted(known | set(catalogue.GAMES)))
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    emulator = ale_py.ALEInterface()
    emulator.loadROM(roms.get_rom_path(name))
    return Game(
        name=name,
        title=name.replace("_", " ").title(),
        actions=tuple(action.name for action in emulator.getMinimalActionSet()),
    )


@cache
def background(game: Game) -> int:
    """Looks at a new game and returns the luminance of most of its screen, in [0, 255]."""
    environments = AtariEnvironments([game], 1)
    with closing(environments):
        return int(np.bincount(environments.observation[0, -1].ravel()).argmax())


class Screen:
    """What a player sees of one environment: the colour screen, in lockstep with it.

    A second emulator of the same seed that takes the same actions. `pixels` is uint8 [210, 160, 3].

    Args:
        game: the game.
        seed: int. As given to `AtariEnvironments([game], 1, seed=seed)`, without sticky actions.
    """

    def __init__(self, game: Game, seed: int):
        from ale_py.vector_env import AtariVectorEnv

        self._env = AtariVectorEnv(
            game.name,
            1,
            full_action_space=True,
            img_height=210,
            img_width=160,
            grayscale=False,
            stack_num=1,
        )
        self.pixels = self._env.reset(seed=seed)[0].reshape(210, 160, 3)

    def step(self, action: int) -> None:
        """Takes an action, an ALE code."""
        self.pixels = self._env.step(np.array([action]))[0].reshape(210, 160, 3)

    def close(self) -> None:
        """Ends the emulator's thread."""
        self._env.close()


class AtariEnvironments:
    """N parallel environments of each of G games, in lockstep; rows g * N to (g + 1) * N: game g.

    Between steps the attributes describe the observation to act on:

    - `observation`: uint8 [R, 4, 84, 84], oldest frame first, R = G * N.
    - `start`: bool [R]. First observation of a game.
    - `ended`: bool [R]. Last observation of a finished game: the next action is ignored and the
      step after it starts a new game. Such a row is no transition.

    Args:
        game_list: the G games.
        envs_per_game: int. N.
        seed: int. Of the emulators; each environment has its own.
        life_loss_terminal: bool. Whether a lost life is `terminal`, for learning; the game goes on.
        sticky: float in [0, 1]. Probability that the emulator repeats the previous action.
        max_steps: int. Agent steps after which a game is cut: over, but not terminal.
        on_ready: called with how many emulators are ready, as their number grows: hundreds take
            minutes.
    """

    def __init__(
        self,
        game_list: Sequence[Game],
        envs_per_game: int,
        *,
        seed: int = 0,
        life_loss_terminal: bool = True,
        sticky: float = 0.0,
        max_steps: int = MAX_STEPS_PER_GAME,
        on_ready: Callable[[int], None] | None = None,
    ):
        import ale_py
        from ale_py.vector_env import AtariVectorEnv

        ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
        self.games = tuple(game_list)
        self.envs_per_game = envs_per_game
        self._life_loss_terminal = life_loss_terminal
        self.action_masks = np.repeat(
            [game.action_mask for game in self.games], envs_per_game, axis=0
        )
        self._envs = []
        resets = []

        def tell() -> None:
            if on_ready:
                on_ready(envs_per_game * sum(reset.done() for reset in resets))

        # An emulator takes 80 ms of a core to make, and as long to seed: one beside the other.
        with ThreadPoolExecutor(1) as beside:
            try:
                for i, game in enumerate(self.games):
                    env = AtariVectorEnv(
                        game.name,
                        envs_per_game,
                        max_num_frames_per_episode=max_steps * FRAMES_PER_STEP,
                        repeat_action_probability=sticky,
                        full_action_space=True,  # One code per action in every game: the ALE's 18.
                        life_loss_info=life_loss_terminal,
                        reward_clipping=False,
                    )
                    self._envs.append(env)
                    resets.append(beside.submit(env.reset, seed=seed + 1000 * i))
                    tell()
                for reset in resets:
                    reset.result()
                    tell()
            except BaseException:  # Ctrl-C need not wait for those that have not begun.
                beside.shutdown(cancel_futures=True)
                raise
        self.observation = np.concatenate([reset.result()[0] for reset in resets])
        self.start = np.ones(len(self.observation), bool)
        self.ended = np.zeros(len(self.observation), bool)

    def __len__(self) -> int:
        """Returns R, the number of environments over all games."""
        return len(self.observation)

    def step(self, actions: np.ndarray) -> Outcome:
        """Takes one action in every environment.

        Args:
            actions: int [R]. ALE codes, 0 to 17, legal in the row's game.

        Returns:
            `Outcome`; `observation`, `start` and `ended` are then those of the next step.

        Raises:
            ValueError: if an action is not legal in its game. Nothing is sent to the emulators,
                which would wait for ever for an action they do not know.
        """
        self.send(actions)
        return self.receive()

    def send(self, actions: np.ndarray) -> None:
        """Starts a step: the emulators work until `receive`. Arguments and errors as in `step`."""
        actions = np.asarray(actions)
        if actions.shape != (len(self),) or actions.dtype.kind not in "iu":
            raise ValueError(
                f"Actions are whole numbers of shape ({len(self)},). "
                f"Received: {actions.dtype} of shape {actions.shape}"
            )
        in_range = (actions >= 0) & (actions < catalogue.NUM_ACTIONS)
        legal = in_range & self.action_masks[np.arange(len(self)), np.where(in_range, actions, 0)]
        if not legal.all():
            row = int(np.argmin(legal))
            game = self.games[row // self.envs_per_game]
            raise ValueError(
                f"Actions of {game.name} are the ALE codes {game.action_codes.tolist()}. "
                f"Received: {actions[row]}"
            )
        for i, env in enumerate(self._envs):
            rows = slice(i * self.envs_per_game, (i + 1) * self.envs_per_game)
            env.send(actions[rows].astype(np.int64))

    def receive(self) -> Outcome:
        """Ends the step begun by `send`."""
        results = [env.recv() for env in self._envs]
        observation, reward, terminated, truncated = (
            np.concatenate(part) for part in list(zip(*results, strict=True))[:4]
        )
        lives = np.concatenate([info["lives"] for *_, info in results])
        ignored = self.ended
        terminal = terminated & ~ignored
        # With life_loss_info the flag also rises on a lost life. Games without lives report 0.
        lost = terminated & (lives == 0) if self._life_loss_terminal else terminated
        game_over = (lost | truncated) & ~ignored
        self.observation = observation
        self.start = ignored
        self.ended = game_over
        return Outcome(np.where(ignored, 0, reward).astype(np.float32), terminal, game_over)

    def restart(self, rows: np.ndarray) -> None:
        """Begins new games in some rows, whatever was going on there; between steps.

        Args:
            rows: bool [R].
        """
        self.observation = self.observation.copy()
        for i, env in enumerate(self._envs):
            own = slice(i * self.envs_per_game, (i + 1) * self.envs_per_game)
            if rows[own].any():
                self.observation[own] = env.reset(options={"reset_mask": rows[own]})[0]
        self.start, self.ended = self.start | rows, self.ended & ~rows

    def close(self) -> None:
        """Ends the emulators' threads."""
        for env in self._envs:
            env.close()

    def get_state(self) -> None:
        """Emulators cannot be saved: a resumed run starts new games."""

    def set_state(self, state: Mapping[str, Any]) -> None:
        """There never is a state to put back."""
        raise NotImplementedError("emulators have no state that can be put back")
