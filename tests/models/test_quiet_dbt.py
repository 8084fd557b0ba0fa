"""dbt without its unread events: what is heard, logged, typed and rendered stays as it was."""

from collections.abc import Iterator
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from dbt.clients.jinja import MacroGenerator, MacroStack
from dbt.context.macros import MacroNamespace, MacroNamespaceBuilder
from dbt.context.manifest import ManifestContext
from dbt.events.types import NodeCompiling
from dbt_common.clients import agate_helper
from dbt_common.clients.jinja import get_environment
from dbt_common.events import event_manager_client
from dbt_common.events.base_types import EventLevel, EventMsg
from dbt_common.events.event_manager import EventManager
from dbt_common.events.functions import fire_event
from dbt_common.events.logger import LoggerConfig
from dbt_common.events.types import Note

from orchestration.quiet_dbt import quieten


@pytest.fixture
def manager() -> Iterator[EventManager]:
    """The one in use, with nobody listening and no log; left that way."""
    quieten()
    manager = event_manager_client.get_event_manager()
    event_manager_client.cleanup_event_logger()
    assert isinstance(manager, EventManager)
    yield manager
    event_manager_client.cleanup_event_logger()


def test_warnings_and_errors_are_heard_and_chatter_is_not(manager: EventManager) -> None:
    heard: list[EventMsg] = []
    manager.add_callback(heard.append)
    for level in (EventLevel.DEBUG, EventLevel.INFO, EventLevel.WARN, EventLevel.ERROR):
        fire_event(Note(msg=f"a {level.value}"), level=level)
    assert [one.data.msg for one in heard] == ["a warn", "a error"]


def test_a_log_gets_every_event_in_full(manager: EventManager) -> None:
    node = {"node_info": {"unique_id": "model.daily_sales"}}
    assert NodeCompiling(**node).node_info.unique_id == ""
    log = StringIO()
    manager.add_logger(LoggerConfig(name="log", level=EventLevel.DEBUG, output_stream=log))
    fire_event(NodeCompiling(**node))
    assert "daily_sales" in log.getvalue()


@pytest.mark.usefixtures("manager")
def test_a_table_is_typed_as_before() -> None:
    rows = [{"n": 7, "day": "2026-01-01", "text": "005"}]
    for _ in range(2):
        table = agate_helper.table_from_data_flat(rows, ["n", "day", "text"])
        assert [type(one).__name__ for one in table.column_types] == ["Integer", "Text", "Text"]
        assert table.rows[0].values() == (7, "2026-01-01", "005")


@pytest.mark.usefixtures("manager")
def test_a_template_is_compiled_once_for_each_way_of_rendering() -> None:
    source = "{{ 1 + given }} and once"
    texts = get_environment()
    native = get_environment(native=True)
    assert texts.compile(source) is get_environment().compile(source)
    assert texts.compile(source) is not native.compile(source)
    assert texts.from_string(source).render({"given": 2}) == "3 and once"
    assert texts.from_string(source).render({"given": 3}) == "4 and once"


MACROS = {
    "dbt": ("dispatched", "of_all", "of_dbt"),
    "dbt_duckdb": ("dispatched", "of_all"),
    "other": ("of_all", "of_other"),
    "ours": ("of_all", "of_root"),
    "nodes_own": ("of_all", "of_node"),
}


class _OnlyMacros(ManifestContext):
    """A context with nothing in it but its macros."""

    def __init__(self, namespace: MacroNamespace) -> None:
        self._ctx = {}
        self.namespace = namespace

    def generate_builtins(self) -> dict[str, Any]:
        return {}


@pytest.mark.usefixtures("manager")
def test_macros_are_found_as_dbt_finds_them() -> None:
    stack, node, context = MacroStack(), object(), dict[str, Any]()
    builder = MacroNamespaceBuilder("ours", "nodes_own", stack, ["dbt_duckdb", "dbt"], node)
    macros: Any = {
        package: {name: SimpleNamespace(name=name, package_name=package) for name in names}
        for package, names in MACROS.items()
    }
    found = builder.build_namespace(macros, context)
    flat = _OnlyMacros(found).to_dict()
    assert {name: flat[name] for name in found} == dict(found)
    one = {
        name: macro.macro.package_name for name, macro in flat.items() if name[:2] in ("of", "di")
    }
    assert one == {
        "dispatched": "dbt_duckdb",
        "of_all": "nodes_own",
        "of_dbt": "dbt",
        "of_node": "nodes_own",
        "of_root": "ours",
    }
    assert set(flat) - set(one) == {"context", "builtins", "dbt", "other", "ours", "nodes_own"}
    theirs = MacroGenerator(macros["ours"]["of_root"], context, node, stack)
    assert vars(flat["of_root"]) == vars(theirs)
