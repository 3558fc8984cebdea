# SPDX-License-Identifier: Apache-2.0
"""How good the portraits are: metrics on held-out pictures, baselines in the same report, HTML and JSON."""
