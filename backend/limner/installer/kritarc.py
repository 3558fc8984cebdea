# SPDX-License-Identifier: Apache-2.0
"""Reads and changes single lines of Krita's settings file, kritarc, and leaves every other byte of it alone.

kritarc is KConfig's INI dialect: a `[group]` line, then `key=value` lines. Krita enables a Python plugin by
`enable_<name>=true` in the group `[python]`.
"""

from __future__ import annotations

import re
from pathlib import Path

from limner.installer.files import write_file

GROUP = "python"
PLUGIN_KEY = "enable_limner_krita"


def _read(path: Path) -> str:
    # surrogateescape and newline="" carry any byte and any line ending through unchanged
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def _write(path: Path, text: str) -> None:
    path = path.resolve()  # a linked settings file stays a link
    mode = path.stat().st_mode & 0o7777 if path.exists() else 0o600
    write_file(path, text.encode("utf-8", "surrogateescape"), mode)


def _lines(text: str) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+", text)  # str.splitlines would also split at form feeds and the like


def _group_span(lines: list[str], group: str) -> tuple[int, int] | None:
    """(index of the `[group]` line, index after the group's last line), or None when there is no such group."""
    start = next((i for i, line in enumerate(lines) if line.strip() == f"[{group}]"), None)
    if start is None:
        return None
    end = next((i for i in range(start + 1, len(lines)) if lines[i].lstrip().startswith("[")), len(lines))
    return start, end


def _key_index(lines: list[str], first: int, last: int, key: str) -> int | None:
    return next((i for i in range(first, last) if lines[i].partition("=")[0].strip() == key), None)


def value(text: str, group: str, key: str) -> str | None:
    """The value of `key` in `group` of a kritarc's text, or None. The group "" is the part before the first group."""
    lines = _lines(text)
    if group:
        span = _group_span(lines, group)
        if span is None:
            return None
        first, last = span[0] + 1, span[1]
    else:
        first = 0
        last = next((i for i, line in enumerate(lines) if line.lstrip().startswith("[")), len(lines))
    index = _key_index(lines, first, last, key)
    return None if index is None else lines[index].partition("=")[2].strip()


def with_value(text: str, key: str, new: str) -> str:
    """The text with `key=new` in `[python]`; the group is added at the end when it is missing."""
    ending = "\r\n" if "\r\n" in text else "\n"
    lines = _lines(text)
    span = _group_span(lines, GROUP)
    if span is None:
        if text and not text.endswith("\n"):
            text += ending
        gap = ending if text.strip() else ""
        return f"{text}{gap}[{GROUP}]{ending}{key}={new}{ending}"
    index = _key_index(lines, span[0] + 1, span[1], key)
    if index is not None:
        lines[index] = f"{key}={new}{ending}"
    else:
        if not lines[span[0]].endswith("\n"):
            lines[span[0]] += ending
        lines.insert(span[0] + 1, f"{key}={new}{ending}")
    return "".join(lines)


def without_key(text: str, key: str) -> str:
    """The text without `key` in `[python]`, and without that group when nothing else is in it."""
    lines = _lines(text)
    span = _group_span(lines, GROUP)
    index = None if span is None else _key_index(lines, span[0] + 1, span[1], key)
    if span is None or index is None:
        return text
    del lines[index]
    first, last = span[0], span[1] - 1
    if not any(line.strip() for line in lines[first + 1 : last]):
        del lines[first:last]
        if first and first == len(lines) and not lines[first - 1].strip():
            del lines[first - 1]  # the empty line that `with_value` put before the group
    return "".join(lines)


def resource_folder(path: Path) -> Path | None:
    """The resource folder that the user chose in Krita's settings, or None when Krita uses its usual one."""
    chosen = value(_read(path), "", "ResourceDirectory")
    return Path(chosen) if chosen and Path(chosen).is_absolute() else None


def is_enabled(path: Path) -> bool:
    """True when the settings file enables the plugin."""
    return value(_read(path), GROUP, PLUGIN_KEY) == "true"


def enable(path: Path) -> None:
    """Enable the plugin. Raises OSError when the file cannot be written."""
    text = _read(path)
    if value(text, GROUP, PLUGIN_KEY) != "true":
        _write(path, with_value(text, PLUGIN_KEY, "true"))


def disable(path: Path) -> None:
    """Take the plugin's line away again. Raises OSError when the file cannot be written."""
    text = _read(path)
    changed = without_key(text, PLUGIN_KEY)
    if changed != text and not changed:
        path.unlink()  # nothing else was ever in it
    elif changed != text:
        _write(path, changed)
