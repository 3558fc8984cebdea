# SPDX-License-Identifier: Apache-2.0
"""The texts in the user's language. English texts are the keys of ``translations/<language>.json``."""

from __future__ import annotations

import functools
import json
import locale
import os
from typing import Mapping

_FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "translations")


def language() -> str:
    """The user's language as two letters: of LIMNER_LANGUAGE, else of the system."""
    chosen = os.environ.get("LIMNER_LANGUAGE") or os.environ.get("LANGUAGE") or locale.getlocale()[0] or "en"
    return chosen[:2].lower()


@functools.lru_cache(maxsize=1)
def _catalog() -> Mapping[str, str]:
    try:
        with open(os.path.join(_FOLDER, language() + ".json"), encoding="utf-8") as file:
            return {str(text): str(translated) for text, translated in json.load(file).items()}
    except (OSError, ValueError, AttributeError):
        return {}


def tr(text: str) -> str:
    """The text in the user's language; as it is when there is no translation."""
    return _catalog().get(text, text)
