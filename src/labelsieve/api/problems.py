"""Errors as RFC 9457 problems: the fact, one thing to do, and a status that says whose turn it is."""

import errno
import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from labelsieve.core.errors import (
    InputError,
    LabelsieveError,
    MissingExtra,
    NotEnoughLabels,
    NotNow,
    NotThere,
    PoolExhausted,
    ProjectError,
    UnknownName,
)

STATUS: dict[type[LabelsieveError], int] = {
    UnknownName: 404,
    NotThere: 404,
    NotNow: 409,
    InputError: 422,
    PoolExhausted: 409,
    NotEnoughLabels: 409,
    MissingExtra: 501,
    ProjectError: 409,
}
TITLES = {
    400: "Bad request",
    401: "Who are you?",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Not now",
    413: "Too large",
    421: "Unknown host",
    422: "Does not fit",
    429: "Too many attempts",
    500: "A fault of labelsieve",
    501: "Not installed",
    503: "Not now",
}
DISK = {
    errno.ENOSPC: "free some disk space, then try again.",
    errno.EDQUOT: "free some disk space, then try again.",
    errno.EROFS: "the disk is read-only: make it writable, then try again.",
    errno.EACCES: "check who may write in the project's folder.",
    errno.ENOENT: "was the project's folder moved? put it back, or serve it where it is now.",
}
LOG = logging.getLogger("uvicorn.error")
HINTS = {  # for those that come with a fact alone
    400: "/openapi.json says what is expected.",
    403: "ask an admin of the project.",
    404: "/openapi.json lists what there is.",
    405: "/openapi.json lists what there is.",
    413: "send it in parts.",
}


def problem(
    status: int, fact: str, hint: str = "", headers: dict[str, str] | None = None, more: dict[str, Any] | None = None
) -> JSONResponse:
    """The answer to a request that cannot be met; `more` are further fields of it."""
    body = {"title": TITLES.get(status, "Error"), "status": status, "detail": fact, "hint": hint} | (more or {})
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def status_of(error: LabelsieveError) -> int:
    """HTTP status of a known error."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 409)


def install(app: FastAPI) -> None:
    """Known errors, refused requests and HTTP errors all answer as problems."""

    def known(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, LabelsieveError)  # noqa: S101  for the type checker: it is registered for these alone
        return problem(status_of(error), error.fact, error.hint)

    def refused(_: Request, error: Exception) -> JSONResponse:
        found = error.errors() if isinstance(error, RequestValidationError) else []
        said = "; ".join(f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in found[:3])
        return problem(422, said or "the request does not fit.", HINTS[400])

    def http(request: Request, error: Exception) -> JSONResponse:
        status = error.status_code if isinstance(error, HTTPException) else 500
        headers = dict(error.headers or {}) if isinstance(error, HTTPException) else None
        detail = str(error.detail) if isinstance(error, HTTPException) else str(error)
        if detail == HTTPStatus(status).phrase:  # from the router, which knows neither fact
            path = request.url.path[:100]
            if status == 405:  # the router names the methods of one route alone
                headers = {"Allow": ", ".join(request.app.methods(request.url.path))}
            detail = {404: f"there is no {path!r}.", 405: f"{path!r} takes no {request.method}."}.get(status, detail)
        return problem(status, detail, HINTS.get(status, ""), headers)

    def disk(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, OSError)  # noqa: S101  for the type checker: it is registered for these alone
        LOG.error("a file of the project: %s", error)
        hint = DISK.get(error.errno or 0, "the server's log says which file.")
        return problem(503, f"a file of the project cannot be used: {error.strerror or type(error).__name__}.", hint)

    def failed(_: Request, error: Exception) -> JSONResponse:
        return problem(500, f"{type(error).__name__}.", "the server's log says more: please report it.")

    app.add_exception_handler(LabelsieveError, known)
    app.add_exception_handler(RequestValidationError, refused)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(OSError, disk)
    app.add_exception_handler(Exception, failed)
