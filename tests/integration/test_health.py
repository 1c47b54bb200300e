"""The HTTP server beside a role tells whether it lives, whether it can work, and what it has counted."""

from collections.abc import Mapping

import httpx
import pytest

from ackline.health import health_server


class Role:
    """Says of itself what it was told to."""

    def __init__(self, parts: Mapping[str, str], stood_still: Mapping[str, float]) -> None:
        self._parts = parts
        self._stood_still = stood_still

    def health(self) -> Mapping[str, str]:
        """Each dependency."""
        return self._parts

    def liveness(self) -> Mapping[str, float]:
        """Each part."""
        return self._stood_still


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        pytest.param({"kafka": "ok", "redis": "ok"}, 200, id="all-is-well"),
        pytest.param({"kafka": "ok", "redis": "gives no answer"}, 503, id="one-part-is-not"),
    ],
)
async def test_readiness_names_each_part(parts: Mapping[str, str], status: int) -> None:
    """Ready only when every part is, and the answer says what is wrong; alive in both cases."""
    async with health_server(Role(parts, {}), 0, "127.0.0.1") as port, httpx.AsyncClient() as client:
        ready = await client.get(f"http://127.0.0.1:{port}/readyz")
        alive = await client.get(f"http://127.0.0.1:{port}/healthz")

    assert (status, parts) == (ready.status_code, ready.json()["parts"])
    assert 200 == alive.status_code


@pytest.mark.parametrize(
    ("stood_still", "status"),
    [
        pytest.param({"ticks": 9.0}, 200, id="it-moves"),
        pytest.param({"ticks": 14.0, "agent timer": 0.0}, 503, id="a-part-does-not"),
    ],
)
async def test_liveness_names_each_part(stood_still: Mapping[str, float], status: int) -> None:
    """Alive only when every part moves, whatever the dependencies do; within 15 s it says what does not."""
    role = Role({"kafka": "gives no answer"}, stood_still)
    async with health_server(role, 0, "127.0.0.1") as port, httpx.AsyncClient() as client:
        alive = await client.get(f"http://127.0.0.1:{port}/healthz")

    assert (status, set(stood_still)) == (alive.status_code, set(alive.json()["parts"]))


async def test_metrics_are_in_the_format_of_prometheus() -> None:
    """Every metric of the process is there for a scraper."""
    async with health_server(Role({}, {}), 0, "127.0.0.1") as port, httpx.AsyncClient() as client:
        metrics = await client.get(f"http://127.0.0.1:{port}/metrics")

    assert metrics.headers["content-type"].startswith("text/plain")
    assert "python_info" in metrics.text
