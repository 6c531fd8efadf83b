"""The routes below /api/v1, one module a subject. ROUTERS is what the application serves."""

from fastapi import APIRouter

from labelsieve.api.routes import agreeing, answers, desk, exchange, items, jobs, map, overview, people, progress, views

ROUTERS: tuple[APIRouter, ...] = (
    overview.router,
    desk.router,
    answers.router,
    views.router,
    items.router,
    jobs.router,
    map.router,
    progress.router,
    exchange.router,
    people.router,
    agreeing.router,
)
