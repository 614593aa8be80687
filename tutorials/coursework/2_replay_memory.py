"""Assignment 2: the replay memory. Goes with tutorial 2.

A DQN sees the last four frames of its game. A memory that kept all four for every step would need
four times the space. So each frame is kept once, and the stack of four is built when it is needed.

The memory is a dictionary of arrays with `capacity` slots:

    memory["frame"]     uint8 [capacity, height, width]
    memory["action"]    int [capacity]
    memory["reward"]    float [capacity]
    memory["terminal"]  bool [capacity]: a life or the game was lost in this step
    memory["start"]     bool [capacity]: this frame is the first of a game

It is a ring: when it is full, a new step replaces the oldest one. Step numbers count from the first
step ever added, which is step 0. Slots count from 0 to capacity - 1.

Write the four functions with numpy. Replace each `raise` by your code; let the names and the
arguments stay.

Check your file: amkit check 2
"""

import numpy as np

Memory = dict[str, np.ndarray]


def add(
    memory: Memory,
    added: int,
    frame: np.ndarray,
    action: int,
    reward: float,
    terminal: bool,
    start: bool,
) -> None:
    """Writes one step into the memory. (2 points)

    Args:
        memory: changed in place.
        added: how many steps were added before. So this is step number `added`.
        frame, action, reward, terminal, start: what to write.
    """
    # TODO: find the slot of this step, then write all five values.
    # BEGIN SOLUTION
    slot = added % len(memory["frame"])
    memory["frame"][slot] = frame
    memory["action"][slot] = action
    memory["reward"][slot] = reward
    memory["terminal"][slot] = terminal
    memory["start"][slot] = start
    # END SOLUTION


def drawable(added: int, capacity: int) -> np.ndarray:
    """The steps that may be drawn for learning, in order. (2 points)

    A step may be drawn if the next step is in the memory, too. Once the memory has replaced steps,
    the three steps before it must also be there: the stack needs their frames. Before that, every
    stack can be built, as frames before a game's start are zero.

    Args:
        added: how many steps were added so far.
        capacity: how many steps the memory holds.

    Returns:
        int [n]. Step numbers.
    """
    # TODO: find the oldest and the newest step that may be drawn.
    # BEGIN SOLUTION
    oldest = 0
    if added > capacity:
        oldest = added - capacity + 3
    newest = added - 2
    return np.arange(oldest, newest + 1)
    # END SOLUTION


def stack(memory: Memory, step: int) -> np.ndarray:
    """The four frames that the network sees at a step, the oldest first. (4 points)

    Frames from before the start of the step's game are zero. Attention: `terminal` is no end of a
    game. It is also true when a life is lost, and then the game goes on.

    Args:
        memory: holds the step and, unless it is younger than that, the three steps before.
        step: step number.

    Returns:
        uint8 [4, height, width].
    """
    # TODO: collect the frames of the steps from step - 3 to step; then blank some of them.
    # BEGIN SOLUTION
    slots = np.arange(step - 3, step + 1) % len(memory["frame"])
    frames = memory["frame"][slots]
    for position in (1, 2, 3):
        if memory["start"][slots[position]]:
            frames[:position] = 0
    return frames
    # END SOLUTION


def what_followed(
    memory: Memory, steps: np.ndarray, discount: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the TD target needs to know of some steps. (2 points)

    Args:
        memory: holds the steps and the next ones.
        steps: int [B]. Step numbers.
        discount: gamma.

    Returns:
        The reward of each step, float [B]; its discount, float [B]: gamma, or 0 if the step was
        terminal; the number of the next step, int [B].
    """
    # TODO: find the slots, then read the reward and the terminal flag.
    # BEGIN SOLUTION
    slots = steps % len(memory["frame"])
    reward = memory["reward"][slots]
    discounts = np.where(memory["terminal"][slots], 0.0, discount)
    return reward, discounts, steps + 1
    # END SOLUTION


# In words (5 points, marked by hand). Why does a DQN learn from steps drawn at random, and not from
# the last 32 steps? Name two reasons. Answer in two to four sentences.
# BEGIN SOLUTION
# Successive steps look alike, so that a batch of them tells little more than one step does, and the
# gradient pulls the network towards the present situation. Steps drawn at random are nearly
# independent. Besides, each step can be learned from several times, and what was rare or long ago is
# not forgotten.
# END SOLUTION
