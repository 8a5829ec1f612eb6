"""
A client of RTMS: meetings, topics, pushes and requests over one connection that mends itself.

Written from PROTOCOL.md (the encoding `rtms.v1.json`) with nothing but the standard library of Python 3.11.
Everything runs in one asyncio event loop; callbacks are plain functions, called in order.
"""

from .client import Client
from .logs import Meeting, Subscription
from .wire import Frame, Input, Publication, RtmsError

__all__ = ["Client", "Frame", "Input", "Meeting", "Publication", "RtmsError", "Subscription"]
