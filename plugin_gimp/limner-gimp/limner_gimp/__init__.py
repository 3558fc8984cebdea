# SPDX-License-Identifier: Apache-2.0
"""Limner's plug-in for GIMP 3, started by GIMP as a process of its own for each call. Python 3.9, standard library.

`procedures` is the table of what the plug-in offers; `host` is all that touches GIMP; the other modules are plain
Python. `limner install gimp` nests `wire`, `client` and `_vendor` here.
"""
