"""The application: every route behind the guard. Errors answer as problems, pages come last."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI

from labelsieve import __version__
from labelsieve.api import problems
from labelsieve.api.bodies import Bodies
from labelsieve.api.describing import Described
from labelsieve.api.desks import Desks
from labelsieve.api.guarding import API, Door, Guard
from labelsieve.api.heads import Heads
from labelsieve.api.news import News
from labelsieve.api.pages import page_routes
from labelsieve.api.routes import ROUTERS

THREADS = 12  # requests that are worked on at once; each has a connection to the ledger


def build(root: Path, door: Door) -> FastAPI:
    """The ASGI application of a project folder. It starts no process: see `labelsieve.api.serving`."""
    desks = Desks(root)

    @asynccontextmanager
    async def alive(app: FastAPI) -> AsyncIterator[None]:
        current_default_thread_limiter().total_tokens = THREADS
        yield
        desks.close()

    app = Described(
        title="labelsieve",
        version=__version__,
        summary="Label a pool, see the model learn, decide when to stop.",
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=alive,
    )
    app.state.desks, app.state.door, app.state.workers = desks, door, None
    app.state.ending = lambda: False  # whether the server is about to end: see `labelsieve.api.serving`
    app.state.news = News(desks, lambda: [] if app.state.workers is None else app.state.workers.state())
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router, prefix=API)
    app.include_router(page_routes(Path(str(files("labelsieve"))) / "ui" / "static"))
    app.add_middleware(Bodies)
    app.add_middleware(Heads)
    app.add_middleware(Guard, door=door)
    return app
