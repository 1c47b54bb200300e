"""The alerts of the demo, as an Alertmanager sends them: groups of one firing alert with labels and annotations."""

import secrets

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What goes wrong, and where."""

    alertname: str
    severity: str
    instance: str
    description: str
    channel: str | None = None
    """The Slack channel of the team that is told. None is the configured one."""

    def anew(self) -> Self:
        """The same on an instance that no earlier run has had, so that it is news to the pipeline."""
        return replace(self, instance=f"{self.instance}-{secrets.token_hex(2)}")

    def body(self, status: str = "firing") -> dict[str, Any]:
        """The webhook body, version 4."""
        labels = {"alertname": self.alertname, "instance": self.instance, "severity": self.severity}
        annotations = {"description": self.description, "runbook_url": f"https://runbooks.example/{self.alertname}"}
        started = datetime.now(UTC).isoformat()
        alert = {
            "status": status,
            "labels": labels,
            "annotations": annotations,
            "startsAt": started,
            "endsAt": started if status == "resolved" else "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus.example/graph",
            "fingerprint": self.instance,
        }
        return {
            "version": "4",
            "groupKey": f'{{}}:{{alertname="{self.alertname}", instance="{self.instance}"}}',
            "truncatedAlerts": 0,
            "status": status,
            "receiver": "ackline",
            "groupLabels": {"alertname": self.alertname, "instance": self.instance},
            "commonLabels": labels,
            "commonAnnotations": annotations,
            "externalURL": "http://alertmanager.example",
            "alerts": [alert],
        }


HIGH_ERROR_RATE = Alert(
    alertname="HighErrorRate",
    severity="critical",
    instance="checkout",
    description="7.4 % of the requests end in an error (limit 1 %).",
)
HIGH_LATENCY = Alert(
    alertname="HighLatency",
    severity="critical",
    instance="search",
    description="The slowest 1 % of the requests take over 4.2 s.",
)
INSTANCE_DOWN = Alert(
    alertname="InstanceDown",
    severity="critical",
    instance="payments",
    description="Prometheus has not reached it for 2 minutes.",
)
DATABASE_DOWN = Alert(
    alertname="PostgresDown",
    severity="urgent",
    instance="orders-db",
    description="The primary refuses connections; no replica has taken over.",
    channel="C0DATABASE",
)
CERTIFICATE_EXPIRES = Alert(
    alertname="CertificateExpiresSoon",
    severity="warning",
    instance="shop",
    description="The certificate ends in 13 days.",
    channel="C0WEB",
)
NODE_NOT_READY = Alert(
    alertname="KubeNodeNotReady",
    severity="critical",
    instance="worker-3",
    description="The node has not been ready for 5 minutes.",
    channel="C0INFRA",
)
DISK_FILLS = Alert(
    alertname="DiskWillFillIn4Hours",
    severity="critical",
    instance="backup",
    description="3 % are left, and 0.8 % fewer each hour.",
    channel="C0STORAGE",
)
QUEUE_GROWS = Alert(
    alertname="QueueGrows",
    severity="critical",
    instance="mailer",
    description="48,210 mails are waiting, and it becomes more.",
    channel="C0MAIL",
)
TOO_MANY_LOGINS = Alert(
    alertname="TooManyFailedLogins",
    severity="critical",
    instance="sso",
    description="900 failed logins a minute, from 3 addresses.",
    channel="C0SECURITY",
)
WATCHDOG = Alert(
    alertname="Watchdog",
    severity="none",
    instance="watchdog",
    description="Shows that pages get through. What should have come before this one and has not, will not come.",
    channel="C0WATCHDOG",
)
