"""`/healthz`, `/readyz` and `/metrics`.

Ready means that alerts are accepted, which needs Kafka alone: without Redis the edge works, and says what it lacks.
"""

from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from ingest.edge import Edge, answer


def add_to(app: FastAPI, edge: Edge) -> None:
    """Add the routes."""

    async def healthz() -> Response:
        return answer(200, {"status": "ok"})

    async def readyz() -> Response:
        dependencies = edge.health()
        ready = dependencies["kafka"] == "ok"
        well = all(state == "ok" for state in dependencies.values())
        status = "ready" if well else "degraded" if ready else "not_ready"
        return answer(200 if ready else 503, {"status": status, "dependencies": dependencies})

    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    for path, endpoint, summary in (
        ("/healthz", healthz, "Whether the process lives"),
        ("/readyz", readyz, "Whether alerts are accepted, and how each dependency is"),
        ("/metrics", metrics, "Prometheus metrics"),
    ):
        app.router.add_api_route(path, endpoint, methods=["GET"], summary=summary, tags=["operation"])
        app.router.add_api_route(path, endpoint, methods=["HEAD"], include_in_schema=False)
