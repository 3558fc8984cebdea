# SPDX-License-Identifier: Apache-2.0
"""What the drawing tasks do where nothing else is asked for: for the schema, the command line and the evaluation.

Nothing heavy is imported here, so that the command line starts at once."""

REFINE = 0.3  # 0 = a plausible face, 1 = the literal lines
STEPS = 2  # of the first flow, for a portrait; the second one adds its detail

MOST_CANDIDATES = 8  # of one search
CANDIDATES = 4
SEARCH_STEPS = 60  # at most
EPS = 2e-3  # mean squared difference, of values in 0..1, at which a candidate fits
