# SPDX-License-Identifier: Apache-2.0
"""Limner: rough face sketches become portraits, with shadow guides for the artist."""

__version__ = "0.1.0"
