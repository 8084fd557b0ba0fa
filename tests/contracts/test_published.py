"""Published versions cannot be changed without a trace, and the command that says so."""

import json
import shutil
from pathlib import Path

import pytest

from ingestion import contracts
from ingestion.contracts.published import LIST, compare, publish
from ingestion.contracts.registry import read, shipped_folder
from ingestion.contracts.review import review
from ledger.errors import IncorrectInput
from tests.cli.terminal import Terminal
from tests.contracts.made import COLUMNS, text, write
from tests.contracts.registry_server import Registry, running

FIELDS = f"{COLUMNS}[payload]\na = {{ kind = 'text' }}"


@pytest.fixture
def terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    monkeypatch.setenv("COLUMNS", "200")
    return Terminal(tmp_path, monkeypatch, capsys)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two versions, published."""
    made = write(tmp_path / "contracts", {"Made.v1": text(1), "Made.v2": text(2, body=FIELDS)})
    assert publish(made) == ["Made.v1", "Made.v2"]
    return made


def test_the_shipped_contracts_are_published_and_keep_what_they_promise() -> None:
    """Red after a new version: `ledgerlake contracts check --publish`. Never after an old one."""
    found = review(shipped_folder())
    assert [one for one in found.versions if not one.passed] == []
    assert found.passed
    assert len(found.versions) == len(list(contracts.load())) > 25


def test_a_comment_may_change_and_nothing_else(folder: Path) -> None:
    path = folder / "Made.v1.toml"
    path.write_text("# Said better.\n" + path.read_text())
    assert review(folder).passed
    path.write_text(path.read_text().replace("required = true", "required = false"))
    (changed,) = (one for one in review(folder).versions if one.fault)
    assert (changed.contract, changed.state) == ("Made.v1", "changed")
    assert publish(folder) == []
    assert not review(folder).passed


def test_a_published_version_that_is_gone_is_missed(folder: Path) -> None:
    (folder / "Made.v2.toml").unlink()
    found = review(folder)
    assert not found.passed and len(found.gone) == 1
    assert found.gone[0].startswith("Made.v2 was published and has no file")
    assert review(folder, event_type="Made").gone == found.gone
    write(folder, {"Made.v2": text(2, body=FIELDS)})
    (folder / "Made.v1.toml").unlink()
    with pytest.raises(IncorrectInput, match="versions 1 to 1, found 2"):
        review(folder)


def test_a_line_is_only_ever_added(folder: Path) -> None:
    before = (folder / LIST).read_text()
    write(folder, {"Made.v3": text(3), "Alone.v1": text(1, event_type="Alone")})
    assert publish(folder) == ["Alone.v1", "Made.v3"]
    after = (folder / LIST).read_text()
    assert set(before.splitlines()) < set(after.splitlines())
    assert after.splitlines() == sorted(after.splitlines())
    assert {one.state for one in compare(folder)} == {"published"}


@pytest.mark.parametrize("line", ["Made.v1", "Made.v1 0 0", "Made.v1 0"])
def test_a_broken_list_is_refused(folder: Path, line: str) -> None:
    with (folder / LIST).open("a") as file:
        file.write(line + "\n")
    with pytest.raises(IncorrectInput, match="a line `<Type>"):
        compare(folder)


def test_a_file_named_after_another_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IncorrectInput, match=r"expected Made\.v1\.toml, found Made\.v2\.toml"):
        read(write(tmp_path, {"Made.v2": text(1)}))
    with pytest.raises(IncorrectInput, match="KeyError"):
        read(write(tmp_path, {"Made.v2": "event_type = 'Made'"}))


def test_check_fails_on_a_version_that_breaks_its_promise_and_does_not_publish_it(
    terminal: Terminal, folder: Path
) -> None:
    body = f"{COLUMNS}[payload]\na = {{ kind = 'integer' }}"
    write(folder, {"Made.v3": text(3, body=body)})
    said = terminal.run("contracts", "check", "--publish", "--folder", str(folder))
    assert said.code == 1
    assert "Made.v3 cannot read Made.v2 at payload.a" in said.text
    assert "Contracts are broken." in said.text
    assert "Made.v3" not in (folder / LIST).read_text()
    write(folder, {"Made.v3": text(3, body=FIELDS)})
    assert terminal.run("contracts", "check", "--folder", str(folder)).code == 1
    said = terminal.run("contracts", "check", "--publish", "--folder", str(folder), "--json")
    assert said.code == 0
    assert (said.json["passed"], said.json["added"]) == (True, ["Made.v3"])


def test_check_answers_for_one_type_and_any_level(terminal: Terminal) -> None:
    said = terminal.run("contracts", "check", "LatenessPolicySet", "--level", "full", "--json")
    assert said.code == 0
    assert [one["demanded"] for one in said.json["versions"]] == ["full", "full"]
    said = terminal.run("contracts", "check", "Nothing")
    assert said.code == 2 and "SaleRecorded" in said.text


def test_list_and_show_say_what_there_is(terminal: Terminal) -> None:
    rows = terminal.run("contracts", "list", "--json").json["contracts"]
    (deposits,) = (one for one in rows if one["event_type"] == "FundsDeposited")
    assert deposits == {
        "event_type": "FundsDeposited",
        "family": "accounts",
        "versions": 3,
        "promises": "full_transitive",
        "published": True,
    }
    shown = terminal.run("contracts", "show", "FundsDeposited", "--version", "2").text
    assert "add target currency, value XXX, lookup account_currency" in shown
    newest = terminal.run("contracts", "show", "FundsDeposited").text
    assert "split field payer, at ' / ', into payer_name and payer_account" in newest
    said = terminal.run("contracts", "show", "FundsDeposited", "--version", "9")
    assert said.code == 2 and "1 to 3" in said.text


def test_export_prints_or_writes_each_version(terminal: Terminal, tmp_path: Path) -> None:
    printed = terminal.run("contracts", "export", "FundsDeposited", "--version", "3").json
    assert (printed["name"], printed["schema_version"]) == ("FundsDeposited", 3)
    to = tmp_path / "schemas"
    for form, ending in (("avro", "avsc"), ("json-schema", "schema.json")):
        said = terminal.run("contracts", "export", "--format", form, "--to", str(to), "--json")
        assert len(said.json["files"]) == len(list(contracts.load()))
        assert json.loads((to / f"SaleRecorded.v1.{ending}").read_text())
    macros = terminal.run("contracts", "export", "--format", "dbt").out
    assert "{% macro column_upcasts(family) %}" in macros


def test_export_brings_schemas_to_a_registry(terminal: Terminal) -> None:
    with running(Registry()) as registry:
        said = terminal.run("contracts", "export", "--registry", registry.url, "--json").json
        assert len(said["schemas"]) == len(list(contracts.load()))
        assert registry.subjects["SaleRecorded-value"]
        said = terminal.run("contracts", "export", "--registry", registry.url, "--json").json
        assert not any(one["is_new"] for one in said["schemas"])


def test_the_package_ships_the_list(tmp_path: Path) -> None:
    shutil.copytree(shipped_folder(), tmp_path / "copy")
    assert review(tmp_path / "copy").passed
