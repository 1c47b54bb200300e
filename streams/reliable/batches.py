"""Takes from a stream all that is there, and marks it finished when its effects are durable.

Closes: `take()` ends for ever and without a word on a record that cannot be decoded, acknowledges a batch whose body
raised, and forbids table writes. Here a batch is whatever has arrived already: nothing waits for more to come, and a
record counts as processed only by `finish`.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from faust.types import EventT, StreamT


async def batches(stream: StreamT[bytes], most: int) -> AsyncIterator[list[EventT[bytes]]]:
    """Batches of up to `most` events, each as soon as there is one event. Call `finish` with each when it is done."""
    stream.enable_acks = False
    channel: Any = stream.channel
    queue = channel.queue
    async for first in stream.events():
        batch = [first]
        while len(batch) < most and not queue.empty():
            event = queue.get_nowait()
            if _is_current(stream, event):
                stream.app.consumer.track_message(event.message)
                batch.append(event)
        yield batch


def finish(stream: StreamT[bytes], events: Sequence[EventT[bytes]]) -> None:
    """Every effect of these events is durable: they may be committed."""
    consumer: Any = stream.app.consumer
    for event in events:
        event.ack()
        consumer.finish(event.message)


def _is_current(stream: StreamT[bytes], event: EventT[bytes]) -> bool:
    """Whether the event was fetched since partitions last moved. An older one will come again."""
    app = stream.app
    return app.flow_control.is_active() and bool(event.message.generation_id == app.consumer_generation_id)
