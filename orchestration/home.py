"""Where everything lies below the home folder: the one owner of these paths.

Does not create or read anything. Called by every command, by builds and by publishing.
"""

from dataclasses import dataclass
from pathlib import Path

from orchestration.settings import Settings


@dataclass(frozen=True)
class Home:
    """Paths of one home and tenant. `root` is absolute, so that published views work anywhere."""

    root: Path
    tenant: str
    journal_url: str = ""
    """Where the settings put the journal; empty: `journal_file`."""

    @classmethod
    def of(cls, settings: Settings) -> "Home":
        return cls(settings.home.expanduser().resolve(), settings.tenant, settings.journal.url)

    @property
    def lake(self) -> Path:
        return self.root / "lake" / self.tenant

    @property
    def index(self) -> Path:
        """Derived state of the lake; may be deleted and is built again."""
        return self.root / "index" / self.tenant

    @property
    def tail(self) -> Path:
        """Compacted copies of small commits behind the edition; derived."""
        return self.index / "tail"

    @property
    def journal_file(self) -> Path:
        """SQLite's file, where the settings name no other database."""
        return self.root / "journal" / self.tenant / "journal.sqlite"

    @property
    def journal(self) -> str:
        """The journal's database URL."""
        return self.journal_url or f"sqlite:///{self.journal_file}"

    @property
    def keys(self) -> Path:
        """Private keys and their public halves; readable by the owner only."""
        return self.root / "keys"

    @property
    def lake_keys(self) -> Path:
        return self.keys / "lake"

    @property
    def people_keys(self) -> Path:
        return self.keys / "people"

    @property
    def warehouse(self) -> Path:
        """The DuckDB file dbt writes; one process at a time."""
        return self.root / "warehouse" / "warehouse.duckdb"

    @property
    def target(self) -> Path:
        """dbt's artifacts: manifest, run results, compiled SQL."""
        return self.root / "warehouse" / "target"

    @property
    def build_lock(self) -> Path:
        return self.root / "warehouse" / "build.lock"

    @property
    def build_record(self) -> Path:
        """What the last build did, as JSON."""
        return self.root / "warehouse" / "build.json"

    @property
    def schedule_manifest(self) -> Path:
        """dbt's manifest as Dagster's definitions read it; apart from the one a build writes."""
        return self.root / "warehouse" / "definitions" / "manifest.json"

    @property
    def alerts(self) -> Path:
        """What people were told, as JSON lines."""
        return self.root / "alerts"

    @property
    def published(self) -> Path:
        return self.root / "published"

    @property
    def current(self) -> Path:
        """The file readers open: views over the current edition."""
        return self.published / "current.duckdb"

    @property
    def editions(self) -> Path:
        return self.published / "editions"

    @property
    def tables(self) -> Path:
        return self.published / "tables"

    @property
    def certificates(self) -> Path:
        """Signed certificates of closed periods; they name editions and files that stay."""
        return self.published / "certificates"

    @property
    def close_runs(self) -> Path:
        """One folder per close: plan, state of the run, documents of the gate."""
        return self.root / "close"

    @property
    def close_lock(self) -> Path:
        return self.close_runs / "close.lock"

    @property
    def interest(self) -> Path:
        """One folder per replay of interest: the plan and its reports; and the notices."""
        return self.root / "interest" / self.tenant

    @property
    def interest_lock(self) -> Path:
        return self.interest / "interest.lock"

    @property
    def publish_lock(self) -> Path:
        return self.published / "publish.lock"
