"""The published schema of the topics is the one that the code reads and writes."""

from pathlib import Path

from config.settings import KafkaSettings
from streams.asyncapi import document, text
from streams.topics import Topic


def test_the_published_document_is_up_to_date() -> None:
    """`.venv/bin/ackline topics --asyncapi > docs/asyncapi.json` makes it anew."""
    published = Path(__file__).parents[2] / "docs" / "asyncapi.json"

    assert published.read_text() == text(KafkaSettings().topic_prefix)


def test_every_topic_of_ours_has_a_schema() -> None:
    """But for the dead letters, which are other people's bytes."""
    assert set(document("")["channels"]) == set(Topic) - {Topic.DEAD_LETTERS}
