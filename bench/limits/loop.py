"""The limit of the fan-out: a loop that consumes alerts, reads them, and produces two records for each.

`python -m bench.limits.loop --kafka HOST:PORT --group NAME --source TOPIC --target TOPIC --target TOPIC`
"""

from collections.abc import Sequence

import click
import msgspec
import uvloop

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer


_BATCH = 1_000


async def _run(kafka: str, group: str, source: str, targets: Sequence[str]) -> None:
    decode = msgspec.json.decode
    async with (
        AIOKafkaConsumer(
            source, bootstrap_servers=kafka, group_id=group, auto_offset_reset="earliest", enable_auto_commit=False
        ) as consumer,
        AIOKafkaProducer(
            bootstrap_servers=kafka, acks="all", enable_idempotence=True, linger_ms=0, max_batch_size=256 * 1024
        ) as producer,
    ):
        while True:
            sent = []
            for records in (await consumer.getmany(timeout_ms=100, max_records=_BATCH)).values():
                for record in records:
                    decode(record.value)
                    sent += [await producer.send(target, record.value, key=record.key) for target in targets]
            for acknowledgement in sent:
                await acknowledgement
            if sent:
                await consumer.commit()


@click.command()
@click.option("--kafka", required=True)
@click.option("--group", required=True)
@click.option("--source", required=True)
@click.option("--target", "targets", multiple=True, required=True)
def main(kafka: str, group: str, source: str, targets: tuple[str, ...]) -> None:
    """Work until killed."""
    uvloop.run(_run(kafka, group, source, targets))


if __name__ == "__main__":
    main()
