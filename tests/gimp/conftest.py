# SPDX-License-Identifier: Apache-2.0
"""The plug-in as `limner install gimp` makes it (with its nested copies), importable in the tests."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from limner.installer import install as installing
from limner.installer.places import place_at
from tests.gimp import fake_gimp

PACKAGE = "limner_gimp"


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder limner-gimp in a GIMP's plug-ins folder."""
    place = place_at("gimp", tmp_path_factory.mktemp("gimp"))
    installing.install(place)
    return place.plugins / "limner-gimp"


@pytest.fixture(scope="session")
def plugin(installed: Path) -> Iterator[SimpleNamespace]:
    """The plug-in's modules by name; those in `host` run on a GIMP in memory."""
    stand_ins = fake_gimp.modules()
    assert not [name for name in (*stand_ins, PACKAGE) if name in sys.modules]
    sys.path.insert(0, str(installed))
    sys.modules.update(stand_ins)
    names = ("backend", "gate", "geometry", "patch", "procedures", "record", "texts", "values", "wire", "client")
    hosts = ("arguments", "canvas", "layers", "live_layers", "plugin", "work")
    found: dict[str, ModuleType] = {name: importlib.import_module(f"{PACKAGE}.{name}") for name in names}
    found.update((f"host_{name}", importlib.import_module(f"{PACKAGE}.host.{name}")) for name in hosts)
    yield SimpleNamespace(**found)
    sys.path.remove(str(installed))
    for name in [*stand_ins, *(name for name in sys.modules if name.split(".")[0] == PACKAGE)]:
        del sys.modules[name]
