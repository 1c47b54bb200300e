"""The HTTP server beside a role tells whether it lives, whether it can work, and what it has counted."""

from collections.abc import Mapping

import httpx
import pytest

from ackline.health import health_server


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        pytest.param({"kafka": "ok", "redis": "ok"}, 200, id="all-is-well"),
        pytest.param({"kafka": "ok", "redis": "gives no answer"}, 503, id="one-part-is-not"),
    ],
)
async def test_readiness_names_each_part(parts: Mapping[str, str], status: int) -> None:
    """Ready only when every part is, and the answer says what is wrong; alive in both cases."""
    async with health_server(lambda: parts, 0, "127.0.0.1") as port, httpx.AsyncClient() as client:
        ready = await client.get(f"http://127.0.0.1:{port}/readyz")
        alive = await client.get(f"http://127.0.0.1:{port}/healthz")

    assert (status, parts) == (ready.status_code, ready.json()["parts"])
    assert 200 == alive.status_code


async def test_metrics_are_in_the_format_of_prometheus() -> None:
    """Every metric of the process is there for a scraper."""
    async with health_server(dict, 0, "127.0.0.1") as port, httpx.AsyncClient() as client:
        metrics = await client.get(f"http://127.0.0.1:{port}/metrics")

    assert metrics.headers["content-type"].startswith("text/plain")
    assert "python_info" in metrics.text
