# SPDX-License-Identifier: Apache-2.0
"""Limner: a rough face sketch becomes a photorealistic portrait inside Krita and GIMP."""

__version__ = "0.1.0"
