"""Every bench, in the order in which they are run."""

from bench.benches.audit import AUDIT
from bench.benches.end_to_end import END_TO_END
from bench.benches.fan_out import FAN_OUT
from bench.benches.footprint import FOOTPRINT
from bench.benches.ingest import INGEST
from bench.benches.notifier import NOTIFIER
from bench.benches.overload import OVERLOAD
from bench.benches.pending import PENDING
from bench.benches.scaling import SCALING
from bench.benches.slow_slack import SLOW_SLACK
from bench.benches.timer import BURST, STEADY
from bench.measure import Bench


BENCHES: tuple[Bench, ...] = (
    INGEST,
    SLOW_SLACK,
    FAN_OUT,
    SCALING,
    BURST,
    STEADY,
    NOTIFIER,
    END_TO_END,
    FOOTPRINT,
    PENDING,
    OVERLOAD,
    AUDIT,
)
