"""Whether who asks has the answer already: the header If-None-Match."""

from starlette.requests import HTTPConnection


def has_already(request: HTTPConnection, tag: str) -> bool:
    """Whether the request names this tag, weak or strong, or `*`, which is any: then the answer is a 304 (RFC 9110)."""
    named = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    return named == ["*"] or tag in named
