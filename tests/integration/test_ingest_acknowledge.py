"""The ACK link over real HTTP, with a real Redis for the claim and a real Kafka for the record."""

import time

from collections.abc import AsyncIterator

import httpx
import pytest

from ackline.local_stack import Endpoints
from config.settings import Settings
from ingest.edge import ack_links
from projection.project import project
from state.claims import Claim, Contest, RedisClaims, Winner
from state.client import connect
from state.read_model import Writer
from streams.records import Happening, LogEntry
from streams.topics import Topic
from tests.edge import BROWSER, SIGNING_KEY, an_incident, log_entry, records, running_edge, settings_for


H = Happening


@pytest.fixture
def settings(stack: Endpoints, topic_prefix: str) -> Settings:
    return settings_for(stack, topic_prefix)


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with running_edge(settings) as client:
        yield client


async def tell_read_model(settings: Settings, *entries: LogEntry) -> None:
    redis = connect(settings.redis)
    writer = Writer(redis, prefix=settings.redis.key_prefix, open_for=settings.incident.quiet_after)
    await writer.apply(update for entry in entries for update in project(entry))
    await redis.aclose()


async def claim(settings: Settings, incident: str, winner: Winner, *, round_number: int = 1, by: str = "") -> Claim:
    """Claim, or see who holds the claim."""
    redis = connect(settings.redis)
    claims = RedisClaims(redis, prefix=settings.redis.key_prefix, timeout=settings.redis.timeout)
    (held,) = await claims.claim([Contest(incident, round_number)], Claim(winner, time.time_ns() // 1_000_000, by))
    await redis.aclose()
    assert held is not None
    return held


def link(incident: str) -> str:
    return f"/api/incidents/ack/{incident}"


async def test_a_program_acknowledges_by_a_get(client: httpx.AsyncClient, settings: Settings) -> None:
    """The claim is in Redis and the record in Kafka, under the incident's source key, before it is told so."""
    incident, key = an_incident(settings)
    await tell_read_model(settings, log_entry(incident, H.OPENED, title="Disk full", oncall=True, due_ms=1))

    answer = await client.get(link(incident), params={"by": "ada"}, headers={"Accept": "*/*"})

    said = answer.json()
    ((record_key, record),) = await records(settings, Topic.ACKS, 1)
    assert (200, "acknowledged", "ada", incident) == (
        answer.status_code, said["status"], said["by"], said["incident_id"],
    )  # fmt: skip
    assert (key, key, incident) == (record_key, record["source_key"], record["incident_id"])
    assert ("ada", "link", "won") == (record["by"], record["via"], record["claim"])
    assert Winner.ACK == (await claim(settings, incident, Winner.PAGE)).winner


async def test_a_person_acknowledges_by_the_page(client: httpx.AsyncClient, settings: Settings) -> None:
    """The page itself changes nothing; the POST that it makes does."""
    incident, _ = an_incident(settings)
    await tell_read_model(settings, log_entry(incident, H.OPENED, title="Disk <full> & more", oncall=True, due_ms=1))

    page = await client.get(link(incident), headers=BROWSER)
    assert Winner.PAGE == (await claim(settings, f"{incident}", Winner.PAGE, round_number=99)).winner
    done = await client.post(link(incident), headers=BROWSER)

    assert (200, 200) == (page.status_code, done.status_code)
    assert "Disk &lt;full&gt; &amp; more" in page.text
    assert '<form method="post">' in page.text
    assert "<script>" in page.text
    assert "Acknowledged</h1>" in done.text
    assert "<form" not in done.text
    assert 1 == len(await records(settings, Topic.ACKS, 1))


async def test_the_page_gives_nothing_away(client: httpx.AsyncClient, settings: Settings) -> None:
    """Not stored, not indexed, no referrer, and no script or style but its own."""
    incident, _ = an_incident(settings)

    for answer in (
        await client.get(link(incident), headers=BROWSER),
        await client.post(link(incident), headers=BROWSER),
    ):
        policy = answer.headers["content-security-policy"]
        assert "no-store" == answer.headers["cache-control"]
        assert "no-referrer" == answer.headers["referrer-policy"]
        assert "noindex" in answer.headers["x-robots-tag"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy


async def test_with_confirm_the_page_waits_for_its_button(stack: Endpoints, topic_prefix: str) -> None:
    """No script acknowledges for the person."""
    settings = settings_for(stack, topic_prefix, ack={"confirm": True})
    incident, _ = an_incident(settings)
    async with running_edge(settings) as client:
        page = await client.get(link(incident), headers=BROWSER)

    assert "<script>" not in page.text
    assert '<button type="submit">Acknowledge</button>' in page.text


ONLOOKERS = [
    pytest.param("HEAD", {"User-Agent": "curl/8", "Accept": "*/*"}, id="HEAD"),
    pytest.param("HEAD", BROWSER, id="HEAD of a browser"),
    pytest.param("GET", {"User-Agent": "Slackbot-LinkExpanding 1.0", "Accept": "*/*"}, id="Slackbot"),
    pytest.param("GET", {"User-Agent": "Slack-ImgProxy (+https://api.slack.com/robots)"}, id="Slack-ImgProxy"),
    pytest.param("GET", {**BROWSER, "User-Agent": "SkypeUriPreview Preview/0.5"}, id="Teams"),
    pytest.param("GET", {**BROWSER, "Sec-Purpose": "prefetch;prerender"}, id="prerender"),
    pytest.param("GET", {"Purpose": "prefetch", "Accept": "*/*"}, id="prefetch"),
    pytest.param("GET", {"X-Moz": "prefetch", "Accept": "*/*"}, id="Firefox's prefetch"),
]


@pytest.mark.parametrize(("method", "headers"), ONLOOKERS)
async def test_what_only_looks_acknowledges_nothing(
    client: httpx.AsyncClient, settings: Settings, method: str, headers: dict[str, str]
) -> None:
    """No claim, no record, no script that would do it; and an answer that says so."""
    incident, _ = an_incident(settings)
    other, _ = an_incident(settings, "other")

    answer = await client.request(method, link(incident), headers=headers)
    await client.post(link(other))

    assert 200 == answer.status_code
    assert "<script>" not in answer.text
    assert [other] == [record["incident_id"] for _, record in await records(settings, Topic.ACKS, 1)]
    assert Winner.PAGE == (await claim(settings, incident, Winner.PAGE)).winner


async def test_the_second_is_told_who_was_first(client: httpx.AsyncClient, settings: Settings) -> None:
    """And both are in Kafka, since the topic is the proof."""
    incident, _ = an_incident(settings)

    first = await client.post(link(incident), json={"by": "ada"})
    second = await client.post(link(incident), data={"by": "bob"})

    assert ("recorded", "already_acknowledged") == (first.json()["status"], second.json()["status"])
    assert (200, "ada", first.json()["at"]) == (second.status_code, second.json()["by"], second.json()["at"])
    found = [(record["by"], record["claim"]) for _, record in await records(settings, Topic.ACKS, 2)]
    assert [("ada", "won"), ("bob", "already_acknowledged")] == found


async def test_who_comes_too_late_is_told_so(client: httpx.AsyncClient, settings: Settings) -> None:
    """The page was claimed first, and PagerDuty is to hear of the acknowledgement."""
    incident, _ = an_incident(settings)
    await claim(settings, incident, Winner.PAGE)

    answer = await client.get(link(incident))

    ((_, record),) = await records(settings, Topic.ACKS, 1)
    assert (200, "already_escalated") == (answer.status_code, answer.json()["status"])
    assert "already_escalated" == record["claim"]


async def test_a_resolved_incident_says_so(client: httpx.AsyncClient, settings: Settings) -> None:
    """There is nothing left to do."""
    incident, _ = an_incident(settings)
    await tell_read_model(settings, log_entry(incident, H.OPENED, oncall=True), log_entry(incident, H.RESOLVED))

    assert "resolved" == (await client.post(link(incident))).json()["status"]


async def test_the_latest_round_is_claimed(client: httpx.AsyncClient, settings: Settings) -> None:
    """An acknowledgement of the first round is none of the second."""
    incident, _ = an_incident(settings)
    await tell_read_model(
        settings,
        log_entry(incident, H.OPENED, oncall=True, due_ms=1),
        log_entry(incident, H.ACKNOWLEDGED, round=1, by="ada"),
        log_entry(incident, H.ROUND_BEGUN, round=2, due_ms=2),
    )

    answer = await client.post(link(incident), json={"by": "bob"})

    ((_, record),) = await records(settings, Topic.ACKS, 1)
    assert ("acknowledged", "bob", 2) == (answer.json()["status"], answer.json()["by"], record["round"])


async def test_a_foretold_id_acknowledges_the_incident_that_took_it_in(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    """The sender was told it before anybody knew that the incident was open already."""
    incident, _ = an_incident(settings)
    foretold = f"{incident[:25]}{'a' * 26}"
    await tell_read_model(
        settings, log_entry(incident, H.OPENED, oncall=True), log_entry(incident, H.REPEATED, alias=foretold)
    )

    answer = await client.post(link(foretold))

    ((_, record),) = await records(settings, Topic.ACKS, 1)
    assert (incident, incident) == (answer.json()["incident_id"], record["incident_id"])


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("incident", ["x", "ABC", "a" * 24 + "-" + "a" * 25, "a" * 24 + "-" + "a" * 26 + "%0A"])
async def test_what_is_no_incident_id_is_a_404(client: httpx.AsyncClient, method: str, incident: str) -> None:
    """Whatever the method, for people and programs."""
    for headers in (BROWSER, {"Accept": "*/*"}):
        assert 404 == (await client.request(method, link(incident), headers=headers)).status_code


async def test_with_a_signing_key_only_genuine_links_acknowledge(stack: Endpoints, topic_prefix: str) -> None:
    """A missing, foreign or expired token is refused with 403, whatever the method, and changes nothing."""
    settings = settings_for(stack, topic_prefix, ack={"signing_key": SIGNING_KEY})
    incident, _ = an_incident(settings)
    other, _ = an_incident(settings, "other")
    now = time.time_ns() // 1_000_000
    links = ack_links(settings)
    genuine, foreign, expired = (
        url.partition("?token=")[2]
        for url in (links.link(incident, now), links.link(other, now), links.link(incident, 0))
    )
    async with running_edge(settings) as client:
        refused = [
            await client.request(method, link(incident), params=params, headers=headers)
            for method in ("GET", "HEAD", "POST")
            for params in ({}, {"token": foreign}, {"token": expired}, {"token": "v1.9.x"})
            for headers in (BROWSER, {"Accept": "*/*"})
        ]
        page = await client.get(link(incident), params={"token": genuine}, headers=BROWSER)
        done = await client.post(link(incident), params={"token": genuine})

        assert {403} == {answer.status_code for answer in refused}
        assert (200, 200) == (page.status_code, done.status_code)
        assert 1 == len(await records(settings, Topic.ACKS, 1))


async def test_a_strange_body_acknowledges_namelessly(client: httpx.AsyncClient, settings: Settings) -> None:
    """Who presses the button means it, whatever is sent along."""
    incident, _ = an_incident(settings)
    json = {"Content-Type": "application/json"}

    answers = [
        await client.post(link(incident), content=b"[" * 5_000, headers=json),
        await client.post(link(incident), content=b'{"by": 7}', headers=json),
        await client.post(link(incident), content=b"\xff\x00", headers={"Content-Type": "text/plain"}),
        await client.post(link(incident), content=b"by=" + b"x" * 50_000),
    ]

    assert {(200, "link")} == {(answer.status_code, answer.json()["by"]) for answer in answers}
