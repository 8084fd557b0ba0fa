"""dbt in this process without the work nobody looks at: a third of a small build's time.

Holds `quieten`. dbt tells some twenty things about each node, as protobuf messages, and most tell
only a log that is switched off here; it makes the parsers that guess a column's type anew for each
query, compiles the same templates and looks for plugins in every build, and wraps each of its 500
macros anew for each node, twice. Results, artifacts and callbacks stay as they are
(docs/decisions/0007). Called before dbt is invoked in this process.
"""

from collections.abc import Iterable
from functools import cache
from types import CodeType
from typing import Any

from dbt.clients.jinja import MacroGenerator
from dbt.context.configured import ConfiguredContext
from dbt.context.macros import FlatNamespace, MacroNamespace, MacroNamespaceBuilder
from dbt.context.manifest import ManifestContext
from dbt.contracts.graph.nodes import Macro
from dbt.plugins.manager import PluginManager
from dbt_common.clients import agate_helper
from dbt_common.clients.jinja import MacroFuzzEnvironment
from dbt_common.events import event_manager_client
from dbt_common.events.base_types import BaseEvent, DebugLevel, EventLevel
from dbt_common.events.event_manager import EventManager

HEARD = frozenset({"NodeFinished"})
"""Events below a warning that our callbacks read."""
TEMPLATES = 2_000
"""Compiled templates kept: a build has some hundred."""


@cache
def quieten() -> None:
    """Once per process."""
    event_manager_client.ctx_set_event_manager(_Listener())
    _say_nothing_of_no_interest()
    _make_type_testers_once()
    _compile_templates_once()
    _wrap_macros_at_once()
    _look_for_plugins_once()


class _Listener(EventManager):
    """Passes on warnings, errors and what is heard; all of it where a log is written."""

    def fire_event(
        self,
        e: BaseEvent,
        level: EventLevel | None = None,
        node: Any = None,
        force_warn_or_error_handling: bool = False,
    ) -> None:
        said = level or e.level_tag()
        if (
            self.loggers
            or force_warn_or_error_handling
            or said in (EventLevel.WARN, EventLevel.ERROR)
            or type(e).__name__ in HEARD
        ):
            super().fire_event(e, level, node, force_warn_or_error_handling)


def _say_nothing_of_no_interest() -> None:
    """An event for debugging is left empty where no log is written: filling it takes longest."""
    fill = BaseEvent.__init__

    def init(self: BaseEvent, *args: Any, **values: Any) -> None:
        manager = event_manager_client.get_event_manager()
        if (
            isinstance(self, DebugLevel)
            and not manager.loggers
            and type(self).__name__ not in HEARD
        ):
            self.pb_msg = getattr(self.PROTO_TYPES_MODULE, type(self).__name__)()
        else:
            fill(self, *args, **values)

    BaseEvent.__init__ = init  # type: ignore[method-assign]


def _make_type_testers_once() -> None:
    make = agate_helper.build_type_tester

    @cache
    def made(text_columns: frozenset[str], nulls: tuple[str, ...]) -> Any:
        return make(text_columns, nulls)

    def build(
        text_columns: Iterable[str], string_null_values: Iterable[str] | None = ("null", "")
    ) -> Any:
        return made(frozenset(text_columns), tuple(string_null_values or ()))

    agate_helper.build_type_tester = build


def _compile_templates_once() -> None:
    compile_anew = MacroFuzzEnvironment.compile
    compiled: dict[tuple[type, str], CodeType] = {}

    def compile_once(self: MacroFuzzEnvironment, source: Any, *how: Any, **more: Any) -> Any:
        if how or more or not isinstance(source, str):
            return compile_anew(self, source, *how, **more)
        key = (type(self), source)
        if key not in compiled:
            if len(compiled) >= TEMPLATES:
                compiled.clear()
            compiled[key] = compile_anew(self, source)
        return compiled[key]

    MacroFuzzEnvironment.compile = compile_once  # type: ignore[method-assign, assignment]


def _wrap_macros_at_once() -> None:
    """The wrappers of all macros for a node, and their names in its context, made in two loops."""
    new = MacroGenerator.__new__

    def add_macros(
        self: MacroNamespaceBuilder, macros: Iterable[Macro], ctx: dict[str, Any]
    ) -> None:
        made: dict[str, FlatNamespace] = {}
        for macro in macros:
            wrapped = new(MacroGenerator)
            wrapped.__dict__ = {
                "context": ctx,
                "macro": macro,
                "node": self.node,
                "stack": self.thread_ctx,
            }
            made.setdefault(macro.package_name, {})[macro.name] = wrapped
        for package, wrappers in made.items():
            internal = package in self.internal_package_names
            (self.internal_packages if internal else self.packages)[package] = wrappers
            if internal:
                continue
            if package == self.search_package:
                self.locals.update(wrappers)
            elif package == self.root_package:
                self.globals.update(wrappers)

    def to_dict(self: ManifestContext) -> dict[str, Any]:
        named = ConfiguredContext.to_dict(self)
        if isinstance(self.namespace, MacroNamespace):
            # What is searched first comes last, and wins.
            for found in reversed(list(self.namespace._search_order())):
                named.update(found)
        else:
            named.update(self.namespace.local_namespace)
            named.update(self.namespace.project_namespace)
        return named

    MacroNamespaceBuilder.add_macros = add_macros  # type: ignore[method-assign]
    ManifestContext.to_dict = to_dict  # type: ignore[method-assign]


def _look_for_plugins_once() -> None:
    """All installed modules are listed for it."""
    found = cache(PluginManager.get_prefixed_modules)
    PluginManager.get_prefixed_modules = staticmethod(found)  # type: ignore[method-assign]
