# SPDX-License-Identifier: Apache-2.0
"""The msgpack module: the interpreter's own, else the pure-Python copy that the installer nests beside this package."""

try:
    import msgpack
except ImportError:
    from .._vendor import msgpack

__all__ = ["msgpack"]
