# SPDX-License-Identifier: Apache-2.0
"""The drawing tasks: pictures in, pictures out, with progress and cancel."""
