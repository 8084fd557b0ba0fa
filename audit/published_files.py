"""The Parquet files of an edition against the certificate that names them: all, only, unaltered.

Holds the checks of a folder of tables and of the figures in it. Does not know signatures.
Called by `audit.verify`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from audit.certificate import Certificate, CertifiedFile
from audit.figures import control_total, figure_of, period_rows
from ledger.errors import IncorrectInput

HASHERS: Final = 2
"""Threads that hash: hashing and reading let go of the interpreter."""

RESTORE: Final = "Get the file again from a copy of the edition."

Tell = Callable[[IncorrectInput], None]


def check_files(certificate: Certificate, tables_dir: Path, *, shared: bool, tell: Tell) -> None:
    """Every file is there with its bytes, size and rows; unless `shared`, no other is.

    Tells of each problem.
    """
    with ThreadPoolExecutor(HASHERS) as pool:
        for problem in pool.map(partial(_file_problem, tables_dir), certificate.files):
            if problem:
                tell(problem)
    if not shared:
        named = {file.path for file in certificate.files}
        for path in sorted(tables_dir.rglob("*")):
            found = path.relative_to(tables_dir).as_posix()
            if (not path.is_dir() or path.is_symlink()) and found not in named:
                tell(
                    _problem(
                        "folder_must_hold_only_the_files_of_the_edition",
                        found,
                        "no other file, as a reader may take it for one of the edition",
                        "a file the certificate does not name",
                        "Move it away; for a folder of many editions say --shared.",
                    )
                )


def check_figures(certificate: Certificate, tables_dir: Path, *, tell: Tell) -> None:
    """Figures and control totals are those of the rows in the files."""
    rows = {
        figure.name: period_rows(
            tables_dir,
            certificate.files,
            table=figure.name,
            period_id=certificate.period.period_id,
        )
        for figure in certificate.figures
    }
    for figure in certificate.figures:
        found = figure_of(figure.name, rows[figure.name])
        if found != figure:
            tell(
                _problem(
                    "figure_must_be_that_of_its_rows",
                    f"figure {figure.name}",
                    f"{figure.rows} rows of SHA-256 {figure.sha256}",
                    f"{found.rows} rows of SHA-256 {found.sha256}",
                    "The certificate was issued over other rows: ask who issued it.",
                )
            )
    for total in certificate.control_totals:
        if total.figure not in rows:
            tell(
                _problem(
                    "control_total_must_name_its_figure",
                    f"control total {total.name}",
                    f"one of {', '.join(rows) or 'no figures'}",
                    total.figure,
                    "Ask who issued the certificate.",
                )
            )
            continue
        again = control_total(
            rows[total.figure],
            name=total.name,
            figure=total.figure,
            column=total.column,
            where=total.where,
        )
        if again != total:
            tell(
                _problem(
                    "control_total_must_be_that_of_its_rows",
                    f"control total {total.name}",
                    total.value,
                    again.value,
                    "The certificate was issued over other rows: ask who issued it.",
                )
            )


def _file_problem(tables_dir: Path, file: CertifiedFile) -> IncorrectInput | None:
    path = tables_dir / file.path
    try:
        size = path.stat().st_size
        with path.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        found = error.strerror or type(error).__name__
        return _problem("file_must_be_there", file.path, "a readable file", found, RESTORE)
    if (digest, size) != (file.sha256, file.size):
        return _problem(
            "file_must_be_the_one_certified",
            file.path,
            f"{file.size} bytes of SHA-256 {file.sha256}",
            f"{size} bytes of SHA-256 {digest}",
            RESTORE,
        )
    rows = _rows(path)
    if rows != file.rows:
        return _problem(
            "file_must_have_its_rows", file.path, f"{file.rows} rows", str(rows), RESTORE
        )
    return None


def _rows(path: Path) -> int | str:
    try:
        with pq.ParquetFile(path) as file:
            return int(file.metadata.num_rows)
    except pa.ArrowInvalid as error:
        return f"no Parquet file: {error}"


def _problem(rule: str, thing: str, expected: str, found: str, remedy: str) -> IncorrectInput:
    return IncorrectInput(rule, thing=thing, expected=expected, found=found, remedy=remedy)
