"""The routes below /api/v1, one module a subject. ROUTERS is what the application serves."""

from fastapi import APIRouter

from labelsieve.api.routes import desk, items, jobs, overview

ROUTERS: tuple[APIRouter, ...] = (overview.router, desk.router, items.router, jobs.router)
