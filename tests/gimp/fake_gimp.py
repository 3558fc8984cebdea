# SPDX-License-Identifier: Apache-2.0
"""As much of GIMP's Python interface as the plug-in uses, in memory: images with nested layers, pixels as bytes, undo
groups. Call `modules()` for what to put into sys.modules."""

from __future__ import annotations

from enum import Enum, IntFlag
from types import ModuleType, SimpleNamespace
from typing import Any


class ImageBaseType(Enum):
    RGB = 0
    GRAY = 1
    INDEXED = 2


class ImageType(Enum):
    RGBA_IMAGE = 1
    GRAYA_IMAGE = 3


class RunMode(Enum):
    INTERACTIVE = 0
    NONINTERACTIVE = 1
    WITH_LAST_VALS = 2


class PDBStatusType(Enum):
    EXECUTION_ERROR = 0
    CALLING_ERROR = 1
    SUCCESS = 3
    CANCEL = 4


class ParamFlags(IntFlag):
    READWRITE = 3


class Buffer:
    """Pixels of one drawable, RGBA with 8 bits."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height, self.data = width, height, bytearray(width * height * 4)
        self.reads: list[tuple[Any, float, str]] = []

    def get(self, rectangle: Any, scale: float, form: str, _abyss: Any) -> bytes:
        assert form == "R'G'B'A u8"
        self.reads.append((rectangle, scale, form))
        if (rectangle.x, rectangle.y, rectangle.width, rectangle.height) == (0, 0, self.width, self.height):
            return bytes(self.data)
        return bytes(rectangle.width * rectangle.height * 4)

    def set(self, rectangle: Any, form: str, data: bytes) -> None:
        assert form == "R'G'B'A u8"
        assert len(data) == rectangle.width * rectangle.height * 4
        assert min(rectangle.x, rectangle.y) >= 0
        assert (rectangle.x + rectangle.width, rectangle.y + rectangle.height) <= (self.width, self.height)
        length = rectangle.width * 4
        for row in range(rectangle.height):
            start = ((rectangle.y + row) * self.width + rectangle.x) * 4
            self.data[start : start + length] = data[row * length : (row + 1) * length]

    def flush(self) -> None:
        pass


class Drawable:
    def __init__(self, name: str, width: int, height: int) -> None:
        self.name, self.buffer, self.offsets = name, Buffer(width, height), (0, 0)
        self.parent: Any = None
        self.parasites: dict[str, Any] = {}
        self.children: list[Any] = []
        self.rotations: list[tuple[float, float, float]] = []
        self.size = (width, height)
        self.valid = True
        self.image: Any = None

    def get_name(self) -> str:
        return self.name

    def get_id(self) -> int:
        return id(self)

    def get_width(self) -> int:
        return self.size[0]

    def get_height(self) -> int:
        return self.size[1]

    def get_offsets(self) -> tuple[bool, int, int]:
        return (True, *self.offsets)

    def set_offsets(self, x: int, y: int) -> None:
        self.offsets = (x, y)

    def get_buffer(self) -> Buffer:
        return self.buffer

    def get_parent(self) -> Any:
        return self.parent

    def get_children(self) -> list[Any]:
        return self.children

    def update(self, *_area: int) -> None:
        pass

    def is_valid(self) -> bool:
        return self.valid

    def scale(self, width: int, height: int, _local: bool) -> None:
        self.size = (width, height)
        self.buffer = Buffer(width, height)

    def get_thumbnail_data(self, width: int, height: int) -> tuple[Any, int, int, int]:
        data = bytes(self.buffer.data)
        return SimpleNamespace(get_data=lambda: data), width, height, 4

    def transform_rotate(self, angle: float, _center: bool, x: float, y: float) -> None:
        self.rotations.append((angle, x, y))

    def attach_parasite(self, parasite: Any) -> None:
        self.parasites[parasite.name] = parasite
        self._change()

    def _change(self) -> None:
        """What GIMP has an undo step for."""
        if self.image is not None:
            self.image.change()

    def get_parasite(self, name: str) -> Any:
        return self.parasites.get(name)


class Channel(Drawable):
    pass


class Layer(Drawable):
    kind: Any = None

    @staticmethod
    def new(image: Any, name: str, width: int, height: int, kind: ImageType, opacity: float, mode: Any) -> Layer:
        layer = Layer(name, width, height)
        layer.kind, layer.image = kind, image
        return layer


class GroupLayer(Layer):
    opacity = 100.0

    def set_opacity(self, opacity: float) -> None:
        if opacity != self.opacity:
            self._change()
        self.opacity = opacity

    def get_opacity(self) -> float:
        return self.opacity

    @staticmethod
    def new(image: Any, name: str) -> GroupLayer:  # type: ignore[override]
        group = GroupLayer(name, 0, 0)
        group.image = image
        return group


class Image:
    """layers: top first. steps: how many undos would take back all. unsaved: GIMP's count of the changes since the
    image was saved, less the undos."""

    def __init__(self, base: ImageBaseType = ImageBaseType.RGB, width: int = 300, height: int = 200) -> None:
        self.size = (width, height)
        self.frozen, self.unsaved = 0, 0
        self.base, self.layers, self.selected = base, [], []
        self.open_groups, self.steps, self.valid = 0, 0, True
        self.outside: list[str] = []  # what was inserted outside an undo group
        self.bounds: tuple[int, int, int, int] | None = None
        self.fail_at = ""  # inserting a layer of this name fails

    @staticmethod
    def new(width: int, height: int, base: ImageBaseType) -> Image:
        return Image(base, width, height)

    def delete(self) -> None:
        self.valid = False

    def get_width(self) -> int:
        return self.size[0]

    def get_height(self) -> int:
        return self.size[1]

    def is_dirty(self) -> bool:
        return self.unsaved != 0

    def change(self) -> None:
        self.unsaved += 1
        if not (self.frozen or self.open_groups):
            self.steps += 1

    def undo_freeze(self) -> None:
        self.frozen += 1

    def undo_thaw(self) -> None:
        self.frozen -= 1

    def get_id(self) -> int:
        return 1

    def get_base_type(self) -> ImageBaseType:
        return self.base

    def get_layers(self) -> list[Any]:
        return self.layers

    def is_valid(self) -> bool:
        return self.valid

    def get_item_position(self, item: Any) -> int:
        return self._siblings(item.parent).index(item)

    def _siblings(self, parent: Any) -> list[Any]:
        return self.layers if parent is None else parent.children

    def insert_layer(self, layer: Any, parent: Any, position: int) -> None:
        if layer.name == self.fail_at:
            raise RuntimeError("GIMP refused")
        layer.parent = parent
        self._siblings(parent).insert(position, layer)
        self.unsaved += 1
        if not self.open_groups:
            self.outside.append(layer.name)

    def remove_layer(self, layer: Any) -> None:
        self._siblings(layer.parent).remove(layer)
        layer.valid = False

    def set_selected_layers(self, layers: list[Any]) -> None:
        self.selected = layers

    def undo_group_start(self) -> None:
        self.open_groups += 1

    def undo_group_end(self) -> None:
        self.open_groups -= 1
        self.steps += 1


class Config:
    """A procedure's values."""

    def __init__(self, **values: Any) -> None:
        self.values = {name.replace("_", "-"): value for name, value in values.items()}

    def get_property(self, name: str) -> Any:
        return self.values[name]

    def set_property(self, name: str, value: Any) -> None:
        assert name in self.values
        self.values[name] = value


class Procedure:
    """Notes what it is told, and returns (status, error text)."""

    def __init__(self, name: str) -> None:
        self.name, self.told, self.arguments = name, {}, {}

    def get_name(self) -> str:
        return self.name

    def new_return_values(self, status: PDBStatusType, error: Any) -> tuple[PDBStatusType, str]:
        return status, "" if error is None else error.text

    def __getattr__(self, name: str) -> Any:
        if name.startswith("add_") and name.endswith("_argument"):
            return lambda argument, *rest: self.arguments.update({argument: (name[4:-9], *rest)})
        if name.startswith(("set_", "add_")):
            return lambda *values: self.told.update({name: values})
        raise AttributeError(name)


class Choice:
    def __init__(self) -> None:
        self.nicks: list[str] = []

    @staticmethod
    def new() -> Choice:
        return Choice()

    def add(self, nick: str, _number: int, _label: str, _help: str) -> None:
        self.nicks.append(nick)


def _selection_bounds(image: Image) -> tuple[bool, bool, int, int, int, int]:
    return (True, image.bounds is not None, *(image.bounds or (0, 0, 0, 0)))


def modules() -> dict[str, ModuleType]:
    """gi and gi.repository, by their names in sys.modules."""
    silent = dict.fromkeys(
        ("progress_init", "progress_end", "progress_set_text", "progress_update", "displays_flush", "context_push",
         "context_pop", "context_set_interpolation", "context_set_transform_resize"),
        lambda *_values: True,
    )  # fmt: skip
    parasite = SimpleNamespace(
        new=lambda name, flags, data: SimpleNamespace(name=name, flags=flags, get_data=lambda: data)
    )
    gimp = SimpleNamespace(
        **silent,
        **{kind.__name__: kind for kind in (ImageBaseType, ImageType, RunMode, PDBStatusType, Image, Drawable, Layer)},
        **{kind.__name__: kind for kind in (GroupLayer, Channel, Procedure, Choice)},
        PlugIn=object,
        ProcedureConfig=Config,
        ValueArray=tuple,
        Parasite=parasite,
        PARASITE_PERSISTENT=1,
        PARASITE_UNDOABLE=2,
        LayerMode=SimpleNamespace(NORMAL=0),
        InterpolationType=SimpleNamespace(CUBIC=2),
        TransformResize=SimpleNamespace(ADJUST=0),
        PDBProcType=SimpleNamespace(PLUGIN=1),
        ProcedureSensitivityMask=SimpleNamespace(DRAWABLE=1),
        ImageProcedure=SimpleNamespace(new=lambda _plugin, name, _kind, _run, _data: Procedure(name)),
        Selection=SimpleNamespace(bounds=_selection_bounds, none=lambda image: setattr(image, "bounds", None)),
    )
    rectangle = SimpleNamespace(new=lambda x, y, w, h: SimpleNamespace(x=x, y=y, width=w, height=h))
    glib = SimpleNamespace(
        quark_from_string=lambda text: text,
        Error=SimpleNamespace(new_literal=lambda _domain, text, _code: SimpleNamespace(text=text)),
    )
    repository = ModuleType("gi.repository")
    repository.__dict__.update(
        Gimp=gimp,
        Gegl=SimpleNamespace(init=lambda _arguments: None, Rectangle=rectangle, AbyssPolicy=SimpleNamespace(NONE=0)),
        GLib=glib,
        GObject=SimpleNamespace(ParamFlags=ParamFlags),
    )
    gi = ModuleType("gi")
    gi.__dict__.update(require_version=lambda _name, _version: None, repository=repository)
    return {"gi": gi, "gi.repository": repository}
