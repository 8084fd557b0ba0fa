"""Keys, heads kept elsewhere, time stamps and proofs of figures, from the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from audit.anchor import first_anchor_problem, head_at, open_head
from audit.trusted_keys import read_keys
from audit.verify import main as verify
from audit.verify_lake import main as verify_lake
from ingestion.lake import Lake
from tests.audit.time_authority import authority_in
from tests.cli.outside import outside
from tests.cli.terminal import Terminal
from tests.events import batch, sales


@pytest.fixture
def mine(terminal: Terminal) -> Terminal:
    """A terminal whose lake has four commits of sales."""
    assert terminal.run("init").code == 0
    for first in range(0, 400, 100):
        _append(terminal, first)
    return terminal


def _home(terminal: Terminal) -> Path:
    return terminal.folder / "data"


def _append(terminal: Terminal, first: int) -> None:
    home = _home(terminal)
    lake = Lake.open(home / "lake/default", home / "index/default")
    lake.append(batch(sales(first, 100)))
    lake.close()


def _cut_tail(terminal: Terminal) -> int:
    """The newest commit goes, with its files and everything derived; returns its number."""
    home = _home(terminal)
    last = sorted((home / "lake/default/_delta_log").glob("*.json"))[-1]
    for path in (home / "lake/default").rglob(f"{last.stem}*"):
        path.unlink()
    shutil.rmtree(home / "index/default")
    return int(last.stem)


def _public_key(terminal: Terminal) -> str:
    line: str = terminal.run("keys", "show", "--json").json["keys"][-1]["line"]
    return line


# --- keys -------------------------------------------------------------------------------------


def test_keys_are_listed_shown_rotated_and_retired(mine: Terminal) -> None:
    assert "No keys yet" in mine.run("keys", "list").text
    first = mine.run("keys", "show").out.strip()
    assert mine.run("keys", "show").out.strip() == first
    assert read_keys([first])[0].to_text() == first
    assert mine.run("keys", "retire", "1").code == 2
    made = mine.run("keys", "rotate", "--overlap-hours", "2", "--json").json
    assert (made["number"], made["state"]) == (2, "signs")
    lines = mine.run("keys", "show").out.strip().splitlines()
    assert lines[0].startswith(f"{first} until=") and " from=" in lines[1]
    assert mine.run("keys", "retire", "1", "--json").json["state"] == "retired"
    assert len(mine.run("keys", "show", "--json").json["keys"]) == 1
    assert len(mine.run("keys", "show", "--all", "--json").json["keys"]) == 2
    person = mine.run("keys", "rotate", "--person", "ana", "--json").json
    assert person["owner"] == "ana"
    listed = mine.run("keys", "list", "--json")
    assert [one["state"] for one in listed.json["keys"]] == ["retired", "signs", "signs"]
    assert "PRIVATE" not in listed.out


def test_loose_permissions_are_refused_with_the_remedy(mine: Terminal) -> None:
    mine.run("keys", "show")
    (_home(mine) / "keys/lake/1.key").chmod(0o644)
    said = mine.run("anchor", "--to", "heads")
    assert said.code == 2
    assert "key_must_be_readable_by_its_owner_only" in said.text and "chmod 600" in said.text


def test_without_a_lake_the_remedy_is_named(terminal: Terminal) -> None:
    said = terminal.run("keys", "list")
    assert said.code == 2 and "ledgerlake init" in said.text


# --- heads elsewhere --------------------------------------------------------------------------


def test_a_cut_tail_is_found_with_a_head_kept_elsewhere_and_only_with_it(mine: Terminal) -> None:
    anchored = mine.run("anchor", "--to", "heads", "--json").json
    assert anchored["sent"] is True
    assert mine.run("anchor", "--to", "heads", "--json").json["sent"] is False
    assert mine.run("verify", "--anchors", "heads").code == 0
    key = _public_key(mine)
    lake = str(_home(mine) / "lake/default")
    assert verify_lake([lake, "--anchors", "heads", "--key", key]) == 0

    assert _cut_tail(mine) == anchored["commit_seq"]
    assert mine.run("verify").code == 0, "the folder alone cannot show it"
    said = mine.run("verify", "--anchors", "heads")
    assert said.code == 1
    assert "log_must_hold_every_anchored_head" in said.text and "its tail was cut" in said.text
    assert verify_lake([lake, "--anchors", "heads", "--key", key]) == 1
    _append(mine, 300)  # the lake goes on, at another commit of that number
    assert mine.run("verify", "--anchors", "heads", "--key", key).code == 1
    refused = mine.run("anchor", "--to", "heads")
    assert refused.code == 1 and "Nothing was written" in refused.text
    assert len(list(Path("heads").iterdir())) == 1


def test_a_folder_without_heads_or_with_foreign_ones_does_not_pass(mine: Terminal) -> None:
    assert mine.run("verify", "--anchors", "nowhere").code == 2
    Path("empty").mkdir()
    assert "anchors_must_hold_a_head" in mine.run("verify", "--anchors", "empty").text
    mine.run("anchor", "--to", "heads")
    (note,) = Path("heads").iterdir()
    sound, keys = note.read_bytes(), read_keys([_public_key(mine)])
    lake = _home(mine) / "lake/default"
    for at in range(0, len(sound), 3):
        note.write_bytes(sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
        assert first_anchor_problem(lake, Path("heads"), keys) is not None, at
    assert mine.run("verify", "--quick", "--anchors", "heads").code == 1
    note.write_bytes(sound)
    (Path("heads") / f"{'0' * 32}-{'0' * 20}.head.note").write_text("of another lake")
    assert mine.run("verify", "--anchors", "heads").code == 0


def test_heads_signed_before_a_rotation_still_count(mine: Terminal) -> None:
    mine.run("anchor", "--to", "heads")
    mine.run("keys", "rotate")
    _append(mine, 400)
    assert mine.run("anchor", "--to", "heads", "--json").json["sent"] is True
    assert len(list(Path("heads").iterdir())) == 2
    assert mine.run("verify", "--anchors", "heads").code == 0


def test_a_head_is_posted_to_a_machine_outside(mine: Terminal) -> None:
    kept: list[bytes] = []

    def keep(body: bytes) -> tuple[int, bytes]:
        kept.append(body)
        return 201, b""

    with outside(keep) as address:
        assert mine.run("anchor", "--to", address).code == 0
    lake = _home(mine) / "lake/default"
    head = open_head(kept[0], read_keys([_public_key(mine)]))
    assert head == head_at(lake, head.seq) and head.seq == 5
    with outside(lambda _: (503, b"full")) as address:
        said = mine.run("anchor", "--to", address, "--json")
    assert said.code == 2 and said.json["error"] == "address_must_take_what_is_sent"
    assert mine.run("anchor", "--to", address).code == 2, "nobody listens there any more"


def test_a_note_is_stamped_by_an_outside_authority(mine: Terminal, tmp_path: Path) -> None:
    authority = authority_in(tmp_path / "tsa")
    mine.run("anchor", "--to", "heads")
    (note,) = Path("heads").iterdir()
    roots = str(authority.root)
    with outside(lambda body: (200, authority.answer(body))) as address:
        said = mine.run("time-stamp", str(note), "--authority", address, "--tsa", roots, "--json")
    assert said.code == 0, said.text
    assert Path(said.json["time_stamp"]).read_bytes()
    with outside(lambda _: (200, b"no stamp")) as address:
        said = mine.run("time-stamp", str(note), "--authority", address, "--tsa", roots)
    assert said.code == 2 and "time_stamp_must_verify" in said.text


# --- proofs of figures ------------------------------------------------------------------------


def _prove(terminal: Terminal, known: str, *, store: str = "store-3") -> tuple[int, Path]:
    out = terminal.folder / "figure.proof.json"
    said = terminal.run(
        *("prove", "sales", "--store", store, "--date", "2026-01-02"),
        *("--known-as-of", known, "--out", str(out), "--json"),
    )
    return said.code, out


@pytest.mark.parametrize(
    "known", ["2026-01-03T02:00:00Z", "2026-01-06T00:00:00Z", "2026-01-10T00:00:00Z", "now"]
)
def test_a_proof_holds_the_figure_that_was_known_then(own: Terminal, known: str) -> None:
    code, path = _prove(own, known)
    assert code == 0
    asked = own.run(
        *("asof", "sales", "--store", "store-3", "--date", "2026-01-02"),
        *("--known-as-of", known, "--json"),
    )
    names = ("category", "channel", "currency", "amount", "quantity", "event_count")
    figure = [tuple(one[name] for name in names) for one in asked.json["cells"]]
    proof = json.loads(path.read_text())
    assert [tuple(cell[name] for name in names) for cell in proof["cells"]] == figure
    key = _public_key(own)
    assert verify([str(path), "--key", key]) == 0
    assert verify([str(path), "--key", key, "--json"]) == 0


def test_a_proof_of_nothing_is_refused(own: Terminal) -> None:
    assert _prove(own, "2026-01-03T01:00:00Z")[0] == 2
    assert _prove(own, "now", store="no such store")[0] == 2


def test_whatever_is_changed_in_a_proof_is_found(own: Terminal) -> None:
    _, path = _prove(own, "now")
    key = _public_key(own)
    sound = path.read_bytes()
    missed = []
    # Only the time until which it is known to hold may move on: later, nothing else was known.
    later = sound.index(b'"known_as_of_us":') + len(b'"known_as_of_us":')
    times = range(later, later + 16)
    for at in [*range(0, len(sound), 5), *range(later - 60, later)]:
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
        if at not in times and verify([str(path), "--key", key]) == 0:
            missed.append((at, sound[max(at - 20, 0) : at + 5]))
    assert not missed
    values = json.loads(sound)
    for alter in (
        {"events": values["events"][1:]},
        {"events": values["events"][::-1]},
        {"events": [*values["events"], values["events"][-1]]},
        {"cells": values["cells"][1:]},
        {"business_date": "2026-01-03"},
        {"store_id": "store-4"},
        {"known_as_of_us": 1},
        {"nodes": ""},
        {"zone": "UTC"},
    ):
        text = json.dumps({**values, **alter}, sort_keys=True, separators=(",", ":"))
        path.write_text(text + "\n")
        assert verify([str(path), "--key", key]) == 1, alter
    path.write_bytes(sound)
    other = own.run("keys", "rotate", "--json").json["line"]
    assert verify([str(path), "--key", other]) == 1
    assert verify([str(path), "--key", "no key"]) == 2
