"""The HTTP application: which routes there are, and what holds for all of them.

No request is ever redirected: a client that turns a redirected POST into a GET would lose an alert and see a 200.
"""

from fastapi import FastAPI

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
