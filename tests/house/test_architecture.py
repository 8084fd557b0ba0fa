"""Imports flow one way, pieces stay small, every module says what it holds."""

import ast
from collections.abc import Iterator

from tests.house.sources import ROOMS, ROOT, Module, imported, modules, room_modules

MAY_IMPORT = {
    "ledger": set[str](),
    "audit": {"ledger"},
    "ingestion": {"ledger", "audit"},
    "expectations": {"ledger"},
    "orchestration": {"ledger", "audit", "ingestion", "expectations", "serving"},
    "serving": {"ledger", "audit"},
}
# What a pure room cannot touch: files, clock, randomness, network, SQL.
IMPURE = {
    "ledger": {
        *("os", "io", "pathlib", "shutil", "tempfile", "time", "random", "secrets", "uuid"),
        *("sqlite3", "socket", "subprocess", "duckdb", "sqlalchemy"),
    },
}
CLOCK_CALLS = {"now", "utcnow", "today", "time", "time_ns"}
CLOCK_BASES = {"datetime", "date", "time"}
CLOCK_DEFAULT = "system_clock"
BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}
# Values: issue and STYLE, habit 4. Above them a reader has to scroll to hold one idea.
MODULE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
DOCSTRING_LINES_MAX = 8


def test_imports_flow_one_way_between_rooms() -> None:
    broken = [
        f"{module.where}:{line} imports {name}; {module.room} may import"
        f" {sorted(MAY_IMPORT[module.room]) or 'nothing of ours'}: move the code to the right"
        for module in room_modules()
        for line, name in imported(module)
        if (target := name.split(".")[0]) in {*ROOMS, "tests", "benchmarks"}
        and target != module.room
        and target not in MAY_IMPORT[module.room]
    ]
    assert not broken, "\n".join(broken)


def test_every_room_exists_and_has_an_import_rule() -> None:
    assert set(MAY_IMPORT) == set(ROOMS)
    missing = [room for room in ROOMS if not (ROOT / room / "__init__.py").is_file()]
    assert not missing, f"rooms without a package: {missing}"


def test_pure_rooms_touch_no_file_clock_or_database() -> None:
    broken = [
        f"{module.where}:{line} imports {name}; {module.room} is pure: take it as an argument"
        for module in room_modules()
        for line, name in imported(module)
        if name.split(".")[0] in IMPURE.get(module.room, set())
    ]
    assert not broken, "\n".join(broken)


def test_clock_and_environment_are_read_in_orchestration_only() -> None:
    broken = [
        f"{module.where}:{line} reads the clock or the environment;"
        f" take it as an argument from orchestration/ (a default may be {CLOCK_DEFAULT})"
        for module in room_modules()
        if module.room != "orchestration"
        for line in _outside_world_lines(module)
    ]
    assert not broken, "\n".join(broken)


def _outside_world_lines(module: Module) -> set[int]:
    allowed = {
        line
        for function in _functions(module)
        if function.name == CLOCK_DEFAULT
        for line in range(function.lineno, (function.end_lineno or function.lineno) + 1)
    }
    return {
        node.lineno
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and _reads_outside_world(node)
    } - allowed


def _reads_outside_world(node: ast.Attribute) -> bool:
    base = node.value
    name = base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
    if name == "os":
        return node.attr in {"environ", "getenv"}
    return name in CLOCK_BASES and node.attr in CLOCK_CALLS


def test_modules_and_functions_stay_small() -> None:
    long_modules = [
        f"{module.where} has {lines} lines, at most {MODULE_LINES_MAX}: split it by what it holds"
        for module in modules()
        if (lines := len(module.text.splitlines())) > MODULE_LINES_MAX
    ]
    long_functions = [
        f"{module.where}:{node.lineno} {node.name} has {lines} lines,"
        f" at most {FUNCTION_LINES_MAX}: name its steps"
        for module in modules()
        for node in _functions(module)
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]
    assert not long_modules + long_functions, "\n".join(long_modules + long_functions)


def _functions(module: Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_every_module_opens_with_a_short_docstring() -> None:
    broken = []
    for module in modules():
        if module.room == "tests" and not module.text.strip():
            continue  # an empty __init__.py holds nothing to describe
        docstring = ast.get_docstring(module.tree) or ""
        lines = len(docstring.splitlines())
        if not 1 <= lines <= DOCSTRING_LINES_MAX:
            broken.append(
                f"{module.where} opens with {lines} docstring lines, wanted 1 to"
                f" {DOCSTRING_LINES_MAX}: what it holds, what it does not, who calls it"
            )
    assert not broken, "\n".join(broken)


def test_no_module_is_named_after_nothing() -> None:
    broken = [
        f"{module.where}: name the module after what it holds"
        for module in modules()
        if BANNED_NAMES & {*module.package, module.path.stem}
    ]
    assert not broken, "\n".join(broken)


def test_no_error_is_swallowed() -> None:
    broken = [
        f"{module.where}:{node.lineno} catches and forgets: let it fail or say what happened"
        for module in room_modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ExceptHandler) and _catches_all(node) and _forgets(node)
    ]
    assert not broken, "\n".join(broken)


def _catches_all(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or (
        isinstance(handler.type, ast.Name) and handler.type.id in {"Exception", "BaseException"}
    )


def _forgets(handler: ast.ExceptHandler) -> bool:
    """True when the error is neither raised again nor passed on by its name."""
    return not any(
        isinstance(node, ast.Raise)
        or (isinstance(node, ast.Name) and handler.name is not None and node.id == handler.name)
        for node in ast.walk(handler)
    )


def test_nothing_is_left_undone_or_skipped() -> None:
    marks = (
        "TO" + "DO",
        "FIX" + "ME",
        "X" * 3 + ":",
        "mark." + "skip",
        "mark." + "xfail",
        "pytest." + "skip",
    )
    broken = [
        f"{module.where}:{number} has {mark!r}: do it or open an issue"
        for module in modules()
        for number, line in enumerate(module.text.splitlines(), 1)
        for mark in marks
        if mark in line
    ]
    assert not broken, "\n".join(broken)
