"""Our C files built to end at the first thing that C leaves undefined. Called by their tests."""

import subprocess
import sys
from pathlib import Path


def build(source: Path, folder: Path) -> Path:
    """The library of `source`, with the undefined-behaviour sanitizer; a warning is an error."""
    library = folder / f"{source.stem}.so"
    flags = ["-O1", "-g", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror"]
    sanitize = ["-fsanitize=undefined", "-fno-sanitize-recover=all"]
    subprocess.run(["cc", *flags, *sanitize, "-o", str(library), str(source)], check=True)
    return library


def run(code: str, library: Path) -> str:
    """What Python code prints that is given the library's path, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code, str(library)], capture_output=True, text=True, check=True
    )
    return done.stdout
