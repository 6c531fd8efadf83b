"""The built pages of the app. Any path without a file's ending is the app itself: it reads the path."""

from pathlib import Path

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse, Response
from starlette.convertors import Convertor, register_url_convertor

from labelsieve.api.guarding import POLICY

ASSET = "public, max-age=31536000, immutable"  # their names change with their content
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
}

# The map draws by regl, which makes functions of texts of its own, and looks for points in a worker made of a text: the
# document /map alone allows that. Entering the page loads it anew, leaving it loads the next one.
MAP_HEADERS = {"Content-Security-Policy": f"{POLICY}; script-src 'self' 'unsafe-eval'; worker-src 'self' blob:"}


class _PageConvertor(Convertor[str]):
    """Any path that is not the API's: there a wrong method is a 405, and what is unknown a 404."""

    regex = "(?!api(?:/|$)).*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("page", _PageConvertor())


def page_routes(folder: Path) -> APIRouter:
    """Routes for the files of the folder of built pages; nothing outside of it is ever sent."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    router = APIRouter(include_in_schema=False)

    @router.get("/{path:page}")
    def page(path: str) -> Response:
        if path in files:
            cached = ASSET if path.startswith("assets/") else "no-cache"
            kind = KINDS.get(files[path].suffix, "application/octet-stream")
            return FileResponse(files[path], media_type=kind, headers={"Cache-Control": cached})
        if "." in path.rpartition("/")[2]:
            raise HTTPException(404, f"there is no page {path[:100]!r}.")
        if "index.html" not in files:
            raise HTTPException(404, "the pages of the app were not built: make setup builds them.")
        headers = {"Cache-Control": "no-cache", **(MAP_HEADERS if path == "map" else {})}
        return FileResponse(files["index.html"], media_type=KINDS[".html"], headers=headers)

    return router
