# SPDX-License-Identifier: Apache-2.0
"""The networks of Limner, the component manifold and the weights registry."""
