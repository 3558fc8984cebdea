# SPDX-License-Identifier: Apache-2.0
"""What the user reads, in the user's language: English texts are the keys of `translations/<language>.json`."""

from __future__ import annotations

import functools
import json
import locale
import os
from collections.abc import Mapping

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "translations")


def N_(text: str) -> str:  # gettext's own name for it
    """Marks a text of a table for translation; it is translated where it is shown."""
    return text


def language() -> str:
    """The user's language as two letters: of LIMNER_LANGUAGE, of GIMP (which sets LANGUAGE), of the system."""
    chosen = os.environ.get("LIMNER_LANGUAGE") or os.environ.get("LANGUAGE") or locale.getlocale()[0] or "en"
    return chosen[:2].lower()


@functools.lru_cache(maxsize=None)
def _catalog(chosen: str) -> Mapping[str, str]:
    try:
        with open(os.path.join(FOLDER, f"{chosen}.json"), encoding="utf-8") as file:
            return {str(text): str(translated) for text, translated in json.load(file).items()}
    except (OSError, ValueError, AttributeError):
        return {}


def translated(text: str) -> str | None:
    """The text in the user's language; None when there is no translation."""
    return _catalog(language()).get(text)


def _(text: str) -> str:
    """The text in the user's language; as it is when there is no translation."""
    return _catalog(language()).get(text, text)
