"""The stand-in PagerDuty refuses what PagerDuty refuses, and calls people when PagerDuty would: no more, no less."""

import json

from typing import Any

import pytest

from sandbox import KEPT
from sandbox.pagerduty import Account, Answer, Incident


KEY, INFRA = "d" * 32, "i" * 28 + "NFRA"
NOW_MS = 1_700_000_000_000
PAYLOAD = {"summary": "Disk full", "source": "db-1", "severity": "critical"}


def account(**options: Any) -> Account:
    return Account(keys={"default": KEY, "infra": INFRA}, **options)


def event(action: str = "trigger", **changed: Any) -> dict[str, Any]:
    """An event that is taken; a changed field of None is left out."""
    whole: dict[str, Any] = {"routing_key": KEY, "event_action": action, "dedup_key": "incident-1"}
    if action == "trigger":
        whole["payload"] = PAYLOAD
    return {name: value for name, value in (whole | changed).items() if value is not None}


def trigger(**payload: Any) -> dict[str, Any]:
    return event(payload={name: value for name, value in (PAYLOAD | payload).items() if value is not None})


def send(to: Account, *events: dict[str, Any]) -> Answer:
    """Send events, one a second; the last one's answer."""
    answers = [to.enqueue(json.dumps(one).encode(), NOW_MS + 1000 * at) for at, one in enumerate(events)]
    return answers[-1]


def the_incident(of: Account) -> Incident:
    (incident,) = of.incidents
    return incident


class TestEvents:
    """What is taken, and what is refused."""

    @pytest.mark.parametrize(
        "good",
        [
            pytest.param(event(), id="trigger"),
            pytest.param(event(dedup_key="x" * 255), id="dedup_key of 255"),
            pytest.param(trigger(summary="x" * 1024), id="summary of 1,024"),
            pytest.param(trigger(timestamp="2015-07-17T08:42:58.315+0000"), id="a timestamp as in the documentation"),
            pytest.param(trigger(timestamp="2015-07-17T08:42:58Z"), id="a timestamp in UTC"),
            pytest.param(trigger(component="a", group="b", custom_details={"x": [1]}, **{"class": "c"}), id="all"),
            pytest.param(event(links=[{"href": "https://x", "text": "x"}], images=[{"src": "https://x"}]), id="links"),
            pytest.param(event("acknowledge"), id="acknowledge"),
            pytest.param(event("resolve"), id="resolve"),
        ],
    )
    def test_what_pagerduty_takes_is_taken(self, good: dict[str, Any]) -> None:
        """202, and the dedup_key to follow up with."""
        answer = send(account(), good)

        expected = {"status": "success", "message": "Event processed", "dedup_key": good["dedup_key"]}
        assert Answer(202, expected) == answer

    @pytest.mark.parametrize(
        ("bad", "error"),
        [
            pytest.param(event(routing_key=None), "'routing_key' is missing or blank", id="no routing_key"),
            pytest.param(
                event(routing_key="d" * 31),
                "Length of 'routing_key' is incorrect (should be 32 characters)",
                id="a routing_key of 31",
            ),
            pytest.param(
                event(routing_key="d" * 31 + "-"),
                "'routing_key' cannot contain non-alphanumeric characters.",
                id="a routing_key with a dash",
            ),
            pytest.param(event(event_action=None), "'event_action' is missing or blank", id="no event_action"),
            pytest.param(
                event(event_action="Trigger"),
                "'event_action' is invalid (must be one of the following: 'trigger', 'acknowledge' or 'resolve')",
                id="an unknown event_action",
            ),
            pytest.param(event("acknowledge", dedup_key=None), "'dedup_key' is missing or blank", id="ack of nothing"),
            pytest.param(event("resolve", dedup_key=""), "'dedup_key' is missing or blank", id="resolve of nothing"),
            pytest.param(event(dedup_key=7), "'dedup_key' is invalid (must be a string)", id="dedup_key is a number"),
            pytest.param(
                event(dedup_key="x" * 256),
                "Length of 'dedup_key' is incorrect (should be at most 255 characters)",
                id="dedup_key of 256",
            ),
            pytest.param(event(payload=None), "'payload' is missing or blank", id="no payload"),
            pytest.param(trigger(summary=None), "'payload.summary' is missing or blank", id="no summary"),
            pytest.param(trigger(summary="  "), "'payload.summary' is missing or blank", id="a blank summary"),
            pytest.param(
                trigger(summary="x" * 1025),
                "Length of 'payload.summary' is incorrect (should be at most 1024 characters)",
                id="a summary of 1,025",
            ),
            pytest.param(trigger(source=None), "'payload.source' is missing or blank", id="no source"),
            pytest.param(trigger(severity=None), "'payload.severity' is missing or blank", id="no severity"),
            pytest.param(
                trigger(severity="Critical"),
                "'payload.severity' is invalid (must be one of the following: "
                "'critical', 'warning', 'error' or 'info')",
                id="a severity in capitals",
            ),
            pytest.param(trigger(group=7), "'payload.group' is invalid (must be a string)", id="a group of 7"),
            pytest.param(
                trigger(custom_details="x"), "'payload.custom_details' is invalid (must be an object)", id="details"
            ),
            pytest.param(
                trigger(timestamp="yesterday"),
                "'payload.timestamp' is invalid (must be an ISO 8601 timestamp)",
                id="a timestamp in words",
            ),
            pytest.param(event(links={}), "'links' is invalid (must be an array)", id="links is no list"),
            pytest.param(event(links=[{"text": "x"}]), "'links[0].href' is missing or blank", id="a link without href"),
            pytest.param(event(images=[{"href": "x"}]), "'images[0].src' is missing or blank", id="image without src"),
        ],
    )
    def test_what_pagerduty_refuses_is_refused_with_its_error(self, bad: dict[str, Any], error: str) -> None:
        """400 in PagerDuty's own shape, and no incident."""
        pagerduty = account()

        answer = send(pagerduty, bad)

        expected = {"status": "invalid event", "message": "Event object is invalid", "errors": [error]}
        assert Answer(400, expected) == answer
        assert (list(pagerduty.events), pagerduty.incidents) == ([], [])

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(b"", id="nothing"),
            pytest.param(b"{", id="half an object"),
            pytest.param(b"[]", id="an array"),
            pytest.param(b"\xff\xfe{", id="no UTF-8"),
            pytest.param(b"[" * 100_000, id="deep beyond reason"),
        ],
    )
    def test_what_is_no_json_object_is_not_recognized(self, body: bytes) -> None:
        """400, in the other of PagerDuty's two shapes."""
        answer = account().enqueue(body, NOW_MS)

        assert (
            answer.status,
            answer.body["status"],
            answer.body["errors"],
        ) == (400, "Unrecognized object", ["JSON parse error"])

    def test_an_event_over_the_limit_of_512_kb_is_refused(self) -> None:
        """Alertmanager's limit is this one: 512,000 bytes."""
        body = json.dumps(event()).encode()

        at_limit, over = (account().enqueue(body.ljust(size), NOW_MS).status for size in (512_000, 512_001))

        assert (at_limit, over) == (202, 413)

    def test_a_trigger_without_dedup_key_is_given_one_of_its_own(self) -> None:
        """So two of them are two incidents, which is why the pipeline always sends one."""
        pagerduty = account()

        send(pagerduty, event(dedup_key=None), event(dedup_key=None))

        assert len({incident.dedup_key for incident in pagerduty.incidents}) == 2

    def test_any_key_that_looks_right_is_taken_unless_only_known_ones_are(self) -> None:
        """A wrong key is a fault to rehearse, and one that a demo need not meet."""
        unknown = event(routing_key="u" * 32)

        assert send(account(), unknown).status == 202
        assert send(account(only_known_keys=True), unknown).body["errors"] == ["Invalid routing key"]


class TestIncidents:
    """What the events make."""

    @pytest.mark.parametrize(
        ("events", "statuses", "effects"),
        [
            pytest.param([event()], ["triggered"], ["opened"], id="a trigger calls somebody"),
            pytest.param([event(), event()], ["triggered"], ["opened", "appended"], id="a second one does not"),
            pytest.param(
                [event(), event("acknowledge")], ["acknowledged"], ["opened", "acknowledged"], id="acknowledged"
            ),
            pytest.param(
                [event(), event("acknowledge"), event()],
                ["acknowledged"],
                ["opened", "acknowledged", "appended"],
                id="a trigger of an acknowledged one stays quiet",
            ),
            pytest.param([event(), event("resolve")], ["resolved"], ["opened", "resolved"], id="resolved"),
            pytest.param(
                [event(), event("acknowledge"), event("resolve")],
                ["resolved"],
                ["opened", "acknowledged", "resolved"],
                id="the whole life",
            ),
            pytest.param(
                [event(), event("resolve"), event()],
                ["resolved", "triggered"],
                ["opened", "resolved", "opened"],
                id="a trigger after the end is a new incident",
            ),
            pytest.param(
                [event(), event("resolve"), event("acknowledge")],
                ["resolved"],
                ["opened", "resolved", "dropped"],
                id="an acknowledge after the end is dropped",
            ),
            pytest.param([event("resolve")], [], ["dropped"], id="a resolve of nothing is dropped"),
            pytest.param(
                [event("acknowledge"), event()], ["triggered"], ["dropped", "opened"], id="an early ack is dropped"
            ),
            pytest.param(
                [event(), event("acknowledge", routing_key=INFRA), event("resolve", routing_key=INFRA)],
                ["triggered"],
                ["opened", "dropped", "dropped"],
                id="through another key all is dropped",
            ),
            pytest.param(
                [event(), event(routing_key=INFRA)],
                ["triggered", "triggered"],
                ["opened", "opened"],
                id="the same dedup_key through another key is another incident",
            ),
        ],
    )
    def test_incidents_live_as_pagerduty_lets_them(
        self, events: list[dict[str, Any]], statuses: list[str], effects: list[str]
    ) -> None:
        """Every event is answered 202; what it did is seen only in the incidents."""
        pagerduty = account()

        answer = send(pagerduty, *events)

        assert answer.status == 202
        assert statuses == [incident.status for incident in pagerduty.incidents]
        assert effects == [taken.effect for taken in pagerduty.events]

    def test_an_incident_remembers_when_and_how_often(self) -> None:
        """The times of its life and the number of triggers, for whoever measures lateness and repeats."""
        pagerduty = account()

        send(pagerduty, event(), event(), event("acknowledge"), event("acknowledge"), event("resolve"))

        incident = the_incident(pagerduty)
        assert (
            incident.triggered_at_ms,
            incident.acknowledged_at_ms,
            incident.resolved_at_ms,
        ) == (NOW_MS, NOW_MS + 2000, NOW_MS + 4000)
        assert incident.triggers == 2

    @pytest.mark.parametrize(
        ("details", "lateness_ms"),
        [
            pytest.param({"due_ms": NOW_MS - 250}, 250, id="milliseconds"),
            pytest.param({"due_at": "2023-11-14T22:13:19.750Z"}, 250, id="a timestamp"),
            pytest.param({"due_at": "2023-11-14T22:13:19.750"}, 250, id="a timestamp without a zone is UTC"),
            pytest.param({"due_at": "soon"}, None, id="no timestamp"),
            pytest.param({}, None, id="nothing"),
        ],
    )
    def test_lateness_is_told_where_the_sender_says_when_it_was_due(
        self, details: dict[str, Any], lateness_ms: int | None
    ) -> None:
        """Lateness is from the deadline to the arrival."""
        pagerduty = account()

        send(pagerduty, trigger(custom_details=details))

        assert lateness_ms == the_incident(pagerduty).lateness_ms

    def test_a_routing_key_is_spoken_of_by_name_or_by_its_end(self) -> None:
        """The key itself is in nothing that the stand-in gives out."""
        pagerduty = account()
        unknown = "u" * 28 + "WXYZ"

        send(pagerduty, event(routing_key=INFRA), event(routing_key=unknown))

        assert [incident.key_name for incident in pagerduty.incidents] == ["infra", "…WXYZ"]
        given_out = repr(pagerduty.events) + repr(pagerduty.incidents)
        assert [INFRA in given_out, unknown in given_out] == [False, False]
        assert pagerduty.key_label("short") == "…"

    def test_only_the_latest_are_kept(self) -> None:
        """A sandbox that runs for days holds as much as one that runs for an hour."""
        pagerduty = account()

        send(pagerduty, *[event(dedup_key=str(number)) for number in range(KEPT + 2)])

        assert (len(pagerduty.events), len(pagerduty.incidents)) == (KEPT, KEPT)
        assert pagerduty.incidents[0].dedup_key == "2"
