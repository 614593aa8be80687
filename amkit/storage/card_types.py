"""What a model's card holds, as pydantic checks it. Other keys may be there, and are not looked at.

Apart from `cards`, so that naming a card's path does not load pydantic.
"""

from typing import Annotated, NotRequired

from pydantic import BeforeValidator, Field
from typing_extensions import TypedDict  # Python 3.11's own is not enough for pydantic.

from amkit.storage.cards import Kind

Temperature = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Milliseconds = dict[str, float]  # Batch size -> time of a forward pass.


def _with_steps(row: object) -> object:
    if isinstance(row, dict) and type(row.get("steps")) is not int:
        raise ValueError(f"a row has steps, a whole number. Received: {row.get('steps')!r:.80}")
    return row


# A row of `metrics.csv`: "steps", and what else was measured; None where nothing was.
Row = Annotated[dict[str, float | None], BeforeValidator(_with_steps)]


class Mean(TypedDict):
    """A mean over whole games; a single game has no standard error."""

    mean: float
    standard_error: NotRequired[float | None]
    games: int


class Score(Mean):
    """A model's score in a game, beside random play's and the expert's."""

    game: str
    protocol: str
    epsilon: float
    seed: NotRequired[int]
    steps: NotRequired[int]
    scores: NotRequired[list[float]]
    random: Mean
    expert: NotRequired[Mean]


class Test(Mean):
    """A point of a learning curve, measured on whole games after so many agent steps."""

    game: str
    steps: int


class Settings(TypedDict, total=False):
    """The settings that are read without knowing the algorithm, which has others besides."""

    temperature: Temperature
    objective: str
    feature_weight: float


class _Weights(TypedDict):
    weights: NotRequired[str]
    learnt: NotRequired[list[str]]


class Begin(_Weights):
    """The network that a student began as: its name, its weights' hash, the games it had learnt."""

    source: NotRequired[str]


class Transfer(_Weights):
    """The same of a target DQN (section 3.4), and what was done with the weights."""

    source: str
    body: NotRequired[str]
    normalize_features: NotRequired[bool]
    head: NotRequired[str]
    freeze: NotRequired[str | None]
    knows_target: NotRequired[bool]


class OneExpert(TypedDict, total=False):
    """What one of an AMN's experts takes, to compare with."""

    parameters: int
    forward_milliseconds: Milliseconds


class Card(TypedDict):
    """A model's card. A network that amkit did not train has three of these keys or more."""

    kind: Kind
    games: Annotated[list[str], Field(min_length=1)]
    weight_hash: str
    algorithm: NotRequired[str]  # A row of `jobs.algorithms`.
    command: NotRequired[str | None]
    preset: NotRequired[str]
    settings: NotRequired[Settings]
    seed: NotRequired[int]
    precision: NotRequired[str]
    jit_compile: NotRequired[bool]
    background: NotRequired[float]
    action_masks: NotRequired[dict[str, list[int]]]
    steps: NotRequired[int]
    minutes: NotRequired[float]
    parameters: NotRequired[int]
    outputs: NotRequired[int]
    versions: NotRequired[dict[str, str]]
    machine: NotRequired[dict[str, object]]
    scores: NotRequired[list[Score]]
    learning_curve: NotRequired[list[Row]]
    test_protocol: NotRequired[str | None]
    tests: NotRequired[list[Test]]
    transfer: NotRequired[Transfer]
    begin: NotRequired[Begin]
    temperatures: NotRequired[dict[str, Temperature]]
    expert_weights: NotRequired[list[str]]
    one_expert: NotRequired[OneExpert]
    forward_milliseconds: NotRequired[Milliseconds]
