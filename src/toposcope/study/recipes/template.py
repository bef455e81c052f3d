"""The plan that `toposcope init` prints: the same tables for every recipe, with the recipe's own beside them."""

from __future__ import annotations

_HEAD = """\
# A toposcope study: {question}
# Run it with:  toposcope run study.toml        Look before you leap:  toposcope run study.toml --dry-run
recipe = "{recipe}"
seed = 0                          # decides the draws; the same seed gives the same tables, byte for byte

[inputs]
source = "digits:test"            # a folder of images (class folders become labels), .npy, .npz, or digits
# limit = 1000                    # use only so many, evenly spaced

"""

ONE_NETWORK = """\
[[network]]                       # one block for each network; names are yours
name = "resnet"
model = "torchvision:resnet18@random"   # torchvision:, timm:, hf:, onnx:FILE or package.module:factory,
                                        # with @pretrained, @random or @FILE.safetensors
layers = ["blocks"]               # globs on module names, re:PATTERN, or the presets stages, blocks, all
# family = "resnet"               # networks of one family share a shape in plots
# reduce = "auto"                 # mean, max, cls, last, flatten, spatial:k, tokens, pixels
# classes = [0, 1, 2]             # what the outputs stand for: accuracy on the inputs is then measured
# inputs = "digits:train"         # inputs of its own

# [[network]]                     # one block for the checkpoints of a training; their names tell the steps
# name = "run"
# model = "my.nets:resnet"
# checkpoints = "runs/step-*.safetensors"   # or a list of files

# [[network]]                     # activations that were saved before need no torch: one file for each layer
# name = "saved"
# representations = "activations/"

"""

_TAIL = """\
[cloud]
size = {size:<4}                       # points in each cloud: equal everywhere, as more points give longer diagrams
draws = {draws:<3}                       # disjoint draws: size × draws inputs are needed; 6 or more for tests at 0.05
metric = "euclidean"              # or another, with parameters: {{ name = "knn_geodesic", k = 15 }}
scale = "q0.9"                    # distances are divided by this quantile of each draw's own; "none" for raw

[homology]
max_degree = 1

[distance]
name = "wasserstein"              # or bottleneck, sliced_wasserstein
order = 1

[test]
alpha = 0.05
adjust = "max-t"                  # or holm, by, bh, none
"""


def template(
    recipe: str, question: str, own: str = "", networks: str = ONE_NETWORK, size: int = 100, draws: int = 8
) -> str:
    """A commented plan. own: the recipe's own tables. networks: blocks of `[[network]]`."""
    head = _HEAD.format(recipe=recipe, question=question)
    return head + networks + own + _TAIL.format(size=size, draws=draws)
