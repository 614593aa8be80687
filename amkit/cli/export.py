"""`amkit export`."""

from pathlib import Path

from typer import Argument, Option

from amkit.backend import load_tensorflow
from amkit.cli.console import deliver, line, need, say, usage
from amkit.cli.options import Json, card_of


def export(
    model: Path = Argument(..., help="A .keras file: an expert or an AMN."),
    form: str = Option(
        ..., "--format", help="onnx (needs amkit's extra 'export'), litert or saved_model."
    ),
    output: Path = Option(
        ..., help="The file to write, .onnx or .tflite, or the folder of a SavedModel."
    ),
    json: Json = False,
) -> None:
    """Write a model for another runtime: ONNX, LiteRT, or TensorFlow's SavedModel.

    Before the file is written, its outputs are compared with the model's on observations of a game.
    Only the network is exported. tutorials/reference.md and the model's card tell how to make
    observations, and which output is which action. Examples:

    [bold]amkit export pretrained/pong.keras --format onnx --output pong.onnx[/]  for ONNX Runtime

    [bold]amkit export pretrained/amn.keras --format litert --output amn.tflite[/]  for a phone

    [bold]amkit export pretrained/amn.keras --format saved_model --output served/1[/]
    """
    with usage():
        from amkit.storage import exports

        chosen = exports.check_path(output, form)
        if chosen == "onnx":
            need("export", "--format onnx")
        card = card_of(model)
    load_tensorflow()
    from amkit.games.atari import find_game
    from amkit.storage import models

    network, _ = models.load_with_card(model, card)
    with usage():
        observations = exports.observations_of(find_game(card["games"][0]))
    say(f"exporting {model} as {form}; outputs are compared before the file is written")
    difference = exports.export(network, output, chosen, observations)
    outputs = network.output.shape[-1]
    result = {
        "output": str(output),
        "format": form,
        "outputs": outputs,
        "observations": len(observations),
        "largest_difference": difference,
    }
    deliver(
        result,
        json,
        lambda _: line(
            f"{output}: {outputs} outputs, the model's own to {difference:.1g} of the largest"
        ),
    )
