"""What the settings say about decisions: for whoever decides, and for whoever decides anew, who needs no Faust for it."""

from datetime import timedelta

from config.settings import Settings
from streams.decide.correlation import Policy


def policy_of(settings: Settings) -> Policy:
    """What the settings say about correlation."""
    return Policy(
        secret=settings.deployment_secret,
        quiet_after_ms=settings.incident.quiet_after // timedelta(milliseconds=1),
        oncall=settings.oncall.enable,
        can_page=settings.oncall.pagerduty.routing_key is not None,
        wait_minutes=settings.oncall.wait_minutes,
    )
