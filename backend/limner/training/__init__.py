# SPDX-License-Identifier: Apache-2.0
"""Training: data, sketch synthesis, losses, one loop, one module per network."""
