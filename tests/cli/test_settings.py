"""Settings come from one file and the environment; bad ones are refused with what is allowed."""

from pathlib import Path

import pytest

from ledger.errors import IncorrectInput
from orchestration import settings
from tests.cli.terminal import Terminal

DOCS = Path(__file__).resolve().parents[2] / "docs" / "settings.md"
EXAMPLE = Path(__file__).resolve().parents[2] / "ledgerlake.toml"


def test_defaults_need_no_file(terminal: Terminal) -> None:
    chosen = settings.load(terminal.folder)
    assert (chosen.home, chosen.tenant) == (Path("data"), "default")
    assert (chosen.lateness.max_delay_days, chosen.lateness.initial_grace_hours) == (5, 6)


def test_environment_wins_over_the_file(terminal: Terminal) -> None:
    terminal.settings_file('home = "there"\n[lateness]\nmax_delay_days = 9\n')
    terminal.set("LEDGERLAKE_LATENESS__INITIAL_GRACE_HOURS", "12")
    chosen = settings.load(terminal.folder)
    assert (chosen.lateness.max_delay_days, chosen.lateness.initial_grace_hours) == (9, 12)
    terminal.set("LEDGERLAKE_HOME", "here")
    assert settings.load(terminal.folder).home == Path("here")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("colour = 1", ["setting colour", "home, tenant", "colour = 1"]),
        ("[lateness]\nmax_days = 1", ["setting lateness.max_days", "lateness.max_delay_days"]),
        ("[lateness]\nmax_delay_days = -1", ["lateness.max_delay_days", "from 0 to 36500", "-1"]),
        ("[lateness]\nmax_delay_days = 'x'", ["lateness.max_delay_days", "a whole number", "'x'"]),
        ("[editions]\nkeep = 0", ["editions.keep", "from 1", "0"]),
        ("tenant = '../up'", ["setting tenant", "small letters", "'../up'"]),
        ("[duckdb]\nmemory_limit = 'all'", ["duckdb.memory_limit", "2GB", "'all'"]),
        ("home = [", ["ledgerlake.toml", "a TOML file"]),
    ],
)
def test_a_bad_file_is_refused_with_key_value_and_what_is_allowed(
    terminal: Terminal, text: str, said: list[str]
) -> None:
    terminal.settings_file(text)
    with pytest.raises(IncorrectInput) as refused:
        settings.load(terminal.folder)
    for words in said:
        assert words in str(refused.value)
    done = terminal.run("init")
    assert done.code == 2
    assert "Traceback" not in done.err
    assert not (terminal.folder / "data").exists(), "refused before anything was made"


def test_a_bad_variable_is_refused_by_its_name(terminal: Terminal) -> None:
    terminal.set("LEDGERLAKE_EDITIONS__KEEP", "many")
    with pytest.raises(IncorrectInput, match="from LEDGERLAKE_EDITIONS__KEEP"):
        settings.load(terminal.folder)


def test_an_unknown_variable_is_refused(terminal: Terminal) -> None:
    terminal.set("LEDGERLAKE_COLOUR", "red")
    with pytest.raises(IncorrectInput, match="LEDGERLAKE_COLOUR = 'red'"):
        settings.load(terminal.folder)


@pytest.mark.parametrize("name", ["GATEWAY_TOKEN_FROM", "GATEWAY_TOKEN"])
def test_a_token_put_where_its_place_belongs_is_refused_and_not_shown(
    terminal: Terminal, name: str
) -> None:
    terminal.set(f"LEDGERLAKE_PAYMENTS__{name}", "sk-live.4eC39HqLyj")
    with pytest.raises(IncorrectInput, match="a value that is not shown") as error:
        settings.load(terminal.folder)
    assert "sk-live" not in str(error.value)


def test_every_setting_is_documented_with_its_default_and_range() -> None:
    text = DOCS.read_text()
    missing = [
        key
        for key, default, allowed, meaning in settings.documented()
        if f"| `{key}` | `{settings.variable(key)}` | `{default}` | {allowed} | {meaning} |"
        not in text
    ]
    assert not missing, f"docs/settings.md lacks or misstates {missing}"


def test_the_example_file_is_valid_and_holds_the_defaults(terminal: Terminal) -> None:
    terminal.settings_file(EXAMPLE.read_text())
    assert settings.load(terminal.folder) == settings.Settings()
    sections = "".join(line.lstrip("# ") for line in EXAMPLE.read_text().splitlines(keepends=True))
    keys = [key.split(".")[-1] for key, *_ in settings.documented()]
    assert not [key for key in keys if f"{key} =" not in sections]
