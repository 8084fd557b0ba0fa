"""Every setting of Ledgerlake: its type, its default and what is allowed.

Sources, strongest first: environment `LEDGERLAKE_*` (`__` between section and key), then
`ledgerlake.toml` in the working folder. Unknown keys are refused, never ignored.
Does not hold paths below the home (`home`). Read once by each command.
"""

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from ingestion.passwords import without_passwords
from ledger.errors import IncorrectInput

FILE_NAME = "ledgerlake.toml"
PREFIX = "LEDGERLAKE_"
SEPARATOR = "__"

_MEMORY_SIZE = r"^[1-9][0-9]*(MB|GB|MiB|GiB)$"
_DATABASE = r"^((sqlite|postgresql)://\S+)?$"
_WEB_ADDRESS = r"^(https?://\S+)?$"
_TOKEN_PLACE = r"^((file|env):\S+)?$"
_SECRET = re.compile(r"token|secret|password|key", re.IGNORECASE)
"""Names of settings whose value may be a secret put there by mistake, so it is not shown."""
_TENANT_NAME = r"^[a-z0-9][a-z0-9_-]{0,62}$"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Lateness(_Section):
    """How long figures may still move. `ledgerlake init` records a change as an event."""

    max_delay_days: int = Field(
        default=5, ge=0, le=36_500, description="days after the first cut-off; later goes to people"
    )
    initial_grace_hours: int = Field(
        default=6, ge=0, le=8760, description="hours after the business day until it is reported"
    )


class Editions(_Section):
    """What is kept of published editions, so that their readers are left alone."""

    keep: int = Field(default=5, ge=1, le=10_000, description="newest editions kept for rollback")
    keep_hours: int = Field(
        default=24, ge=0, le=87_600, description="replaced editions stay readable this long"
    )


class Ingest(_Section):
    """Bounds of what is taken in, and when a commit is made."""

    commit_rows: int = Field(
        default=250_000, ge=100, le=5_000_000, description="most rows in one commit"
    )
    future_skew_minutes: int = Field(
        default=10, ge=0, le=1440, description="how far ahead of the clock a source may be"
    )
    largest_inflation: int = Field(
        default=200, ge=2, le=10_000, description="refuse a gzip that grows by more than this"
    )
    largest_line_mb: int = Field(
        default=16, ge=1, le=1024, description="longest line of a text file, MB"
    )


class Journal(_Section):
    """Where commands and their events are kept until the lake has them."""

    url: Annotated[str, StringConstraints(pattern=_DATABASE)] = Field(
        default="",
        description="database as postgresql://USER@HOST/NAME; empty = SQLite in the home",
    )
    keep_days: int = Field(
        default=30,
        ge=1,
        le=3650,
        description="days an event stays in the journal; one the lake does not have stays longer",
    )


class Payments(_Section):
    """Who is asked for payments and receipts, by `ledgerlake saga run`."""

    gateway_url: Annotated[str, StringConstraints(pattern=_WEB_ADDRESS)] = Field(
        default="", description="payment gateway: POST captures and refunds below it; empty = none"
    )
    receipts_url: Annotated[str, StringConstraints(pattern=_WEB_ADDRESS)] = Field(
        default="", description="sender of receipts: POST receipts below it; empty = none"
    )
    gateway_token_from: Annotated[str, StringConstraints(pattern=_TOKEN_PLACE)] = Field(
        default="", description="its bearer token lies in file:PATH or env:NAME; empty = none"
    )
    receipts_token_from: Annotated[str, StringConstraints(pattern=_TOKEN_PLACE)] = Field(
        default="", description="as gateway_token_from, for receipts"
    )
    call_seconds: int = Field(
        default=10, ge=1, le=120, description="how long either may take to answer"
    )
    calls_at_once: int = Field(
        default=16, ge=1, le=256, description="most calls under way at one moment"
    )


class Periods(_Section):
    """When the period clock closes a period softly: `close_at`, counted from its end in UTC."""

    close_at_days: int = Field(
        default=5, ge=0, le=365, description="days after a period's end until the clock closes it"
    )
    close_at_hours: int = Field(default=6, ge=0, le=23, description="and hours after these days")


class Alerts(_Section):
    """Where people are told, beside the file `alerts/<month>.jsonl` of the home."""

    webhook_url: Annotated[str, StringConstraints(pattern=_WEB_ADDRESS)] = Field(
        default="", description="address that gets each alert as JSON by POST; empty = none"
    )
    webhook_seconds: int = Field(
        default=10, ge=1, le=120, description="how long the webhook may take to answer"
    )


class DuckDB(_Section):
    """What builds, publishing and queries may use of the machine."""

    memory_limit: Annotated[str, StringConstraints(pattern=_MEMORY_SIZE)] = Field(
        default="3GB", description="memory for DuckDB, as 2GB or 512MB"
    )
    threads: int = Field(
        default=0,
        ge=0,
        le=256,
        description="threads for DuckDB; 0 = as many as the process may use",
    )


class Settings(BaseSettings):
    """All settings of one run."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter=SEPARATOR, extra="forbid", frozen=True
    )

    home: Path = Field(default=Path("data"), description="folder of all state")
    tenant: Annotated[str, StringConstraints(pattern=_TENANT_NAME)] = Field(
        default="default", description="whose lake: small letters, digits, - and _"
    )
    lateness: Lateness = Lateness()
    editions: Editions = Editions()
    ingest: Ingest = Ingest()
    journal: Journal = Journal()
    payments: Payments = Payments()
    periods: Periods = Periods()
    alerts: Alerts = Alerts()
    duckdb: DuckDB = DuckDB()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 pydantic-settings gives it
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment over the file's values, which `load` gives as arguments."""
        del dotenv_settings, file_secret_settings
        return env_settings, init_settings

    @property
    def threads(self) -> int:
        """Threads to use: as set, or as many as this process may run on."""
        return self.duckdb.threads or len(os.sched_getaffinity(0))


def load(folder: Path | None = None) -> Settings:
    """Settings from `ledgerlake.toml` in `folder` (default: working folder) and the environment.

    IncorrectInput names the key, the value found and what is allowed, for the first bad one.
    """
    folder = folder or Path.cwd()
    _refuse_unknown_variables()
    values = _read_file(folder / FILE_NAME)
    try:
        return Settings(**values)
    except ValidationError as error:
        raise _refusal(error) from None


def documented() -> Iterator[tuple[str, Any, str, str]]:
    """(dotted key, default, what is allowed, meaning) of every setting, in order."""
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, _Section):
            for inner, spec in kind.model_fields.items():
                yield f"{name}.{inner}", spec.default, _allowed(spec), str(spec.description)
        else:
            yield name, field.default, _allowed(field), str(field.description)


def variable(key: str) -> str:
    """The environment variable of a dotted key."""
    return PREFIX + key.replace(".", SEPARATOR).upper()


def _allowed(field: FieldInfo) -> str:
    kinds: dict[object, str] = {int: "a whole number", Path: "a path"}
    words = {"ge": "from {}", "gt": "above {}", "le": "to {}"}
    bounds = [
        text.format(getattr(one, name))
        for one in field.metadata
        for name, text in words.items()
        if hasattr(one, name)
    ]
    return " ".join([kinds.get(field.annotation, "text"), *bounds])


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise IncorrectInput(
            "settings_must_be_toml",
            thing=f"settings file {path}",
            expected="a TOML file",
            found=str(error),
            remedy="Repair the line, or compare with docs/settings.md.",
        ) from None


def _refuse_unknown_variables() -> None:
    known = {variable(key) for key, *_ in documented()}
    for name, value in os.environ.items():
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            raise _unknown(name, value, sorted(known))


def _unknown(name: str, value: object, known: list[str]) -> IncorrectInput:
    return IncorrectInput(
        "setting_must_be_known",
        thing=f"setting {name}",
        expected=f"one of {', '.join(known)}",
        found=without_passwords(f"the unknown key {name} = {_shown(name, value)}"),
        remedy="Remove it or repair its name; docs/settings.md lists all.",
    )


def _shown(name: str, value: object) -> str:
    return "a value that is not shown" if _SECRET.search(name) else repr(value)


def _refusal(error: ValidationError) -> IncorrectInput:
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return _unknown(key, first["input"], [one for one, *_ in documented()])
    allowed = {one: f"{text} ({why})" for one, _, text, why in documented()}
    place = variable(key) if variable(key) in os.environ else FILE_NAME
    return IncorrectInput(
        "setting_must_be_allowed",
        thing=f"setting {key} (from {place})",
        expected=allowed.get(key, "a section of keys"),
        found=without_passwords(_shown(key, first["input"])),
        remedy="Set an allowed value; docs/settings.md lists all.",
    )
