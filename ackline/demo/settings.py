"""The demo's own config file: short waits, the stand-ins for Slack and PagerDuty, and keys that open nothing.

Its topics, its tables and its part of Redis are apart from those of an `ackline up` in the same state directory.
"""

from pathlib import Path

import yaml

import config

from sandbox.server import Sandbox
from sandbox.slack import TOKEN


WAIT_SECONDS = 3
"""How long people have to acknowledge in the demo."""

KEYS = {"default": "DefaultDemoRoutingKey00000000001", "infra": "InfraDemoRoutingKey0000000000002"}
"""The routing keys that the stand-in PagerDuty knows, by their names."""

CHANNEL = "C0ONCALL"


def write_config(file: Path, port: int, sandbox: Sandbox) -> None:
    """Write the file for a pipeline that takes alerts at this port."""
    tree = {
        "name": "ackline-demo",
        "host": "127.0.0.1",
        "port": port,
        "public_host": f"http://127.0.0.1:{port}",
        "alert": {
            "slack": {
                "token": TOKEN,
                "channel_id": CHANNEL,
                "template_path": str(Path(config.__file__).with_name("slack_message.j2")),
                "api_url": sandbox.slack_api_url,
            }
        },
        "oncall": {
            "wait_minutes": WAIT_SECONDS / 60,
            "pagerduty": {
                "routing_key": KEYS["default"],
                "other_routing_keys": {name: key for name, key in KEYS.items() if name != "default"},
                "events_url": sandbox.pagerduty_url,
            },
        },
        "redis": {"key_prefix": "ackline-demo:"},
        # After a kill -9 the next run waits this long for the partitions of the last one; brokers allow no less.
        "kafka": {"topic_prefix": "ackline-demo.", "partitions": 4, "session_timeout": "6s"},
    }
    file.write_text(f"# Written anew by each `ackline demo`.\n{yaml.safe_dump(tree, sort_keys=False)}")
