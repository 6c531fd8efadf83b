"""How large a request may be: nothing that is sent is gathered in memory without an end."""

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST = 64 << 20  # bytes: ids of a few million items
STREAMED = "/import"  # files go to the disk, which has a limit of its own


class Bodies:
    """ASGI middleware. 413 for a larger body, whether or not its length was said before."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].endswith(STREAMED):
            await self._app(scope, receive, send)
            return
        said = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        size = 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > LARGEST or int(said) > LARGEST:
                raise HTTPException(413, f"the request is larger than {LARGEST >> 20} MB.")
            return message

        await self._app(scope, counted, send)
