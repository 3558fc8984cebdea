# SPDX-License-Identifier: Apache-2.0
"""`limner bench`: how fast the backend starts, draws and answers on this machine, next to published networks.

`backend` measures a backend in a process of its own, as an editor meets it; `networks` what the networks cost and what
the machine could do at best; `deepfacedrawing` and `pix2pix` are the networks to compare with, of published size and
with random weights. `report` makes the table, `plot` the picture.
"""
