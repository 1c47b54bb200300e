"""The HTTP application: which routes there are, and what holds for all of them.

No request is ever redirected: a client that turns a redirected POST into a GET would lose an alert and see a 200.
"""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from ingest.edge import Edge
from ingest.routes import acknowledge, alerts, health, incidents


def create_app(edge: Edge) -> FastAPI:
    """The application on top of an edge."""
    app = FastAPI(
        title="Ackline",
        summary="Alerts in, people told, and somebody paged when nobody acknowledges.",
        redirect_slashes=False,
        redoc_url=None,
        # Spans hold URLs, and an ACK link in a trace could be followed by whoever reads traces.
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )
    for routes in (alerts, acknowledge, incidents, health):
        routes.add_to(app, edge)
    return app


def with_short_way(app: FastAPI, edge: Edge) -> ASGIApp:
    """The same application, with alerts going to their endpoint past the framework's layers.

    The layers (body limits, exit stacks, telemetry, exception handlers) do nothing for this one route, and took a
    quarter of the time of an alert.
    """
    endpoint = alerts.AlertsEndpoint(edge)

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == alerts.PATH and scope["method"] == "POST":
            response = await endpoint.post(Request(scope, receive))
            await response(scope, receive, send)
        else:
            await app(scope, receive, send)

    return dispatch
