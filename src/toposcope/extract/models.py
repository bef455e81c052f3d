"""Names → networks: ``torchvision:resnet50``, ``timm:vit_small_patch16_224``, ``hf:google/vit-base-patch16-224``,
``package.module:factory``, each with optional ``@pretrained``, ``@random`` or ``@FILE``.

Nothing here unpickles or runs code that came with weights.
"""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

from toposcope._io import digest_of_file
from toposcope.extract import factories, zoos
from toposcope.extract.network import ZOOS, Network, parse_spec, seeded
from toposcope.extract.packages import import_torch, version_of
from toposcope.extract.weights import external_data, load_weights

_BUILDERS = {"torchvision": zoos.torchvision, "timm": zoos.timm, "hf": zoos.hugging_face}


def load_network(spec: str, *, seed: int = 0) -> Network:
    """The network that a MODEL name denotes, in evaluation mode on the CPU, with its own preprocessing.

    spec: ``torchvision:NAME``, ``timm:NAME``, ``hf:NAME``, ``onnx:FILE`` or ``package.module:factory``; all but the
    ONNX graph with optional ``@pretrained`` (the default where the source has weights of its own), ``@random`` or
    ``@FILE`` (`.safetensors`, or a state dict, tensors only). seed: of random weights.

    Raises InputError for a name nobody knows or weights that don't fit, FileError for weights that cannot be read,
    WeightsError for weights that would have to be downloaded and cannot be, MissingDependencyError.
    """
    parts = parse_spec(spec)
    import_torch(f"model {spec!r}")
    if parts.source == "onnx":
        return _graph(parts.name)
    build = _BUILDERS.get(parts.source, factories.factory)
    with seeded(seed):
        network = build(parts, spec)
    network.module.eval()
    if parts.weights not in ("", "pretrained", "random"):
        if parts.source != "hf":  # transformers has renamed layers over the years, and translates the names itself
            load_weights(network.module, parts.weights, spec)
        told = f"{Path(parts.weights).name} ({digest_of_file(parts.weights)[:12]})"
        return dataclasses.replace(network, checkpoint=told)
    if parts.source in ZOOS and parts.weights != "random":
        return network
    told = f"random (seed {seed})" if parts.weights == "random" else f"as {parts.name}() made it (seed {seed})"
    note = f", {network.checkpoint}" if network.checkpoint else ""
    return dataclasses.replace(network, checkpoint=told + note, seed=seed)


def _graph(file: str) -> Network:
    from toposcope.extract.onnx import OnnxGraph

    graph = OnnxGraph(file)
    told = f"{Path(file).name} ({digest_of_file(file)[:12]})"
    return Network(
        graph, Path(file).stem, told, input_size=graph.input_size, batch_size=graph.batch_size, presets=False
    )


def weights_digest(spec: str, *, seed: int = 0) -> str:
    """What decides a network and its weights, as a sha256 hex digest for cache keys; nothing is built or loaded.

    A file counts by its content, wherever it lies (an ONNX graph with its external data), a factory by the source files
    of its module and of all that it imports outside the installed packages, random weights by their seed, and all of
    them by the version of the package that builds the network. Raises InputError and FileError as `load_network` does.
    """
    parts = parse_spec(spec)
    from_file = parts.source != "onnx" and weights_file(spec) is not None
    facts = [parts.source, parts.name, "file" if from_file else parts.weights.replace("pretrained", "")]
    if parts.source == "onnx":
        graph = Path(parts.name)
        facts = [digest_of_file(file) for file in (graph, *external_data(graph))]
    elif parts.source in ZOOS:
        facts.append(version_of({"hf": "transformers"}.get(parts.source, parts.source)))
        local = Path(parts.name) / "config.json"
        if parts.source == "hf" and local.is_file():
            facts[1] = "folder"
            facts += [
                f"{file.name} {digest_of_file(file)}" for file in sorted(local.parent.iterdir()) if file.is_file()
            ]
    else:
        with factories.working_folder_importable():
            facts += [digest_of_file(file) for file in factories.source_files(parts.source, spec)]
    if from_file:
        facts.append(digest_of_file(parts.weights))
    elif parts.weights == "random" or parts.source not in (*ZOOS, "onnx"):
        facts += [f"seed {seed}", version_of("torch")]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()


def weights_file(spec: str) -> str | None:
    """The file that a MODEL name takes its weights from, if it names one. Raises InputError."""
    parts = parse_spec(spec)
    file = parts.name if parts.source == "onnx" else parts.weights
    return None if file in ("", "pretrained", "random") else file
