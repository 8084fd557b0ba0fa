"""Commands that prove: keys list|show|rotate|retire, anchor, time-stamp, prove sales.

Holds arguments and drawing only. Mounted by `main`.
"""
# ruff: noqa: PLC0415 heavy imports wait until a command runs, so that --help is quick

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.instants import from_us
from orchestration.cli import acting, output
from orchestration.cli.arguments import day as day_of
from orchestration.cli.arguments import instant_us
from orchestration.cli.output import JsonFlag

if TYPE_CHECKING:
    from rich.console import Console

    from audit.figure_proof import FigureProof
    from orchestration.anchors import Anchored
    from orchestration.keys import LakeKey, PersonKey

_PANEL = "Proof"
_ALL = "All keys of the lake, retired ones too, as lines for `--key FILE`."
_PERSON = "Make a new key for this person instead."
_OVERLAP = "How long the old key may still sign."
_TO = "Folder, or http(s) address that takes a POST."
_TSA = "Address of the RFC 3161 authority."
_ROOTS = "PEM file with the authority's root certificate."
_OUT = "File for the proof; default: STORE.DATE.proof.json in the working folder."
_KNOWN = "When it was known: an instant with its zone, or `now`."

keys_app = typer.Typer(no_args_is_help=True, help="Keys that sign for the lake and for people.")
prove_app = typer.Typer(no_args_is_help=True, help="Proof of a figure that a stranger can check.")


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.add_typer(keys_app, name="keys", rich_help_panel=_PANEL)
    app.command("anchor", rich_help_panel=_PANEL)(anchor)
    app.command("time-stamp", rich_help_panel=_PANEL)(time_stamp)
    prove_app.callback()(_only_group)
    app.add_typer(prove_app, name="prove", rich_help_panel=_PANEL)


@dataclass(frozen=True, kw_only=True)
class ShownKey:
    """A key as commands show it: never its private half."""

    owner: str
    number: int | None
    key: str
    state: str
    signs_from: datetime | None
    signs_until: datetime | None
    retired: datetime | None
    private_file: str | None
    line: str


@keys_app.command("list")
def keys_list(as_json: JsonFlag = False) -> None:
    """List the keys of this home: the lake's by number, people's by name.

    Example: `ledgerlake keys list`
    """
    from orchestration import keys
    from orchestration.anchors import lake_id_of

    home = acting.home()
    found = [_lake_key(one) for one in keys.lake_keys(home, lake_id_of(home))]
    found += [_person_key(one) for one in keys.person_keys(home)]
    output.emit({"keys": found}, as_json=as_json, human=lambda out: _draw_keys(out, found))


@keys_app.command("show")
def keys_show(
    everything: Annotated[bool, typer.Option("--all", help=_ALL)] = False,
    as_json: JsonFlag = False,
) -> None:
    """Print the lake's public keys, one a line: what a verifier takes as `--key FILE`.

    Each line says from and until when the key signs. The first key is made when there is none.

    Example: `ledgerlake keys show > lake.vkey`
    """
    from ingestion.lake.writer import system_clock
    from orchestration import keys
    from orchestration.anchors import lake_id_of

    home = acting.home()
    lake_id = lake_id_of(home)
    keys.lake_signer(home, lake_id, now_us=system_clock())
    found = [
        _lake_key(one)
        for one in keys.lake_keys(home, lake_id)
        if everything or one.state != "retired"
    ]
    output.emit({"keys": found}, as_json=as_json, human=lambda out: _draw_lines(out, found))


@keys_app.command("rotate")
def keys_rotate(
    person: Annotated[str | None, typer.Option("--person", metavar="NAME", help=_PERSON)] = None,
    overlap_hours: Annotated[
        int, typer.Option("--overlap-hours", min=0, max=8760, help=_OVERLAP)
    ] = 24,
    as_json: JsonFlag = False,
) -> None:
    """Make a new lake key that signs from now on; the old one still verifies what it signed.

    Give verifiers the new `ledgerlake keys show`. A person's new key counts once people have
    removed and added that person with it.

    Example: `ledgerlake keys rotate`
    """
    from ingestion.lake.writer import system_clock
    from orchestration import keys
    from orchestration.anchors import lake_id_of

    home = acting.home()
    if person is None:
        made = _lake_key(
            keys.rotate_lake_key(
                home, lake_id_of(home), now_us=system_clock(), overlap_hours=overlap_hours
            )
        )
    else:
        made = _person_key(keys.rotate_person_key(home, person))
    output.emit(made, as_json=as_json, human=lambda out: _draw_keys(out, [made]))


@keys_app.command("retire")
def keys_retire(
    number: Annotated[int, typer.Argument(min=1, help="Number of a lake key, as listed.")],
    as_json: JsonFlag = False,
) -> None:
    """Believe a lake key no more, as when it was stolen; its private half is deleted.

    What it signed counts only with a time stamp from before. Rotate first if it still signs.

    Example: `ledgerlake keys retire 1`
    """
    from ingestion.lake.writer import system_clock
    from orchestration import keys
    from orchestration.anchors import lake_id_of

    home = acting.home()
    done = _lake_key(keys.retire_lake_key(home, lake_id_of(home), number, now_us=system_clock()))
    output.emit(done, as_json=as_json, human=lambda out: _draw_keys(out, [done]))


def anchor(
    to: Annotated[str, typer.Option("--to", metavar="DIR|URL", help=_TO)],
    as_json: JsonFlag = False,
) -> None:
    """Send the lake's signed head elsewhere, so that a cut or rewritten log is found.

    Check later with `ledgerlake verify --anchors DIR`. A folder whose heads the lake does not
    hold is refused (exit 1).

    Example: `ledgerlake anchor --to /mnt/elsewhere/heads`
    """
    from ingestion.lake.writer import system_clock
    from orchestration.anchors import anchor_head

    done = anchor_head(acting.home(), to, now_us=system_clock())
    output.emit(done, as_json=as_json, human=lambda out: _draw_anchored(out, done))


def time_stamp(
    file: Annotated[Path, typer.Argument(metavar="NOTE", help="A certificate's or head's note.")],
    authority: Annotated[str, typer.Option("--authority", metavar="URL", help=_TSA)],
    roots: Annotated[Path, typer.Option("--tsa", metavar="PEM", help=_ROOTS)],
    as_json: JsonFlag = False,
) -> None:
    """Have an outside RFC 3161 authority witness that a note exists now.

    The answer is checked and kept beside the note as NOTE.tsr.

    Example: `ledgerlake time-stamp 2011-03.edition-1.note --authority https://tsa.example/ --tsa
    tsa.pem`
    """
    from orchestration import anchors

    path, at = anchors.time_stamp(file, authority=authority, roots=roots)
    values = {"note": file, "time_stamp": path, "stamped_at": at}
    output.emit(values, as_json=as_json, human=lambda out: out.print(output.pairs(values)))


@prove_app.command("sales")
def prove_sales(
    store: Annotated[str, typer.Option("--store", "-s", help="Store.")],
    day: Annotated[str, typer.Option("--date", metavar="DAY", help="Business day.")],
    known_as_of: Annotated[str, typer.Option("--known-as-of", metavar="INSTANT", help=_KNOWN)],
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help=_OUT)] = None,
    as_json: JsonFlag = False,
) -> None:
    """Write the events behind a store's sales of a day, proven to be in the signed lake.

    Anyone checks the file with the lake's public key: `python -m audit.verify FILE --key KEY`.

    Example: `ledgerlake prove sales --store France --date 2010-12-03 --known-as-of
    2010-12-05T12:00:00Z`
    """
    from ingestion.lake.writer import system_clock
    from orchestration.proving import Question, write_proof

    now_us = system_clock()
    known_us = now_us if known_as_of == "now" else instant_us(known_as_of, name="--known-as-of")
    asked = Question(store_id=store, day=day_of(day, name="--date"), known_as_of_us=known_us)
    path, proof = write_proof(acting.home(), asked, to=out, now_us=now_us)
    said = {
        "file": path,
        "store_id": proof.store_id,
        "business_date": proof.business_date,
        "events": sum(cell.event_count for cell in proof.cells),
        "cells": proof.cells,
    }
    output.emit(said, as_json=as_json, human=lambda screen: _draw_proof(screen, path, proof))


def _only_group() -> None:
    """A group with one command stays a group."""


def _lake_key(found: "LakeKey") -> ShownKey:
    from audit.trusted_keys import key_line

    return ShownKey(
        owner="lake",
        number=found.number,
        key=found.public.key_id,
        state=found.state,
        signs_from=_instant(found.public.from_us),
        signs_until=_instant(found.public.until_us),
        retired=_instant(found.public.retired_us),
        private_file=str(found.path) if found.path.exists() else None,
        line=key_line(found.public),
    )


def _person_key(found: "PersonKey") -> ShownKey:
    from audit.trusted_keys import key_line

    return ShownKey(
        owner=found.person,
        number=None,
        key=found.public.key_id,
        state="signs",
        signs_from=None,
        signs_until=None,
        retired=None,
        private_file=str(found.path) if found.path.exists() else None,
        line=key_line(found.public),
    )


def _instant(us: int | None) -> datetime | None:
    return None if us is None else from_us(us).replace(microsecond=0)


def _draw_keys(out: "Console", found: list[ShownKey]) -> None:
    if not found:
        out.print("No keys yet: the first close or anchor makes the lake's.")
        return
    shown = ("owner", "number", "state", "signs_from", "signs_until", "retired", "key")
    out.print(output.table([{name: getattr(one, name) for name in shown} for one in found]))


def _draw_lines(out: "Console", found: list[ShownKey]) -> None:
    for one in found:
        out.print(one.line, soft_wrap=True, markup=False)


def _draw_anchored(out: "Console", done: "Anchored") -> None:
    values = {
        "lake": done.lake_id,
        "head": f"{done.commit_seq}:{done.commit_sha256}",
        "events": done.tree_size,
        "sent to": done.to if done.sent else f"{done.to} (was there)",
    }
    out.print(output.pairs(values))


def _draw_proof(out: "Console", path: Path, proof: "FigureProof") -> None:
    from decimal import Decimal

    rows = [
        {
            "category": cell.category,
            "channel": cell.channel,
            "currency": cell.currency,
            "amount": cell.amount and Decimal(cell.amount),
            "quantity": cell.quantity and Decimal(cell.quantity),
            "events": cell.event_count,
        }
        for cell in proof.cells
    ]
    title = f"Store {proof.store_id}, {proof.business_date}"
    out.print(output.table(rows, title=title, numbers=("amount", "quantity", "events")))
    out.print(f"written to {output.escape(str(path))}; check it with:")
    check = f"  python -m audit.verify {path} --key lake.vkey"
    out.print(check, soft_wrap=True, markup=False)
