# SPDX-License-Identifier: Apache-2.0
"""The plugin's side of the backend: one thread that starts it, talks to it and prepares pictures."""
