"""How much a source file may ask of this machine. Values come from the settings.

Holds `Limits`. Does not read settings. Passed to every kind of source.
"""

from dataclasses import dataclass

MB = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Limits:
    """`chunk_rows`: rows per commit. `line_bytes`: longest row of a text file that is taken; a
    longer one is quarantined. `inflation`: how many times its size a gzip may grow to.

    Each names in `setting` errors which key of the settings moves it.
    """

    chunk_rows: int = 250_000
    line_bytes: int = 16 * MB
    inflation: int = 200

    @property
    def record_bytes_max(self) -> int:
        """A text file without a line end for so long is no file of rows: it is refused whole."""
        return 16 * self.line_bytes
