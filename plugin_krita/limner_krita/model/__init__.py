# SPDX-License-Identifier: Apache-2.0
"""What the plugin knows and decides, without Qt: geometry, what documents keep, placing layers, the session."""
