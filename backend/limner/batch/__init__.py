# SPDX-License-Identifier: Apache-2.0
"""`limner batch`: a folder of pictures, drawn by the running backend (`local`) or by a Ray cluster (`cluster`)."""
