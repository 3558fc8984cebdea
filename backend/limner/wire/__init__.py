# SPDX-License-Identifier: Apache-2.0
"""What travels between the backend and its clients. Standard library and msgpack only; runs on Python 3.8.

PROTOCOL.md describes it. The modules: messages (one dataclass for each kind), codec (to frames and back), pixels,
schema and parameters (what a task takes), errors, limits, connection (the connection file), process, locks.
"""

from .codec import Frame, decode, encode
from .connection import ConnectionInfo
from .errors import ErrorCode, LimnerError, Problem, WireError, problem
from .limits import PROTOCOL_VERSION
from .messages import (
    END_TYPES,
    MESSAGE_TYPES,
    STATE_FAILED,
    STATE_LOADING,
    STATE_READY,
    Cancel,
    Cancelled,
    ClientMessage,
    Error,
    Hello,
    Message,
    Ping,
    Pong,
    Preview,
    Progress,
    Queued,
    Result,
    ServerMessage,
    Shutdown,
    Stats,
    StatsRequest,
    Stopping,
    Submit,
    Welcome,
)
from .parameters import (
    BooleanParameter,
    ChoiceParameter,
    FrameParameter,
    IntegerParameter,
    NumberParameter,
    Parameter,
)
from .pixels import Pixels
from .schema import ImageSlot, TaskSchema

__all__ = [
    "END_TYPES",
    "MESSAGE_TYPES",
    "PROTOCOL_VERSION",
    "STATE_FAILED",
    "STATE_LOADING",
    "STATE_READY",
    "BooleanParameter",
    "Cancel",
    "Cancelled",
    "ChoiceParameter",
    "ClientMessage",
    "ConnectionInfo",
    "Error",
    "ErrorCode",
    "Frame",
    "FrameParameter",
    "Hello",
    "ImageSlot",
    "IntegerParameter",
    "LimnerError",
    "Message",
    "NumberParameter",
    "Parameter",
    "Ping",
    "Pixels",
    "Pong",
    "Preview",
    "Problem",
    "Progress",
    "Queued",
    "Result",
    "ServerMessage",
    "Shutdown",
    "Stats",
    "StatsRequest",
    "Stopping",
    "Submit",
    "TaskSchema",
    "Welcome",
    "WireError",
    "decode",
    "encode",
    "problem",
]
