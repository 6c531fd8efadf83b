"""The OpenAPI description: as FastAPI makes it, with problems where it would promise another form of errors."""

import re
from typing import Any

from fastapi import FastAPI

PROBLEM = {
    "title": "Problem",
    "description": "Why a request was not met (RFC 9457): the fact, and one thing to do.",
    "type": "object",
    "required": ["title", "status", "detail", "hint"],
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "The fact."},
        "hint": {"type": "string", "description": "One thing to do."},
    },
}
REFUSALS = {
    "401": "Nobody is signed in: send Authorization: Bearer TOKEN, or a session's cookie.",
    "403": "Whoever asks may not, or the header X-CSRF-Token is missing.",
    "404": "Something that the address names is not there.",
    "422": "The request does not fit.",
    "4XX": "The request cannot be met as it is, or as things are.",
    "5XX": "The server cannot meet it now.",
}
CSRF = "A change by a browser's session brings the header X-CSRF-Token; /api/v1/me tells it."


class Described(FastAPI):
    """The application, whose /openapi.json names problems as the answer to what cannot be met."""

    def openapi(self) -> dict[str, Any]:
        """The description, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = _with_problems(super().openapi())
        return self.openapi_schema

    def methods(self, path: str) -> list[str]:
        """The methods that a path of the API takes, by what is described; none where there is no such path."""
        found = {"GET"} if not path.startswith("/api/") else set()
        for template, operations in self.openapi()["paths"].items():
            if re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", template), path):
                found |= {method.upper() for method in operations}
        return sorted(found | {"HEAD"} if "GET" in found else found)


def _with_problems(found: dict[str, Any]) -> dict[str, Any]:
    schemas = found["components"]["schemas"]
    schemas["Problem"] = PROBLEM
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    refusals = {code: {"description": said, "content": content} for code, said in REFUSALS.items()}
    for operations in found["paths"].values():
        for operation in operations.values():
            operation["responses"] |= refusals
    found["info"]["description"] = CSRF
    return found
