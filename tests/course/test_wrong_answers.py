# ruff: noqa: E501 (a table of code)
"""Wrong answers that students give, as edits of the shipped solutions: each hint names its mistake.

An edit is (what stands in the solution, what a student writes, words of the hint). Where the first
is the name of a function, its whole body is replaced.
"""

import re
from pathlib import Path

import numpy as np
import pytest

from amkit.course.answers import answers
from amkit.course.assignments import NAMES, find_assignment
from amkit.course.marking import _asked, _same, marks

COURSEWORK = Path(__file__).parents[2] / "tutorials" / "coursework"

WRONG = {
    1: [
        ("q_values / temperature", "q_values * temperature", "multiplied by the temperature"),
        ("q_values / temperature", "q_values", "temperature is ignored"),
        ("exponentials.sum(axis=1,", "exponentials.sum(axis=0,", "over the batch (axis 0)"),
        (
            "boltzmann_policy",
            "e = np.exp(q_values / temperature)\nreturn e / e.sum(0)",
            "over the batch (axis 0)",
        ),
        (".sum(axis=1, keepdims=True)", ".sum()", "over the whole array"),
        ("scaled - scaled.max(axis=1, keepdims=True)", "scaled", "overflows"),
        ("scaled.max(axis=1, keepdims=True)", "scaled.max()", "maximum of the whole array"),
        ("= q_values / t", "= -q_values / t", "sign is wrong"),
        ("return exponentials / exponentials.sum(axis=1, keepdims=True)", "return exponentials",
         "do not sum to 1"),
        ("return exponentials /", "return 2 * exponentials /", "do not sum to 1"),
        (
            "boltzmann_policy",
            "e = np.exp(q_values - q_values.max(1)[:, None])\nreturn e / e.sum(1)[:, None] / temperature",
            "divides the probabilities, after the softmax",
        ),
        ("return -(policy", "return (policy", "sign is wrong: an entropy"),
        ("safe = np.where(policy > 0, policy, 1.0)", "safe = policy", "0 * log(0) is NaN"),
        ("np.log(safe)", "np.log2(safe)", "base 2"),
        ("np.log(safe)).sum(axis=1)", "np.log(safe)).mean(axis=1)", "mean over the actions"),
        ("np.log(safe)).sum(axis=1)", "np.log(safe)).sum()", "over the whole batch"),
    ],
    2: [
        ("slot = added % len(memory[\"frame\"])", "slot = added", "memory is a ring"),
        ("slot = added %", "slot = (added + 1) %", "slots are off by one"),
        ("    slot = added %", "    if added >= len(memory['frame']):\n        return\n    slot = added %",
         "takes no more steps"),
        ("    memory[\"start\"][slot] = start\n", "", "The start is not stored"),
        ("newest = added - 2", "newest = added - 1", "newest step can be drawn"),
        ("oldest = added - capacity + 3", "oldest = added - capacity", "oldest steps can be drawn"),
        ("oldest = added - capacity + 3", "oldest = added - capacity + 4", "three older ones are"),
        ("return np.arange(oldest, newest + 1)", "return np.arange(oldest, newest + 1) % capacity",
         "slots of the ring"),
        ("        if memory[\"start\"][slots[position]]:", "        if False:", "crosses episodes"),
        ("if memory[\"start\"][slots[position]]", "if memory[\"terminal\"][slots[position - 1]]",
         "lost life is terminal"),
        ("            frames[:position] = 0", "            frames[position - 1] = 0",
         "just before the start"),
        ("    return frames\n", "    return frames[::-1]\n", "newest frame comes first"),
        ("np.arange(step - 3, step + 1)", "np.arange(step - 4, step)", "ends before the step"),
        ("np.arange(step - 3, step + 1)", "np.arange(step, step + 4)", "looks forward"),
        ("np.where(memory[\"terminal\"][slots], 0.0, discount)", "np.full(len(steps), discount)",
         "not masked"),
        ("memory[\"reward\"][slots]", "memory[\"reward\"][(slots + 1) % len(memory['reward'])]",
         "reward is the next step's"),
        ("discounts, steps + 1", "discounts, steps", "next step is the step itself"),
    ],
    3: [
        ("np.where(terminals, 0.0, next_value)", "next_value", "Terminal steps are not masked"),
        ("np.where(terminals, 0.0, next_value)", "next_value * terminals", "mask is inverted"),
        ("next_q_target.max(axis=1)", "next_q_online.max(axis=1)", "online network's"),
        ("next_q_target.max(axis=1)",
         "next_q_target[np.arange(len(rewards)), next_q_online.argmax(axis=1)]", "Double DQN"),
        ("np.clip(rewards, -1, 1)", "rewards", "not clipped"),
        ("next_q_target.max(axis=1)", "next_q_target.mean(axis=1)", "mean over the actions"),
        ("next_q_target.max(axis=1)", "next_q_target.max()", "whole batch"),
        ("clipped + discount *", "clipped +", "discount is missing"),
        ("return clipped + discount * np.where(terminals, 0.0, next_value)",
         "return (clipped + discount * next_value) * (1 - terminals)", "reward of terminal steps"),
        ("next_q_target.max(axis=1)", "next_q_target.argmax(axis=1)", "index of the best"),
        ("np.where(size <= 1, size**2 / 2, size - 0.5)", "size**2 / 2", "squared error everywhere"),
        ("size - 0.5)", "size)", "does not meet the parabola"),
        ("np.abs(targets - taken)", "targets - taken", "Compare its size"),
        ("td_loss", "return np.clip(targets - q_values[np.arange(len(actions)), actions], -1, 1)",
         "That is the gradient"),
        ("np.abs(targets - taken)", "np.minimum(np.abs(targets - taken), 1)", "clipped before"),
        ("q_values[np.arange(len(actions)), actions]", "q_values.max(axis=1)", "best action"),
        ("np.where(size <= 1, size**2 / 2, size - 0.5)", "np.where(size <= 1, size**2 / 2, size - 0.5).mean()",
         "mean of the batch"),
        ("if updates % period == 0", "if False", "never synced"),
        ("if updates % period == 0", "if True", "synced in every update"),
        ("if updates % period == 0", "if updates % period == 1", "one update too late"),
        ("weight.copy() for weight", "weight for weight", "online network's own arrays"),
        ("if updates % period == 0", "if updates >= period", "From the first period on"),
    ],
    4: [
        ("masked_policy", "e = np.exp(logits - logits.max(axis=1, keepdims=True))\n"
         "return e / e.sum(axis=1, keepdims=True) * action_mask", "mask comes after the softmax"),
        ("masked_policy", "e = np.exp(logits - logits.max(axis=1, keepdims=True)) * action_mask\n"
         "return e / e.sum(axis=1, keepdims=True)", "with a new normalisation"),
        ("np.where(action_mask, logits, -1e9)", "logits * action_mask", "exp(0) is 1"),
        ("np.where(action_mask, logits, -1e9)", "np.where(action_mask, -1e9, logits)", "inverted"),
        ("np.where(action_mask, logits, -1e9)", "logits", "mask is ignored"),
        ("np.where(action_mask, logits, -1e9)", "np.where(action_mask, logits, -3)",
         "still have a probability"),
        ("np.where(action_mask, logits, -1e9)", "np.where(action_mask, logits, -10)",
         "not low enough"),
        ("np.where(action_mask, logits, -1e9)", "logits[:, np.atleast_2d(action_mask)[0]]",
         "legal actions only"),
        ("np.where(action_mask, logits, -1e9)",
         "np.where(np.atleast_2d(action_mask)[:1], logits, -1e9)", "mask of the first row"),
        ("np.where(action_mask, q_values, -np.inf)", "q_values * action_mask", "sets illegal values to 0"),
        ("np.where(action_mask, q_values, -np.inf)", "q_values[:, action_mask]",
         "counts among the legal"),
        ("np.where(action_mask, q_values, -np.inf)", "q_values", "mask is ignored"),
        ("masked.argmax(axis=1)", "masked.max(axis=1)", "highest value (max)"),
        ("masked.argmax(axis=1)", "masked.argmax(axis=0)", "runs over the batch"),
        ("spread[:, action_codes]", "spread[:, : q_values.shape[1]]", "first columns"),
        ("spread[:, action_codes]", "spread[:, np.sort(action_codes)]", "ascending order"),
        ("np.zeros((len(q_values), 18))", "np.full((len(q_values), 18), -1e9)", "very low value"),
        ("over_all_actions", "return q_values[:, action_codes]", "wrong way about"),
    ],
    5: [
        ("np.where(action_mask, student_logits, -1e9)",
         "np.where(action_mask, student_logits / temperature, -1e9)", "on both sides"),
        ("expert_q / temperature", "expert_q", "temperature is ignored"),
        ("expert_q / temperature", "expert_q * temperature", "multiplied by the temperature"),
        ("return -(expert * log_student)", "return (expert * log_student)", "sign is wrong"),
        ("log_student).sum(axis=1)", "log_student).mean(axis=1)", "mean over all 18 actions"),
        ("log_student).sum(axis=1)", "log_student)[:, action_mask].mean(axis=1)",
         "mean over the legal"),
        ("log_student).sum(axis=1)", "log_student).sum(axis=1).mean()", "mean of the batch"),
        ("log_student = student - np.log(np.exp(student).sum(axis=1, keepdims=True))",
         "log_student = np.log(np.exp(student) / np.exp(student).sum(axis=1, keepdims=True))",
         "0 * log(0) is NaN"),
        ("log_student = student - np.log(np.exp(student).sum(axis=1, keepdims=True))",
         "log_student = np.log(np.exp(student) / np.exp(student).sum(axis=1, keepdims=True) + 1e-8)",
         "small number is added"),
        ("np.where(action_mask, student_logits, -1e9)", "student_logits", "on the student's side"),
        ("np.where(action_mask, expert_q / temperature, -1e9)", "expert_q / temperature",
         "on the expert's side"),
        ("return -(expert * log_student)", "return (expert * (np.log(np.maximum(expert, 1e-30)) - log_student))",
         "KL divergence"),
        ("return -(expert * log_student).sum(axis=1)",
         "p = np.exp(log_student)\n    log_expert = np.log(np.maximum(expert, 1e-30))\n    return -(p * log_expert).sum(axis=1)",
         "exchanged"),
        ("return -(expert * log_student)", "return ((expert - np.exp(log_student)) ** 2)",
         "squared difference"),
        ("return student - expert", "return expert - student", "sign is wrong"),
        ("return student - expert", "return (student - expert) / temperature",
         "divided by the temperature"),
        ("return student - expert", "return (student - expert) / len(expert)", "batch size"),
        ("policy_regression_gradient", "return (student_logits - expert_q / temperature) * action_mask",
         "logits and Q-values"),
    ],
    6: [
        ("weights[i] + biases[i]", "weights[0] + biases[0]", "first game's projection"),
        ("projected", "return student_features @ weights[game] + biases[game]", "row by row"),
        ("weights[i] + biases[i]", "weights[i]", "bias is missing"),
        ("weights[i] + biases[i]", "weights[i].T + biases[i]", "transposed"),
        ("features @ weights[i] + biases[i]", "np.maximum(features @ weights[i] + biases[i], 0)",
         "ReLU follows"),
        ("projected", "rows = [student_features[game == g] @ weights[g] + biases[g] for g in range(len(weights))]\n"
         "return np.concatenate(rows)", "game by game"),
        ("** 2).sum(axis=1)", "** 2).mean(axis=1)", "mean over the features"),
        ("** 2).sum(axis=1)", "** 2).sum()", "whole batch"),
        ("** 2).sum(axis=1)", "** 2).sum(axis=0)", "over the batch (axis 0)"),
        ("return ((predicted", "return 0.5 * ((predicted", "1/2"),
        ("feature_regression", "return np.linalg.norm(predicted - expert_features, axis=1)", "root"),
        ("((predicted - expert_features) ** 2).sum(axis=1)",
         "(predicted - expert_features).sum(axis=1) ** 2", "cancel"),
        ("feature_regression", "return np.abs(predicted - expert_features).sum(axis=1)", "Absolute"),
        ("policy_losses + feature_weight * feature_losses",
         "feature_weight * policy_losses + feature_losses", "wrong loss"),
        ("policy_losses + feature_weight * feature_losses", "policy_losses + feature_losses",
         "beta is ignored"),
        ("policy_losses + feature_weight * feature_losses",
         "(1 - feature_weight) * policy_losses + feature_weight * feature_losses", "1 - beta"),
        ("float(np.mean(policy_losses + feature_weight * feature_losses))",
         "float(np.sum(policy_losses + feature_weight * feature_losses))", "batch is summed"),
        ("float(np.mean(policy_losses + feature_weight * feature_losses))",
         "policy_losses + feature_weight * feature_losses", "One loss per row"),
    ],
    7: [
        ("elif head == \"keep\"", "elif True", "copied although the head is new"),
        ("elif head == \"keep\"", "elif False", "never copied"),
        ("elif head == \"keep\"", "elif head == \"new\"", "exchanged"),
        ("temperature * array", "array.copy()", "temperature is missing"),
        ("temperature * array", "array / temperature", "divided by the temperature"),
        ("[temperature * array for array in source[layer]]",
         "[temperature * source[layer][0], source[layer][1].copy()]", "kernel only"),
        ("[array.copy() for array in source[layer]]", "[array * (temperature if head == \"keep\" else 1) for array in source[layer]]",
         "temperature multiplies all layers"),
        ("[array.copy() for array in source[layer]]", "[array.copy() for array in (source if layer < \"d\" else target)[layer]]", "Only the convolutions"),
        ("            weights[layer] = [array.copy() for array in source[layer]]",
         "            weights[layer] = source[layer]", "given arrays themselves"),
        ("            weights[layer] = [array.copy() for array in source[layer]]",
         "            weights[layer] = [source[layer][0].copy(), target[layer][1].copy()]",
         "biases are not copied"),
        ("    weights = {}", "    weights = target", "target's dictionary is changed"),
        ("place > last_frozen", "place >= last_frozen", "named layer is frozen too"),
        ("place > last_frozen", "place <= last_frozen", "inverted"),
        ("place > last_frozen", "place < last_frozen", "layers after the named one"),
        ("place > last_frozen", "place != last_frozen", "Only the named layer"),
        ("    if freeze is None:\n        return [True for layer in layers]\n", "",
         "looked up among the layers"),
        ("return [True for layer in layers]", "return [False for layer in layers]",
         "everything is frozen"),
    ],
}  # fmt: skip

# Other right answers: (number, function, body).
RIGHT = [
    (1, "boltzmann_policy", "z = q_values.astype(float)\nz = (z - z.max(-1)[:, None]) / temperature\nz = z - np.log(np.exp(z).sum(-1))[:, None]\nreturn np.exp(z)"),
    (1, "policy_entropy", "import math\nreturn [sum(-p * math.log(p) for p in row if p) for row in policy.tolist()]"),
    (1, "policy_entropy", "return -(policy * np.log(policy + 1e-12)).sum(-1)"),
    (2, "drawable", "first = max(0, added - capacity)\nreturn [t for t in range(first, added - 1) if first == 0 or t - 3 >= first]"),
    (2, "stack", "frames = []\nwhile len(frames) < 4:\n    frames.append(memory['frame'][step % len(memory['frame'])])\n    if memory['start'][step % len(memory['frame'])]:\n        frames += [np.zeros_like(frames[0])] * (4 - len(frames))\n    step -= 1\nreturn frames[::-1]"),
    (2, "what_followed", "s = steps % len(memory['frame'])\nreturn [memory['reward'][s], discount * (1 - memory['terminal'][s]), steps + 1]"),
    (3, "td_target", "y = np.clip(rewards, -1, 1).astype(float)\ny[~terminals] += discount * next_q_target[~terminals].max(1)\nreturn y"),
    (3, "td_loss", "e = targets - np.take_along_axis(q_values, actions[:, None], 1)[:, 0]\nc = np.clip(e, -1, 1)\nreturn c * e - c * c / 2"),
    (3, "synced", "import copy\nreturn copy.deepcopy(target_weights if updates % period else online_weights)"),
    (4, "masked_policy", "z = logits.astype(float).copy()\nz[~np.broadcast_to(action_mask, z.shape)] = -np.inf\ne = np.exp(z - z.max(1, keepdims=True))\nreturn e / e.sum(1, keepdims=True)"),
    (4, "greedy_action", "legal = np.flatnonzero(action_mask)\nreturn legal[q_values[:, legal].argmax(1)]"),
    (4, "over_all_actions", "return q_values @ np.eye(18)[action_codes]"),
    (5, "policy_regression", "q, z = expert_q[:, action_mask] / temperature, student_logits[:, action_mask].astype(float)\np = np.exp(q - q.max(1, keepdims=True))\np /= p.sum(1, keepdims=True)\nm = z.max(1)\nreturn m + np.log(np.exp(z - m[:, None]).sum(1)) - (p * z).sum(1)"),
    (6, "projected", "return np.einsum('bd,bde->be', student_features, weights[game]) + biases[game]"),
    (6, "feature_regression", "return np.linalg.norm(expert_features - predicted, axis=1) ** 2"),
    (6, "actor_mimic_loss", "return policy_losses.mean() + feature_weight * feature_losses.mean()"),
    (7, "transferred", "import copy\nw = copy.deepcopy(source)\nw['output'] = [temperature * a for a in w['output']] if head == 'keep' else copy.deepcopy(target['output'])\nreturn w"),
    (7, "learns", "on = freeze is None\nresult = []\nfor layer in layers:\n    result.append(on)\n    on = on or layer == freeze\nreturn np.array(result)"),
]  # fmt: skip


def source(number):
    return (COURSEWORK / find_assignment(number).file_name).read_text(encoding="utf-8")


def edited(text, old, new):
    if old not in NAMES_OF_FUNCTIONS:
        assert old in text
        return text.replace(old, new, 1)
    body = re.compile(rf"(def {old}\(.*?# BEGIN SOLUTION\n).*?(    # END SOLUTION)", re.DOTALL)
    lines = "".join(f"    {line}\n" for line in new.splitlines())
    result, count = body.subn(lambda match: match[1] + lines + match[2], text, count=1)
    assert count == 1
    return result


NAMES_OF_FUNCTIONS = {
    function for n in range(1, len(NAMES) + 1) for function in find_assignment(n).functions
}


def marked(number, path):
    with np.errstate(all="ignore"):
        return marks(find_assignment(number), path, list(answers(number, str(path))))


@pytest.mark.parametrize("number", WRONG)
def test_the_shipped_solution_has_all_points(number):
    result = marked(number, COURSEWORK / find_assignment(number).file_name)
    assert (result["points"], result["of"], result["passed"]) == (10, 10, True)
    assert all(function["hint"] is None for function in result["functions"])


@pytest.mark.parametrize(("number", "function", "body"), RIGHT)
def test_another_right_answer_passes(number, function, body, tmp_path):
    path = tmp_path / "hand_in.py"
    path.write_text(edited(source(number), function, body), encoding="utf-8")
    result = marked(number, path)
    assert result["passed"], result["functions"]


@pytest.mark.parametrize("number", WRONG)
def test_ten_wrong_answers_or_more(number):
    assert len(WRONG[number]) >= 10


@pytest.mark.parametrize(
    ("number", "edit"),
    [(number, edit) for number, edits in WRONG.items() for edit in edits],
    ids=lambda value: str(value) if isinstance(value, int) else str(value[2]),
)
def test_the_hint_names_the_mistake(number, edit, tmp_path):
    old, new, words = edit
    path = tmp_path / "hand_in.py"
    path.write_text(edited(source(number), old, new), encoding="utf-8")
    result = marked(number, path)
    hints = [function["hint"] for function in result["functions"] if function["hint"]]
    assert not result["passed"] and len(hints) == 1, hints
    assert words in hints[0], hints[0]
    assert not hints[0].startswith("Perhaps"), hints[0]


@pytest.mark.parametrize("number", WRONG)
def test_each_known_mistake_fails_and_is_told_from_the_others(number):
    assignment = find_assignment(number)
    for function in assignment.functions:
        tests = [test for test in assignment.tests if test.function == function]
        mistakes = assignment.wrong_answers(function)
        right = ("right", getattr(assignment.references, function))
        outputs = [(hint, [_asked(test, f) for test in tests]) for hint, f in (right, *mistakes)]
        for i, (hint, one) in enumerate(outputs):
            for other_hint, other in outputs[:i]:
                alike = all(_same(a, b) for a, b in zip(one, other, strict=True))
                assert hint == other_hint or not alike, (hint, other_hint)
