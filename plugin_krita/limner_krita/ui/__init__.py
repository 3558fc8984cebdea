# SPDX-License-Identifier: Apache-2.0
"""The widgets. They show a Session and call it; they decide nothing."""
