# SPDX-License-Identifier: Apache-2.0
"""All that touches GIMP: procedures and run modes (plugin), the dialog, layers and pixels (canvas)."""
