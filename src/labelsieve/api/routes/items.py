"""Single items: what they show, their pictures, who said what of them."""

from typing import Any

import numpy as np
from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response

from labelsieve.api.borrowing import AnyTask, ItemId
from labelsieve.api.etags import has_already
from labelsieve.api.guarding import Viewer
from labelsieve.core.types import Label
from labelsieve.project import events, manifest
from labelsieve.project.desk import flags
from labelsieve.project.desk.cards import shown, value_data
from labelsieve.project.views import media
from labelsieve.project.views.media import Media

router = APIRouter(prefix="/items/{item}", tags=["items"])
FOREVER = "private, max-age=31536000, immutable"


@router.get("")
def read_item(project: AnyTask, person: Viewer, item: ItemId) -> dict[str, Any]:
    """What the item shows, its flags, and the labels of it that this person may see."""
    context = project.context
    ids = np.array([item], np.int64)
    manifest.require(context.conn, ids)
    seen = events.of_items(context.conn, context.task, ids, None if person.may("reviewer") else person.name)
    flagged = flags.flags_of(context.conn, context.task, ids).get(item, [])
    return shown(context, ids)[0] | {"history": [_event(label) for label in seen], "flags": flagged}


def _event(label: Label) -> dict[str, Any]:
    return {
        "id": label.id,
        "value": value_data(label.value),
        "by": label.by,
        "at": label.at,
        "seconds": label.seconds,
        "source": label.source,
        "query": label.query,
        "supersedes": label.supersedes,
    }


@router.get("/image", response_class=Response)
def read_image(
    request: Request,
    project: AnyTask,
    person: Viewer,
    item: ItemId,
    low: float | None = Query(None, allow_inf_nan=False),
    high: float | None = Query(None, allow_inf_nan=False),
    v: str | None = Query(None, description="Digest of the picture: with it the answer never changes."),
) -> Response:
    """The picture; `low` and `high` map grey values of more than 8 bits to black and white."""
    window = None if low is None and high is None else (low or 0.0, 65535.0 if high is None else high)
    return _sent(request, media.picture(project.context, item, window), v)


@router.get("/thumb", response_class=Response)
def read_thumb(
    request: Request,
    project: AnyTask,
    person: Viewer,
    item: ItemId,
    side: int = Query(160, ge=1, le=320),
    v: str | None = None,
) -> Response:
    """A small picture, at most 320 pixels a side."""
    return _sent(request, media.thumbnail(project.context, item, side), v)


@router.get("/range")
def read_range(project: AnyTask, person: Viewer, item: ItemId) -> dict[str, float] | None:
    """The grey values of a picture with more than 8 bits, for window and level; null for all others."""
    found = media.grey_range(project.context, item)
    return None if found is None else {"low": found[0], "high": found[1]}


def _sent(request: Request, found: Media, v: str | None) -> Response:
    tag = f'"{found.tag}"'
    headers = {"ETag": tag, "Cache-Control": FOREVER if v else "private, no-cache"}
    if has_already(request, tag):
        return Response(status_code=304, headers=headers)
    if isinstance(found.content, bytes):
        return Response(found.content, media_type=found.kind, headers=headers)
    return FileResponse(found.content, media_type=found.kind, headers=headers)
