"""An ACK link works for its own incident, until it ends, and only if this deployment made it."""

from urllib.parse import parse_qs, urlsplit

import pytest

from streams.records import AckLinks


SIGNED = AckLinks(public_host="https://ack.example", signing_secret=b"k" * 32, valid_for_ms=60_000)
UNSIGNED = AckLinks(public_host="https://ack.example", valid_for_ms=60_000)


def token(link: str) -> str:
    return parse_qs(urlsplit(link).query)["token"][0]


def test_an_unsigned_link_is_the_incident_id_under_the_public_host() -> None:
    """The address that the seed document promises."""
    assert UNSIGNED.link("inc-1", 0) == "https://ack.example/api/incidents/ack/inc-1"
    assert UNSIGNED.accepts("inc-1", None, 0)


def test_a_signed_link_is_accepted_until_it_ends() -> None:
    """And not a second longer."""
    mine = token(SIGNED.link("inc-1", 0))

    assert SIGNED.accepts("inc-1", mine, 60_000)
    assert not SIGNED.accepts("inc-1", mine, 61_000)


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(None, id="none"),
        pytest.param("", id="empty"),
        pytest.param("v1", id="cut-off"),
        pytest.param("v1.60", id="without-a-signature"),
        pytest.param("v2" + token(SIGNED.link("inc-1", 0))[2:], id="another-version"),
        pytest.param(token(SIGNED.link("inc-2", 0)), id="of-another-incident"),
        pytest.param(token(SIGNED.link("inc-1", 0)).replace("v1.60.", "v1.61."), id="end-moved"),
        pytest.param(token(SIGNED.link("inc-1", 0))[:-1] + "é", id="not-ascii"),
        pytest.param("v1.²." + "x" * 43, id="digits-of-another-kind"),
        pytest.param("v1." + "9" * 5000 + "." + "x" * 43, id="end-without-end"),
    ],
)
def test_any_other_token_is_refused(forged: str | None) -> None:
    """In doubt a token is refused, and nothing raises."""
    assert not SIGNED.accepts("inc-1", forged, 0)


def test_a_link_shows_no_secret() -> None:
    """Neither does printing the object that makes it."""
    assert "kkkk" not in repr(SIGNED)
