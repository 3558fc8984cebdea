# SPDX-License-Identifier: Apache-2.0
"""Translation of what the user reads: gettext catalogs in the folder `locale` beside this file, English without one."""

from __future__ import annotations

import functools
import gettext
import os

DOMAIN = "limner-gimp"


def N_(text: str) -> str:  # gettext's own name for it
    """Marks a text of a table for translation; it is translated where it is shown."""
    return text


@functools.lru_cache(maxsize=None)
def _catalog() -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, os.path.join(os.path.dirname(__file__), "locale"), fallback=True)


def _(text: str) -> str:
    """The text in the user's language."""
    return _catalog().gettext(text) if text else ""
