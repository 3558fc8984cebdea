# SPDX-License-Identifier: Apache-2.0
"""Makes limner_krita importable for the tests of this folder, before they are imported."""

import tests.krita.installed_plugin  # noqa: F401
