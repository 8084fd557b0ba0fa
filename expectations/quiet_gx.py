"""Great Expectations in this process without the work nobody looks at: half of a gate's time.

Holds `quieten`. It imports a statistics and a plotting library for questions that are not asked
here, compiles its pages' templates anew for each page, copies 4 MB of fonts beside each report,
and makes a configuration anew for each of its options it reads. Verdicts and reports stay as they
are, byte by byte (docs/decisions/0009). Called before it is imported.
"""

import importlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from types import ModuleType, NoneType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2.bccache import Bucket

UNUSED = ("scipy.stats", "altair")
"""Of its expectations about distributions, and their plots: 2 s of its import."""

PLAIN = frozenset({str, int, bool, NoneType})
"""What JSON writes as it is."""


@cache
def quieten() -> None:
    """Once per process."""
    for name in UNUSED:
        _put_off(name)
    _compile_templates_once()
    _copy_no_fonts()
    _read_configurations_once()
    _convert_no_plain_values()


class _Later(ModuleType):
    """A module that is loaded when something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


def _put_off(name: str) -> None:
    spec = None if name in sys.modules else importlib.util.find_spec(name)
    if spec is None:
        return  # loaded already, or not there: who needs it will say so
    later = sys.modules[name] = _Later(name)
    later.__spec__ = spec
    package, _, inner = name.rpartition(".")
    if package:
        setattr(sys.modules[package], inner, later)


def _compile_templates_once() -> None:
    from great_expectations.render.view.view import DefaultJinjaView  # noqa: PLC0415
    from jinja2 import BytecodeCache  # noqa: PLC0415

    class Compiled(BytecodeCache):
        """Of this process; jinja compares the source's hash."""

        kept: dict[str, bytes] = {}  # noqa: RUF012

        def load_bytecode(self, bucket: "Bucket") -> None:
            if bucket.key in self.kept:
                bucket.bytecode_from_string(self.kept[bucket.key])

        def dump_bytecode(self, bucket: "Bucket") -> None:
            self.kept[bucket.key] = bucket.bytecode_to_string()

    make, compiled = DefaultJinjaView.__init__, Compiled()

    def init(self: DefaultJinjaView, *args: Any, **more: Any) -> None:
        make(self, *args, **more)
        self.env.bytecode_cache = compiled

    DefaultJinjaView.__init__ = init  # type: ignore[method-assign]


def _copy_no_fonts() -> None:
    """`evidence` would delete them again."""
    from great_expectations.data_context.store.html_site_store import (  # noqa: PLC0415
        HtmlSiteStore,
    )

    HtmlSiteStore.copy_static_assets = lambda *_: None  # type: ignore[method-assign]


def _read_configurations_once() -> None:
    """One configuration per question, while its options are read one by one."""
    from great_expectations.expectations import expectation  # noqa: PLC0415

    expectation.camel_to_snake = cache(expectation.camel_to_snake)
    kind: Any = expectation.Expectation
    made, read = kind.configuration.fget, kind._get_runtime_kwargs
    being_read: dict[int, Any] = {}

    @contextmanager
    def reading(one: Any) -> Iterator[None]:
        being_read[id(one)] = made(one)
        try:
            yield
        finally:
            del being_read[id(one)]

    def kwargs(self: Any, runtime_configuration: Mapping[str, Any] | None = None) -> Any:
        if id(self) in being_read:
            return read(self, runtime_configuration)
        with reading(self):
            return read(self, runtime_configuration)

    def configuration(self: Any) -> Any:
        return being_read.get(id(self)) or made(self)

    kind._get_runtime_kwargs = kwargs
    kind.configuration = property(configuration)


def _convert_no_plain_values() -> None:
    """Names of metrics are hashed three thousand times a gate, and are text already."""
    from great_expectations.core import id_dict  # noqa: PLC0415

    convert = id_dict.convert_to_json_serializable

    def converted(data: Any) -> Any:
        return data if _is_plain(data) else convert(data)

    id_dict.convert_to_json_serializable = converted


def _is_plain(value: object) -> bool:
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(type(key) is str and _is_plain(one) for key, one in value.items())
    return type(value) in PLAIN
