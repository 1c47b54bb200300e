"""Every row, in the order in which they are run."""

from faults.row import Row
from faults.rows import clocks, destinations, processes, records, servers


ROWS: tuple[Row, ...] = (*processes.ROWS, *servers.ROWS, *clocks.ROWS, *destinations.ROWS, *records.ROWS)
