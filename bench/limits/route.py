"""The limit of ingest: a FastAPI route that puts the body into Kafka as it came and waits until it is there.

`python -m bench.limits.route --port N --kafka HOST:PORT --topic NAME`
"""

import contextlib

from collections.abc import AsyncIterator

import click
import msgspec
import uvicorn

from aiokafka import AIOKafkaProducer
from fastapi import FastAPI, Request, Response

from ackline.local_stack.ports import LOOPBACK


def create_app(kafka: str, topic: str) -> FastAPI:
    """The application."""
    # The settings of ingest's own producer.
    options = {"acks": "all", "enable_idempotence": True, "linger_ms": 0, "max_batch_size": 256 * 1024}
    producers: list[AIOKafkaProducer] = []

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with AIOKafkaProducer(bootstrap_servers=kafka, **options) as producer:
            producers.append(producer)
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/api/incidents")
    async def post(request: Request) -> Response:
        body = await request.body()
        key = msgspec.json.decode(body)["groupKey"].encode()
        await producers[0].send_and_wait(topic, body, key=key)
        return Response(b'{"status":"created"}', 201, media_type="application/json")

    @app.get("/readyz")
    async def readyz() -> dict[str, str]:
        return {"status": "ready"}

    return app


@click.command()
@click.option("--port", type=int, required=True)
@click.option("--kafka", required=True)
@click.option("--topic", required=True)
def main(port: int, kafka: str, topic: str) -> None:
    """Serve until killed."""
    uvicorn.run(create_app(kafka, topic), host=LOOPBACK, port=port, loop="uvloop", http="httptools", ws="none",
                access_log=False, log_level="warning")  # fmt: skip


if __name__ == "__main__":
    main()
