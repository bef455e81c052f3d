"""Networks by their names in torchvision, timm and Hugging Face transformers, with or without pre-trained weights."""

from __future__ import annotations

import contextlib
import inspect
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from toposcope._errors import InputError, MissingDependencyError, ToposcopeWarning, WeightsError, close_names, one_line
from toposcope.extract.network import Network, Spec, bare
from toposcope.extract.packages import import_package, import_torchvision, quiet
from toposcope.extract.weights import PREFIXES, SAME, check_fit, read_state, some, unprefixed

if TYPE_CHECKING:
    import torch


def torchvision(parts: Spec, spec: str) -> Network:
    """A network of torchvision's. Raises InputError, WeightsError."""
    import_torchvision(f"model {spec!r}")
    import torchvision.models as zoo

    known = zoo.list_models()
    if parts.name.lower() not in known:
        raise InputError(f"torchvision has no model {parts.name!r}{close_names(parts.name.lower(), known)}")
    weights = zoo.get_model_weights(parts.name).DEFAULT
    with quiet():
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


def timm(parts: Spec, spec: str) -> Network:
    """A network of timm's. Raises InputError, WeightsError."""
    import_torchvision(f"model {spec!r}")
    timm = import_package("timm", f"model {spec!r}", "vision")
    architecture = parts.name.partition(".")[0]
    if not timm.is_model(architecture):
        raise InputError(f"timm has no model {parts.name!r}{close_names(architecture, timm.list_models())}")
    pretrained = parts.weights in ("", "pretrained")
    try:
        with quiet():
            module = timm.create_model(parts.name, pretrained=False)
    except RuntimeError as error:
        raise InputError(f"timm cannot build {parts.name!r}: {one_line(error)}") from error
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


def hugging_face(parts: Spec, spec: str) -> Network:
    """A network of transformers', from its hub, a folder or its type alone. Raises InputError, WeightsError."""
    with contextlib.suppress(MissingDependencyError):
        import_torchvision(f"model {spec!r}")  # transformers stumbles over one that doesn't import
    transformers = import_package("transformers", f"model {spec!r}", "hf")
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
                missing = some(sorted(report["missing_keys"]))
                told = f"the weights of {parts.name!r} leave out {missing}, which start at random"
                warnings.warn(told, ToposcopeWarning, stacklevel=2)
        elif parts.weights != "random":
            module = _hf_from_file(family, config, parts.weights, spec)
        else:
            with quiet():
                module = family(config)
        named = None if known_type or note else parts.name
        preprocess, input_size = _hf_preprocess(transformers, named, config)
    return Network(module, parts.name, "pretrained" if pretrained else note, preprocess, input_size)


def _hf_from_file(family: Any, config: Any, path: str, spec: str) -> torch.nn.Module:
    """The model with a state dict of this or an older release of transformers, or of the bare model below a head."""
    state = unprefixed(read_state(Path(path)), PREFIXES[:2])
    try:
        with quiet():
            module, report = family.from_pretrained(None, config=config, state_dict=state, output_loading_info=True)
    except RuntimeError as error:
        raise InputError(f"{path} doesn't fit {bare(spec)}: it holds tensors of other shapes; {SAME}") from error
    check_fit(report["missing_keys"], report["unexpected_keys"], path, spec)
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
            told = f"{spec!r} names a model type, which has no weights of its own; use {bare(spec)}@random"
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
    with quiet():
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
        with quiet():
            yield
    except (OSError, RuntimeError, ValueError) as error:
        raise WeightsError(
            f"the pre-trained weights of {spec!r} are not on this machine and cannot be downloaded "
            f"({one_line(error)}); use {bare(spec)}@FILE.safetensors with weights you have, or {bare(spec)}@random"
        ) from error
    finally:
        socket.setdefaulttimeout(timeout)
