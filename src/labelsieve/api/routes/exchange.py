"""Labels in and out, as files of other tools."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from labelsieve.api.borrowing import AllDesks, OnTask, TaskName
from labelsieve.api.desks import Desks
from labelsieve.api.guarding import Reviewer
from labelsieve.api.problems import problem
from labelsieve.core.errors import InputError, UnknownName
from labelsieve.project.formats import exchanging, uploads
from labelsieve.project.formats.holding import FormatFacts, formats_here
from labelsieve.project.jobs import table
from labelsieve.project.jobs.happening import job_data
from labelsieve.project.people import trail

router = APIRouter(prefix="/tasks/{task}", tags=["exchange"])
BYTES = {"schema": {"type": "string", "format": "binary"}}
SMALL = 256 << 10  # bytes of a table that is imported at once; what is larger is a job
Format = Annotated[str | None, Query(max_length=40, description="Whose format it is; told by the name by default.")]
Loss = Annotated[bool, Query(description="Drop what cannot be held, instead of refusing all of it.")]


class Imported(BaseModel):
    """What came of an import: its counts, or the job that does it."""

    added: int = 0
    known: int = 0
    empty: int = 0
    together: int = 0
    set_aside: dict[str, list[str]] = {}  # the first keys by reason
    lost: int = 0
    key_column: str = "key"  # of a table: what named its items
    job: dict[str, Any] | None = None


@router.get("/formats")
def read_formats(project: OnTask, person: Reviewer) -> list[FormatFacts]:
    """The formats, what each can hold, and what of this task's labels it cannot."""
    return formats_here(project.context)


@router.post(
    "/import",
    responses={200: {"model": Imported}, 202: {"model": Imported}},
    openapi_extra={"requestBody": {"required": True, "content": {"application/octet-stream": BYTES}}},
)
async def import_labels(
    request: Request,
    desks: AllDesks,
    person: Reviewer,
    task: TaskName,
    name: Annotated[str, Query(max_length=300, description="The name of the file; its ending says what it is.")],
    format: Format = None,
    field: Annotated[str | None, Query(max_length=200, description="The column or control of the labels.")] = None,
    allow_loss: Loss = False,
) -> Response:
    """Imports the body, a file or a .zip of a folder. Small tables are imported at once (200), others by a job (202).

    Without `allow_loss`, one answer that cannot be a label here stops all of them (422), and nothing is imported.
    """
    path = await run_in_threadpool(_place, desks, task, name)
    try:
        whole = await _received(request, path)
    except BaseException:  # whoever sends it has gone
        uploads.drop(path)
        raise
    if whole:
        upload = uploads.Upload(person.name, name, format, field, strict=not allow_loss)
        return await run_in_threadpool(_taken, desks, task, path, upload)
    await run_in_threadpool(uploads.drop, path)
    most = uploads.LIMIT >> 20
    return problem(
        413, f"the file is larger than {most} MB.", "labelsieve import PROJECT FILE takes files of any size."
    )


def _place(desks: Desks, task: str, name: str) -> Path:
    with desks.borrowed(task) as project:
        return uploads.prepare(project.context, name)


async def _received(request: Request, path: Path) -> bool:
    """Whether the body was written to the path; not where it is too large."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > uploads.LIMIT:
        return False
    size = 0
    with path.open("wb") as file:
        async for part in request.stream():
            size += len(part)
            if size > uploads.LIMIT:
                return False
            await run_in_threadpool(file.write, part)
    return True


def _taken(desks: Desks, task: str, path: Path, upload: uploads.Upload) -> Response:
    """Imports a small table, or starts the job that imports the file."""
    id_ = uploads.take(path, upload)
    with desks.writing, desks.borrowed(task) as project:
        context = project.context
        if path.stat().st_size <= SMALL and path.suffix.lower() in (".csv", ".tsv", ".jsonl", ".json"):
            try:
                report = uploads.import_upload(context, id_)
            except UnknownName as error:  # a column, a format: the address is right, the file does not fit
                raise InputError(error.fact, error.hint) from error
            return _answer(Imported(**uploads.told(report)), 200)
        job = table.add(context.conn, "import", "long", context.task_name, {"upload": id_}, upload.by)
        return _answer(Imported(job=job_data(job)), 202)


def _answer(body: Imported, status: int) -> Response:
    return Response(body.model_dump_json(), status, media_type="application/json")


@router.post("/export", status_code=202)
def start_export(
    desks: AllDesks,
    person: Reviewer,
    task: TaskName,
    format: Annotated[str, Query(max_length=40)],
    allow_loss: Loss = False,
) -> dict[str, Any]:
    """Starts the job that writes all labels, or the `consensus`, below exports/; then GET /jobs/{job}/files/0."""
    if format != exchanging.CONSENSUS:
        exchanging.require_known(format)
    args = {"format": format} | ({"allow_loss": True} if allow_loss else {})
    with desks.writing, desks.borrowed(task) as project:
        conn, name = project.context.conn, project.task.name
        trail.put(conn, person.name, "labels.export", {"task": name, **args})
        return job_data(table.add(conn, "export", "long", name, args, person.name))


@router.get("/export", response_class=StreamingResponse)
def export_labels(
    desks: AllDesks, person: Reviewer, task: TaskName, format: Annotated[str, Query(max_length=40)] = "csv"
) -> StreamingResponse:
    """All labels as a table (csv or jsonl), as a stream; other formats are written by a job (POST)."""
    with desks.borrowed(task) as project:
        exchanging.require_streamed(project.context, format)
        name = project.task.name
        trail.put(project.context.conn, person.name, "labels.export", {"task": name, "format": format})

    def parts() -> Any:
        with desks.borrowed(name) as project:
            yield from exchanging.streamed(project.context, format)

    kind = "text/csv; charset=utf-8" if format == "csv" else "application/x-ndjson"
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{exchanging.download_name(name, format)}"}
    return StreamingResponse(parts(), media_type=kind, headers=headers)
