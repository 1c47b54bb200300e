"""Bodies of alerts for tests: Alertmanager's, and any that a JSON object can be."""

from typing import Any

from hypothesis import strategies as st


def alertmanager_body(**labels: str) -> dict[str, Any]:
    """A small group of one firing alert; labels are added to its own, or replace them."""
    common = {"alertname": "DiskFull", "severity": "critical", "instance": "db1:9100", "job": "node", **labels}
    notes = {"description": "Only 3 % are left.", "runbook_url": "https://runbooks.example/disk"}
    alert = {"status": "firing", "labels": common, "annotations": notes, "startsAt": "2023-11-14T22:10:00.123456789Z",
             "generatorURL": "http://prometheus.example/graph", "fingerprint": "f1"}  # fmt: skip
    return {"version": "4", "groupKey": "g", "status": "firing", "receiver": "r", "alerts": [alert],
            "commonLabels": common, "commonAnnotations": notes, "externalURL": "http://alertmanager.example"}  # fmt: skip


_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_KEYS = st.sampled_from(
    ["alerts", "commonLabels", "commonAnnotations", "labels", "annotations", "title", "severity", "status", "host", "x"]
)

any_body = st.dictionaries(_KEYS, _VALUES)
"""Objects that have the usual fields, with anything at all in them."""
