"""A body that is logged for debugging shows what the alert says and none of its secrets."""

import pytest

from ingest.redact import REDACTED, redacted


@pytest.mark.parametrize(
    "name", ["token", "SLACK_TOKEN", "password", "Authorization", "api_key", "routing_key", "clientSecret", "apiKey"]
)
def test_a_secret_by_its_name_is_taken_out(name: str) -> None:
    """Also deep inside, and whatever its value is."""
    assert {"a": [{name: REDACTED}]} == redacted({"a": [{name: {"x": 1}}]})


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("token xoxb-12-abc leaked", f"token {REDACTED} leaked"),
        ("Authorization: Bearer abc.def", f"Authorization: {REDACTED}"),
        ("see https://ada:pw@db.example/x", f"see https://{REDACTED}@db.example/x"),
        ("GET /x?token=abc&y=1", f"GET /x?token={REDACTED}&y=1"),
        ("key R0123456789ABCDEFGHIJKLMNOPQRSTU", f"key {REDACTED}"),
    ],
)
def test_a_secret_in_a_text_is_taken_out(text: str, safe: str) -> None:
    """The rest of the text stays."""
    assert safe == redacted(text)


def test_what_the_alert_says_stays() -> None:
    """Or the log would help nobody."""
    alert = {"labels": {"alertname": "DiskFull", "instance": "db-1:9100"}, "value": 97.5, "firing": True, "note": None}

    assert alert == redacted(alert)
