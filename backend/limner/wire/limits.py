# SPDX-License-Identifier: Apache-2.0
"""Limits of the protocol. Both sides check them before they allocate anything for what the other side sent."""

PROTOCOL_VERSION = 1

MAX_HEADER_BYTES = 64 * 1024
MAX_FRAME_BYTES = 64 * 1024 * 1024
MAX_MESSAGE_BYTES = 256 * 1024 * 1024  # header and all frames of one message
MAX_FRAMES = 16  # pixel frames of one message
MAX_SIDE = 8192  # pixels, width and height each; the smallest side is 1
MAX_CHANNELS = 4

MAX_NAME_LENGTH = 64  # characters: image names, task names, parameter names
MAX_ID_LENGTH = 128  # characters: job ids, canvas ids, tokens
MAX_TEXT_LENGTH = 4096  # characters: labels, messages, remedies
MAX_DEPTH = 8  # nested maps and lists of free-form values (params, info)
MAX_ITEMS = 4096  # entries of one map or list in the header
