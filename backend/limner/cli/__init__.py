# SPDX-License-Identifier: Apache-2.0
"""The `limner` command. Nothing heavy (PyTorch, OpenCV, NumPy) is imported before a command needs it."""
