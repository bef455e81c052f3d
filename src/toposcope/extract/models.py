"""Names → networks: ``torchvision:resnet50``, ``timm:vit_small_patch16_224``, ``hf:google/vit-base-patch16-224``,
``package.module:factory``, each with optional ``@pretrained``, ``@random`` or ``@FILE``.

Nothing here unpickles or runs code that came with weights.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import hashlib
import importlib
import importlib.util
import inspect
import io
import logging
import os
import random
import re
import sys
import sysconfig
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from toposcope._errors import (
    FileError,
    InputError,
    MissingDependencyError,
    ToposcopeWarning,
    WeightsError,
    close_names,
)
from toposcope._io import digest_of_file

if TYPE_CHECKING:
    import torch

ZOOS = ("torchvision", "timm", "hf")
FORMS = "torchvision:NAME, timm:NAME, hf:NAME, onnx:FILE or package.module:factory, with @pretrained, @random or @FILE"


@dataclasses.dataclass(frozen=True, eq=False)
class Network:
    """A network ready to run, and what a report says about it.

    module: the network. name: for the reader. checkpoint: which weights; None is not known. preprocess: PIL image →
    (C, H, W) tensor or array, as the weights were trained, or None. input_size: (C, H, W) of one input, or None where
    the network doesn't say. seed: of random weights. channels_last: True where 4-D activations are (N, H, W, C);
    None leaves it to the layers. class_token: whether tokens start with one; None leaves it to the module.
    batch_size: the most inputs it takes at once, or None. presets: whether its modules show blocks and stages.
    """

    module: torch.nn.Module
    name: str
    checkpoint: str | None = None
    preprocess: Callable[[Any], Any] | None = None
    input_size: tuple[int, ...] | None = None
    seed: int | None = None
    channels_last: bool | None = None
    class_token: bool | None = None
    batch_size: int | None = None
    presets: bool = True


class Spec(NamedTuple):
    """A MODEL name taken apart. weights: '', 'pretrained', 'random' or a file."""

    source: str
    name: str
    weights: str


def parse_spec(spec: str) -> Spec:
    """Take ``source:name@weights`` apart. Raises InputError when it is no MODEL name."""
    source, colon, rest = spec.partition(":")
    if not colon or not source or not rest.strip("@"):
        raise InputError(f"model {spec!r} is not a MODEL name; use {FORMS}")
    name, _, weights = (rest, "", "") if source == "onnx" else rest.partition("@")
    return Spec(source, name, weights)


def load_network(spec: str, *, seed: int = 0) -> Network:
    """The network that a MODEL name denotes, in evaluation mode on the CPU, with its own preprocessing.

    spec: see the module's docstring; ``@pretrained`` is the default where the source has weights of its own.
    seed: of ``@random`` weights; torch's random state is left as it was.

    Raises InputError for a name nobody knows or a state dict that doesn't fit, FileError for weights that cannot be
    read, WeightsError for weights that would have to be downloaded and cannot be, MissingDependencyError.
    """
    parts = parse_spec(spec)
    import_torch(f"model {spec!r}")
    build = {"torchvision": _torchvision, "timm": _timm, "hf": _hugging_face}.get(parts.source, _factory)
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
        facts = [digest_of_file(file) for file in (graph, *_external_data(graph))]
    elif parts.source in ZOOS:
        facts.append(_version({"hf": "transformers"}.get(parts.source, parts.source)))
        local = Path(parts.name) / "config.json"
        if parts.source == "hf" and local.is_file():
            facts[1] = "folder"
            facts += [
                f"{file.name} {digest_of_file(file)}" for file in sorted(local.parent.iterdir()) if file.is_file()
            ]
    else:
        with _working_folder_importable():
            facts += [digest_of_file(file) for file in _sources(parts.source, spec)]
    if from_file:
        facts.append(digest_of_file(parts.weights))
    elif parts.weights == "random" or parts.source not in (*ZOOS, "onnx"):
        facts += [f"seed {seed}", _version("torch")]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()


def weights_file(spec: str) -> str | None:
    """The file that a MODEL name takes its weights from, if it names one. Raises InputError."""
    parts = parse_spec(spec)
    file = parts.name if parts.source == "onnx" else parts.weights
    return None if file in ("", "pretrained", "random") else file


# --- random state -----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch, numpy and Python inside the block, and leave their random states as they were."""
    import torch

    python, legacy = random.getstate(), np.random.get_state()
    cuda: Any = torch.cuda
    devices = range(cuda.device_count()) if cuda.is_initialized() else []
    try:
        with torch.random.fork_rng(devices):
            _seed(seed, devices)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)


def reseed(seed: int, place: int) -> None:
    """Inside `seeded`: random numbers of the batch that begins with input `place`, whatever was drawn before it."""
    import torch

    cuda: Any = torch.cuda
    mixed = int(np.random.SeedSequence([seed, place]).generate_state(1, np.uint64)[0] >> np.uint64(1))
    _seed(seed if place == 0 else mixed, range(cuda.device_count()) if cuda.is_initialized() else ())


def _seed(seed: int, devices: Iterable[int]) -> None:
    import torch

    # Not torch.manual_seed, which also seeds devices whose state nobody keeps, or that are yet to be started.
    torch.default_generator.manual_seed(seed)
    cuda: Any = torch.cuda
    for device in devices:
        cuda.default_generators[device].manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


# --- running ----------------------------------------------------------------------------------------------------------


def unwrapped(module: torch.nn.Module) -> torch.nn.Module:
    """The module inside DataParallel, DistributedDataParallel and torch.compile, whose hooks and names are its own."""
    from torch import nn

    while True:
        if isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            module = module.module
        elif isinstance(inner := getattr(module, "_orig_mod", None), nn.Module):
            module = inner
        else:
            return module


@contextlib.contextmanager
def placed(module: torch.nn.Module, device: str | torch.device | None) -> Iterator[torch.device]:
    """Have `module` on `device` inside the block (None: where it is), and back where it was afterwards.

    Raises InputError for a device that isn't there.
    """
    import torch

    weight = next((tensor for tensors in (module.parameters(), module.buffers()) for tensor in tensors), None)
    home = torch.device("cpu") if weight is None else weight.device
    try:
        try:
            place = home if device is None else torch.device(device)
            if place != home:
                module.to(place)
        except (RuntimeError, AssertionError) as error:
            raise InputError(f"device={str(device)!r} cannot be used: {_one_line(error)}; use device='cpu'") from error
        yield place
    finally:
        if weight is not None and weight.device != home:
            module.to(home)


def caster(module: torch.nn.Module, device: torch.device) -> Callable[[Any], Any]:
    """A function that brings a batch to `device`, and its floating tensors to the type that the module computes in.

    Integers become floats too, except as token ids: in dicts, and for a module with embeddings.
    """
    import torch

    kinds = (weight.dtype for weight in module.parameters() if weight.is_floating_point())
    dtype = next(kinds, torch.float32)
    takes_ids = any(isinstance(part, torch.nn.Embedding) for part in module.modules())

    def bring(value: Any, keep_integers: bool = takes_ids) -> Any:
        if isinstance(value, dict):
            return {name: bring(part, True) for name, part in value.items()}
        if not isinstance(value, torch.Tensor):
            return value
        return value.to(device) if keep_integers and not value.is_floating_point() else value.to(device, dtype)

    return bring


def blank_input(network: Network, input_size: int | Sequence[int] | None, count: int) -> Any:
    """`count` inputs of zeros, (count, C, H, W), or of token ids for a network of text.

    input_size: (C, H, W), or the side of a square; None is what the network says. Raises InputError when it says none.
    """
    import torch

    if input_size is None and getattr(network.module, "main_input_name", "") == "input_ids":
        return {"input_ids": torch.ones(count, 16, dtype=torch.int64)}
    size = network.input_size if input_size is None else input_size
    if size is None:
        raise InputError(f"{network.name} doesn't say what it takes; give input_size=224 or input_size=(C, H, W)")
    if isinstance(size, int):
        convolutions = (part for part in network.module.modules() if isinstance(part, torch.nn.Conv2d))
        channels = network.input_size[0] if network.input_size else next((c.in_channels for c in convolutions), 3)
        size = (channels, size, size)
    if not all(isinstance(length, int) and length > 0 for length in size):
        raise InputError(f"input_size={input_size!r} must be whole numbers above 0: 224 or (C, H, W)")
    return torch.zeros(count, *size)


# --- packages ---------------------------------------------------------------------------------------------------------


def import_torch(needed_for: str) -> Any:
    """torch, or MissingDependencyError."""
    return _import("torch", needed_for, "torch")


def _import(package: str, needed_for: str, extra: str) -> Any:
    try:
        with _quiet():
            return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise MissingDependencyError(package, needed_for, extra) from None


_KEPT: list[Any] = []  # a torch.library.Library takes its operators along when it is collected


def import_torchvision(needed_for: str) -> Any:
    """torchvision, also beside a torch without its compiled operators; or MissingDependencyError.

    A torchvision built for another torch (a CUDA build beside a CPU torch) stops at its own registration of
    `torchvision::nms`. Networks don't need the operator, only its name, which is all that is defined here.
    """
    try:
        return _import("torchvision", needed_for, "vision")
    except RuntimeError as error:
        if "operator torchvision::nms does not exist" not in str(error):
            raise
    import torch

    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    library: Any = torch.library
    library = library.Library("torchvision", "FRAGMENT")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _KEPT.append(library)
    return _import("torchvision", needed_for, "vision")


def _version(package: str) -> str:
    import importlib.metadata

    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        return f"{package} not installed"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the model libraries' chatter off stdout and stderr; what matters is raised or warned about in our words."""
    loggers = [logging.getLogger(name) for name in ("timm", "transformers", "huggingface_hub", "httpx", "torch")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stderr(io.StringIO()),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


# --- downloads --------------------------------------------------------------------------------------------------------


def _reachable(url: str, seconds: float = 3.0) -> bool:
    """Whether the server of `url` answers at all, so that a download isn't retried for minutes where it cannot be."""
    import socket
    import urllib.parse
    import urllib.request

    if urllib.request.getproxies().keys() & {"https", "all"}:
        return True  # the proxy decides, and answers quickly
    parts = urllib.parse.urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 443), timeout=seconds):
            return True
    except OSError:
        return False


@contextlib.contextmanager
def _hub_or_its_cache(local: bool = False) -> Iterator[None]:
    """Send the hub's client straight to its cache when its server cannot be reached; it would retry for a minute.

    local: nothing is to come from the server anyway.
    """
    from huggingface_hub import constants

    offline = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = offline or local or not _reachable(constants.ENDPOINT)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = offline


@contextlib.contextmanager
def _downloads(spec: str) -> Iterator[None]:
    """Turn every way in which a download fails into one WeightsError."""
    import socket

    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(15)
    try:
        with _quiet():
            yield
    except (OSError, RuntimeError, ValueError) as error:
        raise WeightsError(
            f"the pre-trained weights of {spec!r} are not on this machine and cannot be downloaded "
            f"({_one_line(error)}); use {_bare(spec)}@FILE.safetensors with weights you have, or {_bare(spec)}@random"
        ) from error
    finally:
        socket.setdefaulttimeout(timeout)


def _bare(spec: str) -> str:
    return spec.partition("@")[0]


def _one_line(error: BaseException, most: int = 160) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= most else text[: most - 1] + "…"


# --- sources ----------------------------------------------------------------------------------------------------------


def _torchvision(parts: Spec, spec: str) -> Network:
    import_torchvision(f"model {spec!r}")
    import torchvision.models as zoo

    known = zoo.list_models()
    if parts.name.lower() not in known:
        raise InputError(f"torchvision has no model {parts.name!r}{close_names(parts.name.lower(), known)}")
    weights = zoo.get_model_weights(parts.name).DEFAULT
    with _quiet():
        module = zoo.get_model(parts.name, weights=None, **_without_download(parts.name))
        preprocess = weights.transforms()
    checkpoint = None
    if parts.weights in ("", "pretrained"):
        with _downloads(spec):
            module.load_state_dict(weights.get_state_dict(progress=False, check_hash=True))
        checkpoint = f"pretrained ({weights.name})"
    crop = getattr(preprocess, "crop_size", None)
    return Network(
        module,
        parts.name,
        checkpoint,
        _rgb(preprocess),
        (3, int(crop[0]), int(crop[-1])) if isinstance(crop, (list, tuple)) else None,
        channels_last="swin" in type(module).__module__ or None,
    )


def _without_download(name: str) -> dict[str, Any]:
    """Detection and segmentation models load a pre-trained backbone unless told not to."""
    import torchvision.models as zoo

    takes = inspect.signature(zoo.get_model_builder(name)).parameters
    return {"weights_backbone": None} if "weights_backbone" in takes else {}


def _timm(parts: Spec, spec: str) -> Network:
    import_torchvision(f"model {spec!r}")
    timm = _import("timm", f"model {spec!r}", "vision")
    architecture = parts.name.partition(".")[0]
    if not timm.is_model(architecture):
        raise InputError(f"timm has no model {parts.name!r}{close_names(architecture, timm.list_models())}")
    pretrained = parts.weights in ("", "pretrained")
    try:
        with _quiet():
            module = timm.create_model(parts.name, pretrained=False)
    except RuntimeError as error:
        raise InputError(f"timm cannot build {parts.name!r}: {_one_line(error)}") from error
    if pretrained:
        with _hub_or_its_cache(), _downloads(spec):
            module = timm.create_model(parts.name, pretrained=True)
    config = timm.data.resolve_model_data_config(module)
    return Network(
        module,
        parts.name,
        "pretrained" if pretrained else None,
        _rgb(timm.data.create_transform(**config)),
        tuple(config["input_size"]),
        channels_last=str(getattr(module, "output_fmt", "")).endswith("NHWC") or None,
    )


def _hugging_face(parts: Spec, spec: str) -> Network:
    with contextlib.suppress(MissingDependencyError):
        import_torchvision(f"model {spec!r}")  # transformers stumbles over one that doesn't import
    transformers = _import("transformers", f"model {spec!r}", "hf")
    pretrained = parts.weights in ("", "pretrained")
    known_type = not pretrained and parts.name in transformers.CONFIG_MAPPING
    with _hub_or_its_cache(local=known_type or Path(parts.name).is_dir()):
        config, note = _hf_config(transformers, parts.name, spec, pretrained)
        family = _hf_class(transformers, config)
        if pretrained:
            with _downloads(spec):
                # use_safetensors, because the other format is a pickle.
                module, report = family.from_pretrained(
                    parts.name, config=config, use_safetensors=True, trust_remote_code=False, output_loading_info=True
                )
            if report["missing_keys"]:
                missing = _some(sorted(report["missing_keys"]))
                told = f"the weights of {parts.name!r} leave out {missing}, which start at random"
                warnings.warn(told, ToposcopeWarning, stacklevel=2)
        elif parts.weights != "random":
            module = _hf_from_file(family, config, parts.weights, spec)
        else:
            with _quiet():
                module = family(config)
        named = None if known_type or note else parts.name
        preprocess, input_size = _hf_preprocess(transformers, named, config)
    return Network(module, parts.name, "pretrained" if pretrained else note, preprocess, input_size)


def _hf_from_file(family: Any, config: Any, path: str, spec: str) -> torch.nn.Module:
    """The model with a state dict of this or an older release of transformers, or of the bare model below a head."""
    state = _unprefixed(_read_state(Path(path)), PREFIXES[:2])
    try:
        with _quiet():
            module, report = family.from_pretrained(None, config=config, state_dict=state, output_loading_info=True)
    except RuntimeError as error:
        raise InputError(f"{path} doesn't fit {_bare(spec)}: it holds tensors of other shapes; {SAME}") from error
    _check_fit(report["missing_keys"], report["unexpected_keys"], path, spec)
    return cast("torch.nn.Module", module)


def _hf_config(transformers: Any, name: str, spec: str, pretrained: bool) -> tuple[Any, str | None]:
    """The configuration called `name`, or, for random weights, the default of the model type that the name denotes.

    The second value says so, and is None for the configuration that was asked for.
    """
    types = transformers.CONFIG_MAPPING
    if name in types and not pretrained:
        return types[name](), None
    try:
        with _downloads(spec):
            return transformers.AutoConfig.from_pretrained(name, trust_remote_code=False), None
    except WeightsError:
        if name in types:
            told = f"{spec!r} names a model type, which has no weights of its own; use {_bare(spec)}@random"
            raise InputError(told) from None
        if pretrained:
            raise
    words = re.split(r"[-_.]", name.rpartition("/")[2].lower())
    starts = ["-".join(words[:k]) for k in range(len(words), 0, -1)]
    forms = [form for start in starts for form in (start, start.replace("-", "_"), start.replace("-", ""))]
    kind = next((form for form in forms if form in types), None)
    if kind is None:
        raise WeightsError(
            f"the configuration of {spec!r} is not on this machine and cannot be downloaded, and its name tells no "
            "model type; use hf:TYPE@random (vit, deit, resnet, ...) or a folder with config.json"
        )
    note = f"default {kind} configuration"
    warnings.warn(
        f"the configuration of {name!r} is not on this machine and cannot be downloaded: built with the {note}",
        ToposcopeWarning,
        stacklevel=2,
    )
    return types[kind](), note


def _hf_class(transformers: Any, config: Any) -> Any:
    """The class that the configuration names, else an image classifier of its type, else the bare model."""
    for architecture in config.architectures or ():
        if hasattr(transformers, architecture):
            return getattr(transformers, architecture)
    for mapping in (transformers.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING, transformers.MODEL_MAPPING):
        if type(config) in mapping:
            found = mapping[type(config)]
            return found[0] if isinstance(found, (list, tuple)) else found
    raise InputError(f"transformers has no model for {type(config).__name__}; name another model")


def _hf_preprocess(transformers: Any, name: str | None, config: Any) -> tuple[Any, tuple[int, ...] | None]:
    """The preprocessing that stands beside the weights called `name`, else the architecture's own, and its (C, H, W).

    (None, None) for a model that takes no images.
    """
    from PIL import Image
    from transformers.models.auto.image_processing_auto import IMAGE_PROCESSOR_MAPPING

    if type(config) not in IMAGE_PROCESSOR_MAPPING:
        return None, None
    with _quiet():
        try:
            if name is None:
                raise OSError("no such weights")
            processor = transformers.AutoImageProcessor.from_pretrained(name, trust_remote_code=False)
        except (OSError, ValueError):
            found = IMAGE_PROCESSOR_MAPPING[type(config)]
            backends = list(found.values()) if isinstance(found, dict) else [backend for backend in found if backend]
            processor = backends[0]()
    options: dict[str, Any] = {}

    def preprocess(image: Any) -> Any:
        return processor(images=image.convert("RGB"), return_tensors="pt", **options)["pixel_values"][0]

    made = tuple(preprocess(Image.new("RGB", (64, 64))).shape)
    side = getattr(config, "image_size", made[-1])
    if isinstance(side, int) and made[1:] != (side, side):
        # The default numbers of the architecture don't know of a network for images of another size.
        square = {"height": side, "width": side}
        options = (
            {"size": square, "crop_size": square} if getattr(processor, "do_center_crop", False) else {"size": square}
        )
        made = (made[0], side, side)
    return preprocess, made


def _rgb(preprocess: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The zoo's networks were trained on three channels."""
    return lambda image: preprocess(image.convert("RGB"))


def _factory(parts: Spec, spec: str) -> Network:
    import torch

    if parts.weights == "pretrained":
        raise InputError(f"{spec!r}: a factory has no weights of its own; use {_bare(spec)}@FILE or @random")
    with _working_folder_importable():
        _find_module(parts.source, spec)
        factory: Any = importlib.import_module(parts.source)
        for attribute in parts.name.split("."):
            if not hasattr(factory, attribute):
                raise InputError(f"{parts.source} has no {attribute!r}{close_names(attribute, dir(factory))}")
            factory = getattr(factory, attribute)
        if not callable(factory):
            raise InputError(f"{_bare(spec)} is a {type(factory).__name__}, not a factory; name a function or class")
        try:
            made = factory()
        except TypeError as error:
            raise InputError(f"{_bare(spec)}() failed: {_one_line(error)}; a factory takes no arguments") from error
    module, preprocess = made if isinstance(made, tuple) and len(made) == 2 else (made, None)
    if not isinstance(module, torch.nn.Module):
        raise InputError(f"{_bare(spec)}() gave a {type(made).__name__}; return a module, or (module, preprocess)")
    return Network(module, parts.name, None, preprocess)


def _find_module(name: str, spec: str) -> str | None:
    """The source file of an importable module; raises InputError when there is none of that name."""
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        found = None
    if found is None:
        raise InputError(f"model {spec!r}: there is no module {name!r}; use {FORMS}")
    return found.origin if found.has_location else None


_PACKAGES = {"site-packages", "dist-packages"}
"""Folders of installed packages, also of environments that are shared by a `.pth` file."""


def _sources(name: str, spec: str) -> list[str]:
    """Source files of a module and of what it imports, installed packages left out; nothing is executed."""
    first = _find_module(name, spec)
    installed = tuple({sysconfig.get_paths()[kind] for kind in ("purelib", "platlib", "stdlib", "platstdlib")})
    found = {name: first}
    waiting = [name]
    while waiting:
        module = waiting.pop()
        file = found[module]
        if file is None or not file.endswith(".py"):
            continue
        package = module if Path(file).name == "__init__.py" else module.rpartition(".")[0]
        try:
            tree = ast.parse(Path(file).read_bytes())
        except (OSError, SyntaxError, ValueError):
            continue  # importing it will say what is wrong
        for other in _imported(tree, package) - found.keys():
            try:
                place = importlib.util.find_spec(other)
            except Exception:  # looking for a submodule imports its package, which may fail in any way
                place = None
            origin = place.origin if place is not None and place.has_location else None
            if origin is not None and not origin.startswith(installed) and not _PACKAGES & set(Path(origin).parts):
                found[other] = origin
                waiting.append(other)
    return [file for _name, file in sorted(found.items()) if file is not None]


def _imported(tree: ast.AST, package: str) -> set[str]:
    """Names of the modules that a source imports, `from x import y` counted as x and x.y."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    # toposcope itself counts by its version and schema.
    return {name for name in names if name and (name.split(".")[0] != "toposcope" or package.startswith("toposcope"))}


def _external_data(graph: Path) -> list[Path]:
    """The files beside an ONNX graph that hold its larger tensors. Raises FileError."""
    onnx = _import("onnx", "reading an ONNX graph", "onnx")
    try:
        model = onnx.load(os.fspath(graph), load_external_data=False)
    except OSError as error:
        raise FileError(f"cannot read {graph}: {error.strerror or error}; check the path") from error
    except Exception:
        initializers: list[Any] = []  # not a graph: loading it will say so
    else:
        initializers = list(model.graph.initializer)
    locations = {entry.value for part in initializers for entry in part.external_data if entry.key == "location"}
    # A graph that cannot be read names nothing; then FILE.data and the like count all the same.
    locations |= {file.name for file in graph.parent.glob("*") if file.name.startswith(graph.name) and file != graph}
    beside = [graph.parent / location for location in sorted(locations)]
    return [file for file in beside if file.is_file()]


@contextlib.contextmanager
def _working_folder_importable() -> Iterator[None]:
    folder = os.getcwd()
    sys.path.insert(0, folder)
    try:
        importlib.invalidate_caches()
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)


# --- state dicts ------------------------------------------------------------------------------------------------------

WRAPPERS = ("state_dict", "model_state_dict", "model")
PREFIXES = ("module.", "_orig_mod.", "model.")
SAME = "is it the same architecture?"


def load_weights(module: torch.nn.Module, path: str, spec: str) -> None:
    """Load a state dict from `.safetensors` or from what torch.save wrote, tensors only.

    A dict under 'state_dict' or 'model' and the prefixes of DataParallel, torch.compile and Lightning are seen through.
    Raises FileError when the file cannot be read and InputError when it doesn't fit the module.
    """
    state = _read_state(Path(path))
    own = tuple(module.state_dict())
    state = _unprefixed(state, [prefix for prefix in PREFIXES if not any(key.startswith(prefix) for key in own)])
    try:
        missing, unexpected = module.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise InputError(f"{path} doesn't fit {_bare(spec)}: {_one_line(error, 300)}; {SAME}") from None
    _check_fit(missing, unexpected, path, spec)


def _unprefixed(state: dict[str, Any], prefixes: Sequence[str]) -> dict[str, Any]:
    for prefix in [*prefixes, *prefixes]:  # wrapped twice, in either order
        if all(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state


def _check_fit(missing: Iterable[str], unexpected: Iterable[str], path: str, spec: str) -> None:
    named = (("missing", sorted(missing)), ("unexpected", sorted(unexpected)))
    told = [f"{kind} {_some(keys)}" for kind, keys in named if keys]
    if told:
        raise InputError(f"{path} doesn't fit {_bare(spec)}: {'; '.join(told)}; {SAME}")


def _some(keys: list[str], most: int = 3) -> str:
    return ", ".join(keys[:most]) + (f" and {len(keys) - most} more" if len(keys) > most else "")


def _read_state(path: Path) -> dict[str, Any]:
    import pickle

    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise FileError(f"weights {path} do not exist; give a .safetensors file or a saved state dict")
    try:
        if path.suffix == ".safetensors":
            state: Any = load_file(path)
        else:
            with _quiet():
                state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise FileError(
            f"{path} holds more than tensors, which is not loaded because it could run code; "
            "save model.state_dict() alone, or use .safetensors"
        ) from None
    except (OSError, SafetensorError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise FileError(f"{path} is not a readable state dict: {_one_line(error)}") from error
    for wrapper in WRAPPERS:
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise FileError(f"{path} holds no state dict; save model.state_dict()")
    return dict(state)
