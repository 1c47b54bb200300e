"""Every bench, in the order in which they are run."""

from bench.benches.ingest import INGEST
from bench.measure import Bench


BENCHES: tuple[Bench, ...] = (INGEST,)
