"""Catch, the small game of tutorial 2: balls fall, and a paddle catches them."""

from itertools import islice

import numpy as np

from amkit.evaluation.live import Moment
from amkit.games.catalogue import ACTIONS, Game
from amkit.games.environments import Outcome
from amkit.play.rollout import rollout

GAME = Game("catch", "Catch", ("NOOP", "RIGHT", "LEFT"))
CODES = GAME.action_codes
NOOP, RIGHT, LEFT = CODES
CELLS = 7  # Rows and columns.
CELL = 84 // CELLS  # Pixels.

_MOVE = np.zeros(len(ACTIONS), int)  # By action code, in columns.
_MOVE[RIGHT], _MOVE[LEFT] = 1, -1


class Catch:
    """R games in parallel, as `amkit.games.environments.Environments` asks for them.

    A ball falls one row a step; the paddle, in the last row, moves one column. A ball that is
    caught counts 1, and the next one falls. A ball that is missed counts -1 and ends the game.

    All games begin `together`, so that all balls are always in the same row; if not, the first ball
    of each game begins in a random row.
    """

    def __init__(self, num_envs, seed=0, together=True):
        self.rng = np.random.default_rng(seed)
        self.action_masks = np.repeat([GAME.action_mask], num_envs, axis=0)
        self.observation = np.zeros((num_envs, 4, 84, 84), np.uint8)
        self.start = np.ones(num_envs, bool)
        self.ended = np.zeros(num_envs, bool)  # Never: the next game begins at once.
        self.paddle, self.column, self.row = np.zeros((3, num_envs), int)
        self._serve(self.start)
        if not together:
            self.row = self.rng.integers(0, CELLS - 1, num_envs)
        self._draw()

    def send(self, actions):
        """Begins a step: action codes, [R]."""
        self.actions = actions

    def receive(self):
        """Ends the step."""
        self.paddle = np.clip(self.paddle + _MOVE[self.actions], 0, CELLS - 1)
        self.row = self.row + 1
        landed = self.row == CELLS - 1
        caught = landed & (self.column == self.paddle)
        missed = self.start = landed & ~caught
        self._serve(landed)
        self._draw()
        return Outcome(caught.astype(np.float32) - missed, missed, missed)

    def _serve(self, landed):
        """A new ball where the last one landed; a new game begins with the paddle in the middle."""
        self.paddle[self.start] = CELLS // 2
        balls = self.rng.integers(0, CELLS, len(landed))
        self.column, self.row = np.where(landed, [balls, 0 * balls], [self.column, self.row])

    def _draw(self):
        """Puts a new frame last in each stack. Frames from before a game's start are zero."""
        games = np.arange(len(self.row))
        cells = np.zeros((len(games), CELLS, CELLS), np.uint8)
        cells[games, self.row, self.column] = cells[games, -1, self.paddle] = 255
        frame = cells.repeat(CELL, axis=1).repeat(CELL, axis=2)
        stack = np.where(self.start[:, None, None, None], 0, self.observation[:, 1:])
        # A new array: whoever kept the last observation still has it.
        self.observation = np.concatenate([stack, frame[:, None]], axis=1)


def at_random(games):
    """A reference player: any action."""
    return games.rng.choice(CODES, len(games.start))


def at_best(games):
    """A reference player: it knows where the ball will land, and goes there."""
    distance = games.column - games.paddle
    return np.select([distance > 0, distance < 0], [RIGHT, LEFT], NOOP)


def share_caught(policy, games, steps=12):
    """Plays some steps in all games. Returns the share of the balls that are caught, in [0, 1].

    A policy is a function: observation [R, 4, 84, 84] -> (actions [R], Q-values [R, 18] or None).
    """
    rewards = np.array([transition.reward for transition in islice(rollout(games, policy), steps)])
    return (rewards[rewards != 0] > 0).mean()


def reference(player):
    """The share of the balls that `at_random` or `at_best` catches."""
    games = Catch(64, seed=100)
    return share_caught(lambda _: (player(games), None), games, steps=60)


def moments(policy, games, steps):
    """The first game's steps, for `helpers.watch`."""
    score = 0.0
    for moment in islice(rollout(games, policy), steps):
        frame = np.maximum(moment.observation[0, -1], 50)  # Dark grey: so one sees the walls.
        screen = np.repeat(frame[:, :, None], 3, axis=2)
        action = CODES.tolist().index(moment.action[0])
        reward = float(moment.reward[0])
        yield Moment(screen, moment.outputs[0, CODES], action, score, reward)
        score = 0.0 if moment.game_over[0] else score + reward
