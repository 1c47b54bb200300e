"""A wall clock that processes share, and that can be put forward and back."""

from pathlib import Path


_DIRECTORY = Path(__file__).parent


class WallClock:
    """The clock of a deployment's processes; ours and the sandbox's is the true one."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.put(0)

    @property
    def environ(self) -> dict[str, str]:
        """For processes that are to have it."""
        return {"PYTHONPATH": str(_DIRECTORY), "FAULTS_CLOCK": str(self._file)}

    def put(self, seconds: float) -> None:
        """Put it so far ahead of the true time."""
        moved = round(seconds * 1_000_000_000).to_bytes(8, "little", signed=True)
        if not self._file.exists():
            self._file.write_bytes(moved)
        with self._file.open("r+b") as file:
            file.write(moved)
