"""Was anything altered: every certificate, one of them as a stranger would, and the whole home.

Holds the checks and what a stranger is given. Called by `orchestration.demo.__main__`.
"""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape

from audit.certificate import read_certificate
from audit.certified_lake import VerifiedLake
from audit.trusted_keys import key_line
from ledger.control_events import PeriodClosed
from orchestration.cli import output
from orchestration.close import signing
from orchestration.close.certificates import Verified, verify_certificates
from orchestration.close.closed_figures import certificate_path, closes
from orchestration.demo.stage import Stage
from orchestration.demo.steps import short
from orchestration.keys import lake_keys
from orchestration.verification import Verified as HomeVerified
from orchestration.verification import verify_home

VERIFY = ("python", "-m", "audit.verify")


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What was found: by a stranger of the newest certificate, of each here, and of the home."""

    stranger: bool
    certificates: Sequence[Verified]
    home: bool

    @property
    def ok(self) -> bool:
        return self.stranger and self.home and all(one.ok for one in self.certificates)


def verify(stage: Stage) -> Checked:
    """The newest certificate in a process of its own, then everything and all of them here."""
    newest = closes(stage.books)[-1:]
    stranger, certificates = True, list[Verified]()
    if newest:
        stage.section("A stranger checks: with certificate, public key and files alone")
        stranger = _as_a_stranger(stage, hand_over(stage, newest[0]))
    else:
        stage.section("Was anything altered")
    home = _home(stage)
    if newest:
        certificates = _certificates(stage, home)
    return Checked(stranger=stranger, certificates=certificates, home=home.ok)


def _as_a_stranger(stage: Stage, folder: Path) -> bool:
    certificate = next(folder.glob("*.json"))
    files = ["--files", str(folder / "tables")]
    arguments = [str(certificate), "--key", str(folder / "lake.vkey"), *files]
    lines: list[str] = []
    codes: list[int] = []

    def ask() -> str:
        answer = subprocess.run(
            [sys.executable, *VERIFY[1:], *arguments], capture_output=True, text=True, check=False
        )
        codes.append(answer.returncode)
        said = (answer.stdout or answer.stderr).replace(str(folder), str(short(str(folder))))
        lines.extend(said.splitlines())
        return lines[0]

    stage.look([short(one) for one in arguments], ask, program=VERIFY)
    for line in lines[1:]:
        stage.say(escape(line))
    return codes == [0]


def _certificates(stage: Stage, home: HomeVerified) -> list[Verified]:
    found: list[Verified] = []
    # The lake was verified a moment ago: not twice in one process.
    lake = VerifiedLake(stage.home.lake, home.lake) if home.lake.ok else None

    def ask() -> str:
        found.extend(verify_certificates(stage.home, lake=lake))
        good = sum(one.ok for one in found)
        return f"{good} of {len(found)} hold, replaced editions among them"

    stage.look(["certificates", "verify"], ask)
    for one in found:
        for problem in one.problems:
            stage.say(
                f"[red]WRONG[/] {one.period_id} edition {one.closed_edition}: {escape(problem)}"
            )
    return found


def _home(stage: Stage) -> HomeVerified:
    found: list[HomeVerified] = []

    def ask() -> str:
        with output.progress("verify") as tell:
            found.append(verify_home(stage.settings, quick=True, tell=tell))
        return "ok: everything agrees" if found[0].ok else "BROKEN"

    stage.look(["verify", "--quick"], ask)
    if not found[0].lake.ok:
        stage.say(escape(found[0].lake.to_text()))
    for one in found[0].problems:
        stage.say(f"[red]BROKEN[/] {escape(one)}")
    return found[0]


def hand_over(stage: Stage, close: PeriodClosed) -> Path:
    """A folder with all a stranger gets of one close; made once, for certified files stay."""
    home = stage.home
    path = certificate_path(home, close.period_id, close.closed_edition)
    folder = home.root / "demo" / "stranger" / path.stem
    if folder.exists():
        return folder
    half = folder.with_name(f"{folder.name}.half")
    shutil.rmtree(half, ignore_errors=True)
    for one in (path, path.with_suffix(".note")):
        _copy(one, half / one.name)
    for file in read_certificate(path.read_bytes()).files:
        _copy(home.tables / file.path, half / "tables" / file.path)
    keys = [key_line(one.public) for one in lake_keys(home, signing.lake_id(home))]
    (half / "lake.vkey").write_text("".join(f"{one}\n" for one in keys), encoding="utf-8")
    half.rename(folder)
    return folder


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
