"""The settings as frozen types: every name that a config file may hold, its unit, its default and why.

Nothing here reads a file or the environment; `config.load` does. Unknown keys are refused, and every
secret is a `SecretStr`, so that printing a settings object shows no secret.
"""

import re

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from config.secrets import derive_secret


MAX_WAIT_MINUTES = 7 * 24 * 60
"""The longest wait that is believed: a week. A longer one is more likely a unit mixed up than a wish."""

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, None: 1}
_DURATION = re.compile(r"(?P<number>\d+(\.\d+)?)(?P<unit>ms|s|m|h|d)?")


def _duration(value: Any) -> timedelta:
    """`5h`, `90s`, `250ms` as a timedelta; a bare number counts seconds."""
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(str(value).strip())
    seconds = float(match["number"]) * _UNITS[match["unit"]] if match else 0
    if not 0.001 <= seconds <= _UNITS["d"] * 36_500:
        raise ValueError("must be a duration such as 250ms, 90s, 5m, 5h or 14d")
    return timedelta(seconds=seconds)


Duration = Annotated[timedelta, BeforeValidator(_duration)]


class Section(BaseModel):
    """A part of the config file. Frozen, and closed: a misspelt key is an error and no silent default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        """`wait_minutes: yes` would be one minute to pydantic."""
        if isinstance(value, bool) and cls.model_fields[str(info.field_name)].annotation in {int, float}:
            raise ValueError("must be a number")
        return value


class SlackSettings(Section):
    """Where alerts are told."""

    enable: bool = True
    token: SecretStr | None = None
    """A bot token (`xoxb-…`) with `chat:write`."""
    channel_id: str | None = None
    """The channel that is told unless an alert names another."""
    template_path: Path | None = None
    """A Jinja2 template of the message. A missing or broken one is a warning; the built-in message is used."""
    api_url: str = "https://slack.com/api"
    """For proxies and tests."""
    give_up_after: Duration = timedelta(minutes=10)
    """How long a post is tried while Slack answers with passing troubles. After that the escalation is due at once."""
    dead_letter_notes: bool = True
    """Whether the channel is told, at most once a minute, that records could not be used and were put aside."""


class AlertSettings(Section):
    """What happens to an alert before anybody is on call for it."""

    debug_body: bool = False
    """True logs each alert that is accepted, with its body, redacted. Off by default, because bodies hold other people's data."""
    slack: SlackSettings = SlackSettings()


class PagerDutySettings(Section):
    """Who is woken."""

    routing_key: SecretStr | None = None
    """The integration key (32 characters) of the service that is paged by default."""
    other_routing_keys: dict[str, SecretStr] = {}
    """More keys by name; alerts choose one with `pagerduty_other_routing_key=<name>`."""
    events_url: str = "https://events.pagerduty.com"
    """`https://events.eu.pagerduty.com` for the EU region; otherwise for proxies and tests."""


class OnCallSettings(Section):
    """When an alert that nobody acknowledges becomes a page."""

    enable: bool = True
    wait_minutes: float = Field(default=3, ge=0, le=MAX_WAIT_MINUTES)
    """How long people have to acknowledge; 0.05 is three seconds; 0 pages at once."""
    provider: Literal["pagerduty"] = "pagerduty"
    new_rounds: bool = True
    """Whether new alerts in an incident that was acknowledged or paged begin a new deadline."""
    pagerduty: PagerDutySettings = PagerDutySettings()


class RedisSettings(Section):
    """The Redis that holds claims and the read model. `host: None` lets `ackline up` start a local one."""

    host: str | None = None
    port: int = 6379
    username: str | None = None
    password: SecretStr | None = None
    db: int = 0
    tls: bool = False
    insecure_skip_verify: bool = False
    """True accepts any certificate. For development only."""
    key_prefix: str = "ackline:"
    timeout: Duration = timedelta(milliseconds=250)
    """The longest that any call may hold up a decision. After it, law 2: in doubt, page."""


class KafkaSecurity(Section):
    """How to speak to a broker that asks who is there."""

    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    username: str | None = None
    password: SecretStr | None = None
    ca_file: Path | None = None
    """The broker's certificate authority, when it is none that the machine trusts."""


class KafkaSettings(Section):
    """The log that everything passes through. `bootstrap_servers: None` lets `ackline up` start a local one."""

    bootstrap_servers: str | None = None
    topic_prefix: str = "ackline."
    partitions: int = Field(default=8, ge=1, le=1024)
    """The same for every topic, so that one partition holds the whole story of a source key."""
    replication_factor: int = Field(default=1, ge=1)
    session_timeout: Duration = Field(default=timedelta(seconds=10), le=timedelta(seconds=12))
    """How long a dead worker keeps its partitions: the outage after a kill -9. Brokers refuse less than 6 s."""
    security: KafkaSecurity = KafkaSecurity()


class IncidentSettings(Section):
    """When a problem that comes again is the same episode."""

    quiet_after: Duration = timedelta(hours=5)
    """Silence that ends an incident whose sender never says `resolved`: Alertmanager's repeat_interval (4 h),
    its group_interval, and some."""


class AckSettings(Section):
    """How people acknowledge."""

    confirm: bool = False
    """True puts a button on the page of the ACK link; False lets the page acknowledge by itself."""
    signing_key: SecretStr | None = None
    """Set, ACK links are signed and all others are refused. At least 32 characters."""
    valid_for: Duration = timedelta(days=14)
    """How long a signed link works. Longer than the longest wait, or a late ACK would be refused."""

    @field_validator("signing_key")
    @classmethod
    def _long_enough(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and len(key.get_secret_value()) < 32:
            raise ValueError("must have at least 32 characters; `openssl rand -hex 32` makes one")
        return key


class IngestSettings(Section):
    """The bounds of the HTTP edge."""

    max_body_bytes: int = Field(default=960_000, ge=1_000, le=1_000_000)
    """1 MB less headroom, so that a body and its envelope fit one Kafka record."""
    publish_timeout: Duration = timedelta(seconds=5)
    """How long a request waits for Kafka before it is answered 503."""
    max_in_flight: int = Field(default=2_000, ge=1)
    """Requests waiting for Kafka at once; one more is answered 503, so that memory stays bounded."""


class TimerSettings(Section):
    """The clock of the timer agent."""

    tick: Duration = timedelta(milliseconds=250)
    """How often each partition looks for what is due: the usual lateness of a page is half of it, or
    nothing where the wait is 0."""


class ReconcilerSettings(Section):
    """The net below the timer agent."""

    grace: Duration = timedelta(seconds=60)
    """How long after its deadline a page may be missing before the reconciler sends it. A dead worker's partitions
    move after at most 12 s, a hung one is killed after half a minute, and tables take seconds to come back: what is
    missing after a minute is a bug, and no takeover."""


class Settings(Section):
    """The whole config file."""

    name: str = "ackline"
    host: str = "0.0.0.0"  # noqa: S104  # A server for others is what this is; the seed's file says the same.
    port: int = Field(default=3000, ge=0, le=65535)
    public_host: str = "http://localhost:3000"
    """The base of every ACK link, as people's browsers reach it."""
    alert: AlertSettings = AlertSettings()
    oncall: OnCallSettings = OnCallSettings()
    redis: RedisSettings = RedisSettings()
    kafka: KafkaSettings = KafkaSettings()
    incident: IncidentSettings = IncidentSettings()
    ack: AckSettings = AckSettings()
    ingest: IngestSettings = IngestSettings()
    timer: TimerSettings = TimerSettings()
    reconciler: ReconcilerSettings = ReconcilerSettings()

    @field_validator("public_host")
    @classmethod
    def _is_a_base_url(cls, url: str) -> str:
        if not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", url):
            raise ValueError("must be a URL such as https://ack.example, without a query")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _what_is_enabled_is_complete(self) -> Self:
        slack, problems = self.alert.slack, []
        if slack.enable and not (slack.token and slack.channel_id):
            problems.append(
                "alert.slack: needs token and channel_id; set them, or alert.slack.enable: false to tell nobody"
            )
        if self.oncall.enable and not self.oncall.pagerduty.routing_key:
            problems.append(
                "oncall.pagerduty.routing_key: is missing, so nobody could be paged; "
                "set it (PagerDuty: service, Integrations, Events API V2), or oncall.enable: false"
            )
        if problems:
            raise ValueError("\n".join(problems))
        return self

    @property
    def key_names(self) -> frozenset[str]:
        """The names by which alerts may choose a routing key. Names are no secrets; keys are."""
        return frozenset(self.oncall.pagerduty.other_routing_keys)

    @property
    def deployment_secret(self) -> bytes:
        """32 bytes that every role of one deployment agrees on: the root of event and incident ids.

        `ack.signing_key` where there is one, else derived from the configured tokens, so that ids cannot be
        guessed and a role with the same config computes the same ones.
        """
        if self.ack.signing_key:
            return derive_secret("ids", self.ack.signing_key)
        pagerduty = self.oncall.pagerduty
        others = [pagerduty.other_routing_keys[name] for name in sorted(pagerduty.other_routing_keys)]
        given = [self.alert.slack.token, pagerduty.routing_key, *others]
        return derive_secret("ids", *[secret for secret in given if secret])

    @property
    def ack_link_secret(self) -> bytes | None:
        """What ACK links are signed with by every role; None: they are not signed."""
        return derive_secret("ack-links", self.ack.signing_key) if self.ack.signing_key else None
