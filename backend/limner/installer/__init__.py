# SPDX-License-Identifier: Apache-2.0
"""Puts the editors' plugins where Krita and GIMP look for them, takes them away again, and packs them for sharing."""
