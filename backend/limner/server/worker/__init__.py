# SPDX-License-Identifier: Apache-2.0
"""The process that holds the networks and runs one job at a time. The server loads only `boot` and `link`."""
