"""Whether the client of a request is still there."""

from asyncio import sleep
from collections import deque

from anyio import CancelScope
from starlette.types import Message, Receive

_ATTEMPTS = 3  # iterations of the event loop: one to read from the socket, one to handle it, and one more


class Client:
    """The `receive` of a request (ASGI), which also reports whether the client is still there."""

    __slots__ = ("_left", "_pending", "_receive")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._pending: deque[Message] = deque()
        self._left = False

    async def __call__(self) -> Message:
        """Return the next message of the client."""
        return self._pending.popleft() if self._pending else await self._receive()

    async def has_left(self) -> bool:
        """Return whether the client closed its connection. It does not wait.

        A part of the body that has arrived is kept for the app. If more follow, this is not known.
        """
        attempts = _ATTEMPTS
        while not self._left and attempts:
            with CancelScope() as at_once:
                at_once.cancel()
                message = await self._receive()
            if at_once.cancelled_caught:
                # After a large body, uvicorn reads on only when it is asked for a message.
                attempts -= 1
                await sleep(0)
                continue
            self._pending.append(message)
            self._left = message["type"] == "http.disconnect"
            if message.get("more_body", False):
                break
        return self._left
