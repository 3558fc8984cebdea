# SPDX-License-Identifier: Apache-2.0
"""The texts in the user's language. English texts are the keys of ``translations/<language>.json``.

Krita's own ``i18n`` knows only the texts of Krita's catalogs. The language is Krita's own: ``choose_language``.
"""

from __future__ import annotations

import functools
import json
import os
import re
from typing import Mapping, Pattern, Sequence

_FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "translations")
_ENGLISH = "en"
_chosen = _ENGLISH


def choose_language(names: Sequence[str]) -> None:
    """Show the texts in the first of these languages ("de-AT", "en_US") that there is a translation for.

    LIMNER_LANGUAGE goes before them.
    """
    global _chosen
    wanted = [os.environ.get("LIMNER_LANGUAGE", ""), *names]
    there = [_ENGLISH, *(name[:-5] for name in os.listdir(_FOLDER) if name.endswith(".json"))]
    _chosen = next((name[:2].lower() for name in wanted if name[:2].lower() in there), _ENGLISH)


@functools.lru_cache(maxsize=None)
def _catalog(language: str) -> Mapping[str, str]:
    try:
        with open(os.path.join(_FOLDER, language + ".json"), encoding="utf-8") as file:
            return {str(text): str(translated) for text, translated in json.load(file).items()}
    except (OSError, ValueError, AttributeError):
        return {}


@functools.lru_cache(maxsize=None)
def _templates(language: str) -> tuple[tuple[Pattern[str], str], ...]:
    """The texts with something to be filled in, as patterns of what they are once it is."""
    found = [(text, translated) for text, translated in _catalog(language).items() if "{" in text]
    return tuple((re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+)", re.escape(t)), re.DOTALL), d) for t, d in found)


def tr(text: str) -> str:
    """The text in the user's language; as it is when there is no translation."""
    return _catalog(_chosen).get(text, text)


def tr_filled(text: str) -> str:
    """The same of a text whose gaps are filled in already, such as the message of an error."""
    translated = _catalog(_chosen).get(text)
    if translated is not None:
        return translated
    for pattern, template in _templates(_chosen):
        match = pattern.fullmatch(text)
        if match is not None:
            return template.format(**match.groupdict())
    return text
