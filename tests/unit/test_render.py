"""What Slack is asked to show."""

import json

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifiers.render import Renderer, SlackMessage, status_line
from notifiers.template import Template, TemplateFailed, load_template
from streams.records import AckLinks, IncidentStatus, SlackPost, SlackThread, SlackUpdate
from tests.bodies import alertmanager_body, any_body


ROOT = Path(__file__).parents[2]
ACK_URL = "https://ack.example/api/incidents/ack/the-incident"
LINKS = AckLinks(public_host="https://ack.example", valid_for_ms=1)
COMMON: dict[str, Any] = {"notification_id": "n", "incident_id": "the-incident", "source_key": "k", "at_ms": 1_000}


def renderer(template: str | None = None) -> Renderer:
    """A renderer with this template, or with none."""
    return Renderer(Template(template, "message.j2") if template else None, LINKS, lambda _name, _problem: None)


def post(payload: dict[str, Any] | None = None, **changes: Any) -> SlackPost:
    """A post for an alert that somebody is on call for, unless told otherwise."""
    fields = {**COMMON, "oncall": True, "payload": payload if payload is not None else alertmanager_body()}
    return SlackPost(**{**fields, **changes})


def update(status: IncidentStatus, **changes: Any) -> SlackUpdate:
    """News of an incident."""
    return SlackUpdate(**{**COMMON, "payload": alertmanager_body(), "status": status, **changes})


def shown(message: SlackMessage) -> str:
    """All that a reader sees, in one text."""
    texts = [block["text"]["text"] for block in message.blocks if block["type"] == "section"]
    notes = [each["text"] for block in message.blocks if block["type"] == "context" for each in block["elements"]]
    return "\n".join(texts + notes)


def button_urls(message: SlackMessage) -> list[str]:
    """Where the message's buttons lead."""
    return [each["url"] for block in message.blocks if block["type"] == "actions" for each in block["elements"]]


def assert_within_slacks_limits(message: SlackMessage) -> None:
    """https://docs.slack.dev/reference/block-kit/blocks; and a text is always there."""
    assert message.text.strip()
    assert len(message.text) <= 4_000
    assert len(message.blocks) <= 50
    assert sum(len(json.dumps(block, ensure_ascii=False)) for block in message.blocks) < 13_200
    for block in message.blocks:
        if block["type"] == "section":
            assert 0 < len(block["text"]["text"].strip()) <= 3_000
        if block["type"] == "context":
            assert 0 < len(block["elements"]) <= 10


async def test_the_shipped_template_shows_the_alert_and_its_link() -> None:
    """The seed's message, in Jinja2: severity, name, instance, status, description and the ACK link."""
    template = load_template(ROOT / "config" / "slack_message.j2")
    message = await Renderer(template, LINKS, lambda _name, _problem: None).post(post())

    for words in ("CRITICAL Alert: DiskFull", "`db1:9100`", "`firing`", "Only 3 % are left.", f"<{ACK_URL}|"):
        assert words in shown(message)
    assert [ACK_URL] == button_urls(message)
    assert_within_slacks_limits(message)


async def test_without_on_call_there_is_no_link() -> None:
    """Nobody will be paged, so there is nothing to acknowledge."""
    message = await renderer("{{ status }}{% if AckURL %} <{{ AckURL }}|ACK>{% endif %}").post(post(oncall=False))

    assert "firing" == shown(message)
    assert [] == button_urls(message)


@pytest.mark.parametrize("oncall", [True, False])
async def test_an_ack_url_of_the_senders_own_is_never_used(oncall: bool) -> None:
    """Any sender could put a link of theirs behind our button: only ours is ever shown as one."""
    body = {**alertmanager_body(), "AckURL": "https://evil.example/"}
    message = await renderer("{{ AckURL }}!").post(post(body, oncall=oncall))

    assert f"{ACK_URL}!" == shown(message) if oncall else "!" == shown(message)
    assert "evil" not in json.dumps(message.blocks)


@pytest.mark.parametrize("template", [None, "{{ alerts[0].annotations.description }}"], ids=["built in", "template"])
async def test_values_cannot_mention_or_disguise(template: str | None) -> None:
    """Slack's three characters are escaped in every value, so that a label is only ever shown."""
    body = alertmanager_body()
    body["commonAnnotations"]["description"] = '<!channel> & <https://evil.example|click> it\'s "so"'
    message = await renderer(template).post(post(body, oncall=False))

    assert '&lt;!channel&gt; &amp; &lt;https://evil.example|click&gt; it\'s "so"' in shown(message)


async def test_what_the_template_says_itself_is_not_escaped() -> None:
    """Its author may use all of Slack's markup, macros and blocks included."""
    source = "{% macro a(x) %}<https://a.example|{{ x }}>{% endmacro %}{% set b %}{{ a('1 & 2') }}{% endset %}*{{ b }}*"
    message = await renderer(source).post(post(oncall=False))

    assert "*<https://a.example|1 &amp; 2>*" == shown(message)


async def test_a_key_named_like_a_method_is_the_key() -> None:
    """Grafana's bodies have `values`; the template means those and no method of a dictionary."""
    message = await renderer("{{ values.B }}").post(post({"values": {"B": 22}}, oncall=False))

    assert "22" == shown(message)


@pytest.mark.parametrize(
    ("template", "words"),
    [
        pytest.param("\n{{ commonLabels.alertname.x.y }}", "line 2", id="undefined"),
        pytest.param("{{ 1 / 0 }}", "division by zero", id="raises"),
        pytest.param("{% if status == 'x' %}x{% endif %}", "says nothing", id="blank"),
        pytest.param("{{ ''.__class__.__mro__ }}", "unsafe", id="reaches into Python"),
        pytest.param("{% set _ = alerts.append(1) %}x", "is unsafe", id="changes the alert"),
        pytest.param("{% for _ in range(10 ** 9) %}x{% endfor %}", "too large", id="a power"),
        pytest.param("{{ '#' * 100000 }}", "too large", id="a huge text"),
        pytest.param("{% for _ in range(200000) %}x{% endfor %}", "Range too big", id="a huge range"),
    ],
)
async def test_a_template_that_fails_costs_no_alert(template: str, words: str) -> None:
    """The built-in message takes its place, with the link, and says what is wrong and where."""
    message = await renderer(template).post(post())

    assert "DiskFull" in shown(message)
    assert "message.j2" in shown(message)
    assert words in shown(message)
    assert [ACK_URL] == button_urls(message)


async def test_a_body_without_the_templates_fields_gets_the_built_in_message() -> None:
    """A generic body is told whole, whatever the template expects."""
    template = load_template(ROOT / "config" / "slack_message.j2")
    message = await Renderer(template, LINKS, lambda _name, _problem: None).post(
        post({"title": "Backup failed", "a": 1})
    )

    assert "Backup failed" in shown(message)
    assert '"a": 1' in shown(message)
    assert "commonLabels" in shown(message)


async def test_a_template_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop goes on, this alert and the next are told at once, and the reason is said."""
    monkeypatch.setattr("notifiers.template.HUNG_SECONDS", 0.05)
    endless = "{% for a in range(99999) %}{% for b in range(100) %}{% endfor %}{% endfor %}x"
    renderer_with_it = renderer(endless)

    assert "gave no answer" in shown(await renderer_with_it.post(post()))
    assert "is off since it hung" in shown(await renderer_with_it.post(post()))


async def test_a_slow_template_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A template that has taken its time is cut off between two pieces, and is used again for the next alert."""
    monkeypatch.setattr("notifiers.template.MAX_SECONDS", -1.0)

    assert "took longer" in shown(await renderer("{{ status }}").post(post()))


async def test_an_endless_output_is_cut() -> None:
    """What does not fit is cut between lines, marked as cut, and the button is there all the same."""
    source = "{% for n in range(90000) %}line {{ n }} & more\n{% endfor %}"
    message = await renderer(source).post(post())

    assert "…" in shown(message)
    assert [ACK_URL] == button_urls(message)
    assert_within_slacks_limits(message)


@pytest.mark.parametrize("text", ["&" * 9_000, "<" * 9_000, "x" * 20_000, "a b\n" * 5_000], ids=lambda text: text[:2])
async def test_no_cut_goes_through_an_escape(text: str) -> None:
    """Half of `&amp;` would show as rubbish: sections and texts end before it."""
    message = await renderer("{{ title }}").post(post({"title": text}))
    parts = [block["text"]["text"] for block in message.blocks if block["type"] == "section"]

    for part in [*parts, message.text.split("\n📟")[0]]:
        tail = part.rstrip("…")[-5:]
        assert "&" not in tail or ";" in tail[tail.rindex("&") :]
    assert_within_slacks_limits(message)


async def test_no_cut_goes_through_a_link() -> None:
    """Half of a link would show as text with half an address."""
    message = await renderer("{% for n in range(900) %}<https://a.example/{{ n }}|{{ n }}> {% endfor %}").post(post())
    parts = [block["text"]["text"] for block in message.blocks if block["type"] == "section"]

    assert [0] * len(parts) == [part.count("<") - part.count(">") for part in parts]
    assert_within_slacks_limits(message)


async def test_warnings_are_shown() -> None:
    """Who sends nonsense, and who reads the alert, learn of it; and of no more than they can read."""
    message = await renderer().post(post(warnings=("oncall_wait_minutes <x>", *["more"] * 9)))

    assert "⚠️ oncall_wait_minutes &lt;x&gt;" in shown(message)
    assert "… and 5 more warnings" in shown(message)


async def test_the_deadline_is_told() -> None:
    """Readers see by when they have to acknowledge, in their own time zone."""
    message = await renderer().post(post(due_ms=181_000))

    assert "📟 PagerDuty is triggered at <!date^181^" in shown(message)
    assert "at once" in shown(await renderer().post(post(due_ms=1_000)))


async def test_an_update_keeps_the_message_and_adds_what_happened() -> None:
    """An acknowledged incident has no button any more; a page can still be acknowledged, which ends its calls."""
    acked = update(IncidentStatus.ACKNOWLEDGED, by="Natsu <D>")
    paged = update(IncidentStatus.ESCALATED, routing_key_name="infra")
    acked_message = await renderer().update(acked, [status_line(acked)])
    paged_message = await renderer().update(paged, [status_line(paged)])

    assert "DiskFull" in shown(acked_message)
    assert "✅ Acknowledged by Natsu &lt;D&gt; at <!date^1^" in shown(acked_message)
    assert [] == button_urls(acked_message)
    assert "📟 Escalated to PagerDuty (infra key)" in shown(paged_message)
    assert [ACK_URL] == button_urls(paged_message)
    assert "✅ Resolved at" in status_line(update(IncidentStatus.RESOLVED))


def test_a_thread_tells_only_what_is_new() -> None:
    """The incident's message has the rest."""
    body = alertmanager_body()
    new = {**body["alerts"][0], "fingerprint": "f2", "labels": {"instance": "db2:9100"}}
    record = SlackThread(**COMMON, payload={**body, "alerts": [*body["alerts"], new]}, added=("f2",), oncall=True)
    message = renderer().thread(record)

    assert "➕ 1 new alert" in shown(message)
    assert "db2:9100" in shown(message)
    assert "db1:9100" not in shown(message)
    assert [ACK_URL] == button_urls(message)


def test_plain_words_have_the_link_and_nothing_to_refuse() -> None:
    """The last resort when Slack refuses the content: one short text without blocks."""
    message = renderer().plain(post(alertmanager_body(alertname="x" * 9_000)))

    assert () == message.blocks
    assert ACK_URL in message.text
    assert len(message.text) < 2_000


@pytest.mark.parametrize(
    ("source", "words"),
    [
        pytest.param("{{ .commonLabels.severity | upper }}", "line 1", id="a Go template"),
        pytest.param("{% if x %}", "line 1", id="unfinished"),
    ],
)
def test_what_is_no_template_says_where(tmp_path: Path, source: str, words: str) -> None:
    """The error names the file and the line."""
    file = tmp_path / "message.j2"
    file.write_text(source)

    with pytest.raises(TemplateFailed, match=f"message.j2, {words}"):
        load_template(file)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\xff"], ids=["missing", "no text"])
def test_a_file_that_cannot_be_read_is_said_to_be(tmp_path: Path, content: bytes | None) -> None:
    """A missing or binary file is a `TemplateFailed` like any other."""
    file = tmp_path / "message.j2"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(TemplateFailed, match=r"message\.j2: (No such file|is no UTF-8)"):
        load_template(file)


MAKERS: list[Callable[[dict[str, Any]], Any]] = [
    lambda body: renderer().post(post(body, due_ms=5, warnings=("w" * 999,) * 20)),
    lambda body: renderer().update(update(IncidentStatus.ESCALATED, payload=body), ["x"] * 3),
]


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(any_body, st.sampled_from(MAKERS))
async def test_any_body_is_told(body: dict[str, Any], make: Callable[[dict[str, Any]], Any]) -> None:
    """Whatever a body holds, there is a message within Slack's limits that has our button and no markup of its own."""
    message = await make(body)

    assert_within_slacks_limits(message)
    assert [ACK_URL] == button_urls(message)
