"""Ctrl-C stays Ctrl-C, whatever the libraries below make of it.

DuckDB ends its query with a RuntimeError, and dbt makes an error of its own, or a node that failed,
out of that. Called around dbt and by what reports errors to a person.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


def is_ctrl_c(error: BaseException) -> bool:
    """Is this a Ctrl-C, or an error that one was turned into?"""
    inner: BaseException | None = error
    while inner is not None and not isinstance(inner, KeyboardInterrupt):
        inner = inner.__cause__ or inner.__context__
    return inner is not None


@contextmanager
def ctrl_c_kept() -> Iterator[None]:
    """Raise KeyboardInterrupt at the end if one was raised inside, however the inside ended.

    A handler that notes the Ctrl-C and raises nothing keeps its way. Only the main thread hears
    signals; elsewhere nothing is changed.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    hears = before
    pressed = threading.Event()

    def hear(number: int, frame: FrameType | None) -> None:
        try:
            hears(number, frame)
        except KeyboardInterrupt:
            pressed.set()
            raise

    signal.signal(signal.SIGINT, hear)
    try:
        yield
    except Exception as error:
        if pressed.is_set():
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed.is_set():
        raise KeyboardInterrupt
