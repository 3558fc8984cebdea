# SPDX-License-Identifier: Apache-2.0
"""Weights on disk: half-precision safetensors with their config inside, listed in a manifest with sha256 sums."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from limner.models.bank import CodeBank, Compact
from limner.models.blocks import in_channels_last
from limner.models.codec import Codec, CodecConfig
from limner.models.components import PARTS, ComponentConfig, ComponentEmbedding
from limner.models.detail import Detail, DetailConfig
from limner.models.frame_finder import FrameFinder, FrameFinderConfig
from limner.models.inversion import Inversion, InversionConfig
from limner.models.precision import quicken
from limner.models.synthesis import Synthesis, SynthesisConfig
from limner.resources import file_sha256

MANIFEST = "manifest.json"
_REMEDY = "Install Limner again, or fetch the folder weights/ anew."
NETWORKS: dict[str, tuple[type[nn.Module], type]] = {
    "codec": (Codec, CodecConfig),
    "components": (ComponentEmbedding, ComponentConfig),
    "synthesis": (Synthesis, SynthesisConfig),
    "frame_finder": (FrameFinder, FrameFinderConfig),
}
OPTIONAL: dict[str, tuple[type[nn.Module], type]] = {
    "detail": (Detail, DetailConfig),  # without it, portraits are softer
    "inversion": (Inversion, InversionConfig),  # without it, that task is not there
}
BANK = "bank"
QUICK = {  # what a fast CPU computes in fewer bits; codes decide neighbors, and the codec's linear part is light
    "codec": ("decoder.layers",),
    "components": tuple(f"decoders.{part}" for part in PARTS),
    "synthesis": ("mapping", "flow"),
    "detail": ("given", "body"),
}


class WeightsError(Exception):
    """Weights are missing or damaged; `code` is weights_missing or weights_damaged, `remedy` says what to do."""

    def __init__(self, code: str, message: str, remedy: str) -> None:
        super().__init__(f"{message} {remedy}")
        self.code, self.message, self.remedy = code, message, remedy


@dataclass(frozen=True)
class Networks:
    """Everything the pipelines need, on one device, in evaluation mode; `sums` are the files' sha256."""

    codec: Codec
    components: ComponentEmbedding
    synthesis: Synthesis
    frame_finder: FrameFinder
    bank: CodeBank
    sums: Mapping[str, str]
    device: torch.device
    detail: Detail | None = None
    inversion: Inversion | None = None


def build_config(kind: type, values: Mapping[str, Any]) -> Any:
    """A config dataclass from the JSON in a file's metadata; nested configs and tuples included."""
    hints, known = get_type_hints(kind), {f.name for f in fields(kind)}
    arguments: dict[str, Any] = {}
    for name, value in values.items():
        if name in known:
            nested = isinstance(hints[name], type) and is_dataclass(hints[name])
            arguments[name] = (
                build_config(hints[name], value) if nested else tuple(value) if isinstance(value, list) else value
            )
    return kind(**arguments)


def save_network(name: str, network: nn.Module, folder: Path, provenance: str) -> None:
    """Writes `folder`/NAME.safetensors (fp16, config in its metadata) and enters it into the manifest."""
    tensors = {k: v.half().contiguous() for k, v in network.state_dict().items() if v.is_floating_point()}
    config = getattr(network, "config")  # noqa: B009 (every network of NETWORKS has one)
    _write(name, tensors, {"config": json.dumps(asdict(config))}, folder, provenance)


def save_bank(bank: CodeBank, folder: Path, provenance: str) -> None:
    """Writes the bank of codes, fp16, as their principal components, beside the networks."""
    tensors = {
        f"{part}.{name}": value.half().contiguous()
        for part in PARTS
        for name, value in vars(Compact.of(bank.codes[part].float())).items()
    }
    _write(BANK, {**tensors, "faces": bank.faces.to(torch.int32)}, {}, folder, provenance)


def _write(
    name: str, tensors: dict[str, torch.Tensor], metadata: dict[str, str], folder: Path, provenance: str
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.safetensors"
    save_file(tensors, path, metadata={"network": name, **metadata})
    path.chmod(0o644)  # safetensors keeps files to their owner
    manifest_path = folder / MANIFEST
    manifest = json.loads(manifest_path.read_text()) if manifest_path.exists() else {"files": {}}
    manifest["files"][path.name] = {"sha256": file_sha256(path), "bytes": path.stat().st_size, "provenance": provenance}
    manifest_path.write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n")


def verify(folder: Path) -> dict[str, str]:
    """The sha256 of every file in the manifest, which has to name all that the networks are loaded from.

    Raises WeightsError where one is missing, is not in the manifest, or has another sum than the manifest says."""
    path = folder / MANIFEST
    try:
        wanted = {str(name): str(entry["sha256"]) for name, entry in json.loads(path.read_text())["files"].items()}
    except OSError as error:
        text = f"There are no weights in {folder}: {MANIFEST} cannot be read."
        raise WeightsError("weights_missing", text, _REMEDY) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError("weights_damaged", f"The list of the weights, {path}, is damaged.", _REMEDY) from error
    unlisted = {f"{name}.safetensors" for name in (*NETWORKS, BANK)} - set(wanted)
    if unlisted:
        text = f"The weights {', '.join(sorted(unlisted))} are not in {path}, so that nothing vouches for them."
        raise WeightsError("weights_damaged", text, _REMEDY)
    return {name: _verify_file(folder / name, digest) for name, digest in wanted.items()}


def _verify_file(path: Path, wanted: str) -> str:
    try:
        found = file_sha256(path)
    except OSError as error:
        text = f"The weights {path.name} are missing in {path.parent} or cannot be read."
        raise WeightsError("weights_missing", text, _REMEDY) from error
    if found != wanted:
        text = f"The weights {path.name} are damaged: their checksum is not the manifest's."
        raise WeightsError("weights_damaged", text, _REMEDY)
    return found


@contextmanager
def _opened(name: str, folder: Path) -> Iterator[Any]:
    """A file of weights. Raises WeightsError where it is no safetensors file or lacks what is read from it."""
    try:
        with safe_open(folder / f"{name}.safetensors", framework="pt") as file:
            yield file
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        text = f"The weights {name}.safetensors cannot be read: {str(error).splitlines()[0]}."
        raise WeightsError("weights_damaged", text, _REMEDY) from error


def load_network(name: str, folder: Path, device: torch.device) -> nn.Module:
    """One network with its weights as float32 on `device`, frozen, in evaluation mode."""
    kind, config_kind = (NETWORKS | OPTIONAL)[name]
    with _opened(name, folder) as file:
        config = build_config(config_kind, json.loads(file.metadata()["config"]))
        state = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118 (not a mapping)
    network = kind(config)
    for key, value in network.state_dict().items():
        if not value.is_floating_point():  # counters of batch normalization, of no use here
            state[key] = value
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        message = f"The weights {name}.safetensors do not fit their network."
        raise WeightsError("weights_damaged", message, _REMEDY) from error
    return in_channels_last(network.to(device)).eval().requires_grad_(False)


def load_bank(folder: Path, device: torch.device) -> CodeBank:
    """The bank of codes as float32 on `device`, column by column: a CPU finds neighbors so in a third of the time."""
    with _opened(BANK, folder) as file:
        stored = {
            part: Compact(*(file.get_tensor(f"{part}.{each.name}").float() for each in fields(Compact)))
            for part in PARTS
        }
        faces = file.get_tensor("faces").long()
    codes = {part: compact.codes().T.contiguous().to(device).T for part, compact in stored.items()}
    return CodeBank(codes, faces.to(device))


def load_networks(folder: Path, device: torch.device) -> Networks:
    """All networks and the bank, checked against the manifest; optional ones where they are. Raises WeightsError.

    A CPU gets its kernels packed; a fast one computes the parts named in `QUICK` in fewer bits (`quick_precision`)."""
    sums = verify(folder)
    names = [*NETWORKS, *(name for name in OPTIONAL if f"{name}.safetensors" in sums)]
    loaded: dict[str, Any] = {name: load_network(name, folder, device) for name in names}
    for name, network in loaded.items():
        quicken(network, QUICK.get(name, ()), device)
    return Networks(**loaded, bank=load_bank(folder, device), sums=sums, device=device)
