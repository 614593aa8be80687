"""Plans: what they expand to, and what is refused before anything starts."""

import pytest

from amkit.jobs.plans import SHIPPED, read_plan


@pytest.fixture
def plan(tmp_path):
    """Reads a plan of one file's text."""

    def read(text):
        path = tmp_path / "mine.toml"
        path.write_text(text)
        return read_plan(str(path))

    return read


def test_each_command_gets_its_words_as_people_would_type_them(plan):
    made = plan("""
        [[runs]]
        command = "transfer"
        games = ["pong", "boxing"]
        from = ["amn.keras", "none"]
        seeds = [0, 1]
        steps = 1000
        xla = false

        [[runs]]
        command = "distill"
        experts = "pretrained"
        games = ["pong", "boxing"]
        feature_weight = 0.01
        label = "feature"
        seeds = [3, 4]

        [[runs]]
        command = "baseline"
        architecture = "mdqn"
        split = "multitask"
    """)
    assert [(" ".join(line.words), line.suffix) for line in made.lines()] == [
        (
            "transfer pong boxing --from amn.keras --from none --steps 1000 --no-xla --seed 0,1",
            "",
        ),
        (
            "distill --games pong,boxing --experts pretrained --feature-weight 0.01 --seed 3",
            "-feature-seed-3",
        ),
        ("baseline mdqn --split multitask", ""),
        (
            "distill --games pong,boxing --experts pretrained --feature-weight 0.01 --seed 4",
            "-feature-seed-4",
        ),
    ]
    assert made.name == "mine" and made.cores == 1


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_plans_are_read_by_their_names(path):
    assert read_plan(path.stem).lines()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("runs = 3", "runs: should be a valid list. Received: 3"),
        ("runs = []", "runs: List should have at least 1 item"),
        ("[[runs]]\ngames = ['pong']", "runs.0.command: is missing"),
        ("[[runs]]\ncommand = 'play'", "should be 'train', 'distill', 'baseline' or 'transfer'"),
        ("cores = 0\n[[runs]]\ncommand = 'train'", "cores: should be greater than or equal to 1"),
        ("days = 3\n[[runs]]\ncommand = 'train'", "days: Extra inputs are not permitted"),
        ("[[runs]]\ncommand = 'train'\nseeds = [1, 1]", "each entry only once. Received: 1, 1"),
        ("[[runs]]\ncommand = 'train'\nseeds = [-1]", "should be greater than or equal to 0"),
        ("[[runs]]\ncommand = 'train'\nseeds = []", "should have at least 1 item"),
        ("[[runs]]\ncommand = 'train'\nsteps = [1, 2]", "steps"),
        ("[[runs]]\ncommand = 'train'\nlabel = 'a/b'", "should match pattern"),
        ("[[runs]]\ncommand = 'train'\nresume = true", "entry 1 (train) may have only options"),
        ("[[runs]]\ncommand = 'train'\nseed = 1", "seeds are a list, `seeds`. Received: seed"),
        ("[[runs]", "the plan must be valid TOML. Received:"),
    ],
)
def test_what_is_wrong_is_one_line(plan, text, says):
    with pytest.raises(ValueError) as raised:
        plan(text).lines()
    line = str(raised.value)
    assert says in line and "Received: " in line and "\n" not in line


def test_a_plan_that_is_not_there_says_which_are():
    with pytest.raises(ValueError, match=r"one of paper-experts.*tiny, zoo. Received: nope"):
        read_plan("nope")
