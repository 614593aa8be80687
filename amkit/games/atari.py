"""Atari games in the ALE (Arcade Learning Environment): which there are, and many side by side.

`find_game` looks a game up, `AtariEnvironments` plays many in parallel, `Screen` shows one in
colour. No other file imports ale_py.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amkit.games import catalogue
from amkit.games.catalogue import Game, UnknownGame
from amkit.games.environments import Outcome
from amkit.games.fire import PLAYER, FirePresses

FRAMES_PER_STEP = 4
# 30 minutes of play, as the ALE has it since. Mnih et al. 2015 measured games of 5 minutes at most.
MAX_STEPS_PER_GAME = 108_000 // FRAMES_PER_STEP


def find_game(name: str) -> Game:
    """Looks a game up, by any usual spelling: one of the paper's 20, or any other of ale-py's.

    Games that the paper does not use have no reference scores. A name that is none is an
    `UnknownGame`, which says the nearest valid ones.

    Examples:
        >>> import amkit
        >>> amkit.find_game("ALE/Pong-v5").actions
        ('NOOP', 'FIRE', 'RIGHT', 'LEFT', 'RIGHTFIRE', 'LEFTFIRE')
        >>> amkit.find_game("Ms. Pacman").num_actions  # The paper does not use this game.
        9
    """
    return catalogue.GAMES.get(catalogue.canonical_name(name)) or _other_game(name)


@cache
def _other_game(name: str) -> Game:
    """A game that the paper does not use, with the actions that the emulator says it has."""
    rom = _rom(name)
    import ale_py

    emulator = ale_py.ALEInterface()
    emulator.loadROM(rom)
    return Game(
        name=rom.stem,
        title=rom.stem.replace("_", " ").title(),
        actions=tuple(action.name for action in emulator.getMinimalActionSet()),
    )


def _rom(name: str) -> Path:
    """The file of a game. UnknownGame if one player cannot play it: loading it ends the process."""
    from ale_py import ALEInterface, LoggerMode, roms

    ALEInterface.setLoggerMode(LoggerMode.Error)
    rom_id = catalogue.canonical_name(name)
    paths = {each: roms.get_rom_path(each) for each in roms.get_all_rom_ids()}
    if rom_id not in paths:
        playable = [each for each, path in paths.items() if ALEInterface.isSupportedROM(path)]
        raise catalogue.unknown_game(name, playable)
    if ALEInterface.isSupportedROM(paths[rom_id]) is None:
        raise UnknownGame(
            f"The emulator cannot play {rom_id} with one player: choose another game. "
            f"Received: {name!r}"
        )
    return Path(paths[rom_id])


@cache
def background(game: Game) -> int:
    """Looks at a new game and returns the luminance of most of its screen, in [0, 255]."""
    with closing(AtariEnvironments([game], 1)) as environments:
        return int(np.bincount(environments.observation[0, -1].ravel()).argmax())


class _Emulators:
    """Emulators of one game, and where the ALE's codes are in their list of actions.

    ale-py's environments, `env`, are sent places in the list of all actions that the game knows. In
    nearly every game those are the 18 codes in order, but Skiing has no FIRE. For a place that is
    not in the list they wait for ever, and Ctrl-C does not end that.
    """

    def __init__(self, game: Game, count: int, **options: Any):
        _rom(game.name)
        from ale_py.vector_env import AtariVectorEnv

        self._game = game
        self.env = AtariVectorEnv(game.name, count, full_action_space=True, **options)
        known = [action.value for action in self.env.ale.get_action_set()]
        if not set(game.action_codes) <= set(known):
            raise ValueError(
                f"Actions of {game.name} are the ALE codes {known}. "
                f"Received: {game.action_codes.tolist()}"
            )
        # The place of every code; -1 where the game has none, and last for codes out of range.
        self._place_of = np.full(catalogue.NUM_ACTIONS + 1, -1)
        self._place_of[game.action_codes] = [known.index(code) for code in game.action_codes]

    def places(self, codes: NDArray[Any]) -> NDArray[np.int64]:
        """What to send for ALE codes, int [N]; ValueError if one is not legal in the game."""
        places = self._place_of[np.clip(codes.astype(np.int64), -1, catalogue.NUM_ACTIONS)]
        if (places < 0).any():
            raise ValueError(
                f"Actions of {self._game.name} are the ALE codes "
                f"{self._game.action_codes.tolist()}. Received: {codes[places < 0][0]}"
            )
        return places

    def close(self) -> None:
        """Ends the threads: they live as long as `env`, whose own close() does nothing."""
        self.env = None


class Screen:
    """What a player sees of one environment: the colour screen, in lockstep with it.

    A second emulator, of the seed given to `AtariEnvironments([game], 1, seed=seed)` without sticky
    actions, which takes the same actions. `pixels` is uint8 [210, 160, 3]. `fire` is whether the
    game is one of the `fire_games`.
    """

    def __init__(self, game: Game, seed: int, fire: bool = False):
        screen = {"img_height": 210, "img_width": 160, "grayscale": False, "stack_num": 1}
        self._emulator = _Emulators(game, 1, use_fire_reset=not fire, **screen)
        self.pixels = self._emulator.env.reset(seed=seed)[0].reshape(210, 160, 3)

    def step(self, action: int) -> None:
        """Takes an action, an ALE code; ValueError if it is not legal in the game."""
        places = self._emulator.places(np.array([action]))
        self.pixels = self._emulator.env.step(places)[0].reshape(210, 160, 3)

    def close(self) -> None:
        """Ends the emulator's thread."""
        self._emulator.close()


class AtariEnvironments:
    """Atari games in parallel, as the contract `environments.Environments` has it.

    Args:
        games: the G games; UnknownGame if the emulator cannot play one.
        envs_per_game: N.
        seed: of the emulators; each environment has its own.
        life_loss_terminal: whether a lost life is `terminal`, for learning; the game goes on.
        sticky: probability, in [0, 1], that the emulator repeats the previous action.
        max_steps: agent steps after which a game is cut: over, but not terminal.
        fire_games: names of games in which FIRE is pressed for whoever plays, after every lost life
            and at a game's beginning, as `fire.FirePresses` has it. In the other games it is
            pressed once, by the emulator, before a game's first observation.
        on_ready: called with how many emulators are ready, as their number grows: hundreds take
            minutes.
    """

    def __init__(
        self,
        games: Sequence[Game],
        envs_per_game: int,
        *,
        seed: int = 0,
        life_loss_terminal: bool = True,
        sticky: float = 0.0,
        max_steps: int = MAX_STEPS_PER_GAME,
        fire_games: Collection[str] = (),
        on_ready: Callable[[int], None] | None = None,
    ):
        self.games: Sequence[Game] = tuple(games)
        self.envs_per_game = envs_per_game
        self._life_loss_terminal = life_loss_terminal
        self.action_masks = np.repeat([game.action_mask for game in games], envs_per_game, axis=0)
        self._fire = FirePresses(games, envs_per_game, fire_games) if fire_games else None
        self._emulators: list[_Emulators] = []
        options = {
            "max_num_frames_per_episode": max_steps * FRAMES_PER_STEP,
            "repeat_action_probability": sticky,
            "life_loss_info": life_loss_terminal,
            "reward_clipping": False,
        }
        resets: list[Future[Any]] = []

        def tell() -> None:
            if on_ready:
                on_ready(envs_per_game * sum(reset.done() for reset in resets))

        # An emulator takes 80 ms of a core to make, and as long to seed: one beside the other.
        with ThreadPoolExecutor(1) as beside:
            try:
                for i, game in enumerate(games):
                    fire_reset = game.name not in fire_games
                    emulators = _Emulators(
                        game, envs_per_game, use_fire_reset=fire_reset, **options
                    )
                    self._emulators.append(emulators)
                    resets.append(beside.submit(emulators.env.reset, seed=seed + 1000 * i))
                    tell()
                for reset in resets:
                    reset.result()
                    tell()
            except BaseException:  # Ctrl-C need not wait for those that have not begun.
                beside.shutdown(cancel_futures=True)
                self.close()
                raise
        self.observation = np.concatenate([reset.result()[0] for reset in resets])
        self._lives = np.concatenate([reset.result()[1]["lives"] for reset in resets])
        self.start, self.ended = np.ones(len(self), bool), np.zeros(len(self), bool)

    def __len__(self) -> int:
        """Returns R, the number of environments over all games."""
        return len(self.observation)

    @property
    def forced(self) -> NDArray[np.int32] | None:
        """What is pressed next for whoever plays, int32 [R]; None if nothing ever is."""
        return self._fire.forced if self._fire else None

    def step(self, actions: NDArray[np.integer[Any]]) -> Outcome:
        """Takes one action in every environment: `send`, then `receive`."""
        self.send(actions)
        return self.receive()

    def send(self, actions: NDArray[np.integer[Any]]) -> None:
        """Begins a step: the emulators work until `receive`. An illegal action is a ValueError."""
        actions = np.asarray(actions)
        if actions.shape != (len(self),) or actions.dtype.kind not in "iu":
            raise ValueError(
                f"Actions are whole numbers of shape ({len(self)},). "
                f"Received: {actions.dtype} of shape {actions.shape}"
            )
        if (forced := self.forced) is not None:
            actions = np.where(forced == PLAYER, actions, forced)
        parts = np.split(actions, len(self.games))
        places = [one.places(part) for one, part in zip(self._emulators, parts, strict=True)]
        for emulators, part in zip(self._emulators, places, strict=True):
            emulators.env.send(part)

    def receive(self) -> Outcome:
        """Ends a step; `observation`, `start` and `ended` are then those of the next."""
        results = [emulators.env.recv() for emulators in self._emulators]
        observation, reward, terminated, truncated = (
            np.concatenate(part) for part in list(zip(*results, strict=True))[:4]
        )
        lives = np.concatenate([info["lives"] for *_, info in results])
        ignored = self.ended
        terminal = terminated & ~ignored
        # With life_loss_info the flag also rises on a lost life. Games without lives report 0.
        lost = terminated & (lives == 0) if self._life_loss_terminal else terminated
        game_over = (lost | truncated) & ~ignored
        if self._fire:  # Some games have no lives for a few frames and go on.
            life_lost = (lives > 0) & (lives < self._lives) & ~game_over
            self._fire.step(start=ignored, life_lost=life_lost)
        self._lives = lives
        self.observation, self.start, self.ended = observation, ignored, game_over
        return Outcome(np.where(ignored, 0, reward).astype(np.float32), terminal, game_over)

    def restart(self, rows: NDArray[np.bool_]) -> None:
        """Begins new games in some rows, bool [R], whatever was going on there; between steps."""
        self.observation = self.observation.copy()
        masks = np.split(rows, len(self.games))
        lives = np.split(self._lives, len(self.games))
        views = np.split(self.observation, len(self.games))
        for emulators, mask, view, left in zip(self._emulators, masks, views, lives, strict=True):
            if mask.any():
                view[:], info = emulators.env.reset(options={"reset_mask": mask})
                left[:] = info["lives"]
        if self._fire:
            self._fire.begin(rows)
        self.start, self.ended = self.start | rows, self.ended & ~rows

    def close(self) -> None:
        """Ends the emulators' threads."""
        for emulators in self._emulators:
            emulators.close()

    def get_state(self) -> None:
        """Emulators cannot be saved: a resumed run starts new games."""

    def set_state(self, state: Mapping[str, Any]) -> None:
        """There never is a state to put back."""
        raise NotImplementedError("emulators have no state that can be put back")
