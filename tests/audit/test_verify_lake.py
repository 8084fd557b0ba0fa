"""A whole lake verifies; whatever is damaged, lost or exchanged in it is found and named."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from audit.commit_file import read_commit
from audit.findings import Broken
from audit.lake_report import KnownHead, Progress
from audit.seal import seal_written, sealed
from audit.verify_lake import main, verify_lake
from ingestion.lake import Lake
from ingestion.lake.layout import segment_path
from tests.audit.lakes import actions_of, commit_file, flip, segment_of
from tests.events import batch, sales


def _rule(lake: Path, known_head: KnownHead | None = None) -> tuple[str, int | None]:
    problem = verify_lake(lake, known_head=known_head).first_problem
    assert problem is not None, "nothing was found"
    assert problem.what_to_do
    return problem.rule, problem.commit


# --- whole ----------------------------------------------------------------------------------


def test_a_whole_lake_verifies_with_its_counts_and_head(whole_lake: Path) -> None:
    report = verify_lake(whole_lake)
    assert report.ok and report.first_problem is None
    assert (report.commits, report.events, report.quarantined) == (6, 480, 22)
    assert (report.orphans, report.unfinished, report.warnings) == (0, 0, ())
    lake = actions_of(whole_lake, 5)[0]["commitInfo"]["lake"]
    assert report.head is not None
    assert (report.head.seq, report.head.tree_size) == (5, 480)
    assert report.head.tree_root == lake["tree_root"]
    size = sum(f.stat().st_size for f in whole_lake.rglob("*") if f.suffix in (".json", ".parquet"))
    assert report.bytes_read == size


def test_every_shorter_log_verifies_too(lake: Path) -> None:
    for seq in (5, 4, 3):
        for path in lake.rglob(f"{seq:020d}*"):
            path.unlink()
        report = verify_lake(lake)
        assert report.ok and report.commits == seq, report.to_text()


def test_progress_never_steps_back_and_ends_at_the_head(whole_lake: Path) -> None:
    seen: list[Progress] = []
    report = verify_lake(whole_lake, progress=seen.append)
    steps = [(p.commits, p.events, p.bytes_read) for p in seen]
    assert steps == sorted(steps)
    assert steps[-1] == (report.commits, report.events, report.bytes_read)
    assert {p.commits_total for p in seen} == {6}


def test_commits_made_while_it_runs_are_left_to_the_next_run(tmp_path: Path) -> None:
    writer = Lake.create(tmp_path / "lake", tmp_path / "index")
    writer.append(batch(sales(0, 10)))
    numbers = iter(range(10, 10_000, 10))

    def append(_: Progress) -> None:
        writer.append(batch(sales(next(numbers), 10)))

    report = verify_lake(tmp_path / "lake", progress=append)
    assert report.ok, report.to_text()
    assert (report.commits, report.events, report.orphans) == (2, 10, 0)


def test_a_crash_of_a_writer_while_it_runs_is_no_lost_commit(tmp_path: Path) -> None:
    writer = Lake.create(tmp_path / "lake", tmp_path / "index")
    writer.append(batch(sales(0, 10)))

    def crash_after_two_commits(progress: Progress) -> None:
        if progress.commits == 1:
            writer.append(batch(sales(writer.head.tree_size, 10)))
            left = writer.head.seq + 1
            (tmp_path / "lake" / segment_path("sales", left, "a" * 64)).write_bytes(b"x")

    report = verify_lake(tmp_path / "lake", progress=crash_after_two_commits)
    assert report.ok and report.commits == 2 and report.orphans >= 1, report.to_text()


# --- flipped bits ---------------------------------------------------------------------------


@pytest.mark.parametrize("seq", [0, 4])
def test_every_single_flipped_bit_of_a_commit_file_is_found(whole_lake: Path, seq: int) -> None:
    data = commit_file(whole_lake, seq).read_bytes()
    read_commit(data, seq)
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Broken):
            read_commit(bytes(flipped), seq)


@pytest.mark.parametrize("pattern", ["_delta_log/*.json", "family=*/*/*", "_quarantine/*"])
def test_flipped_bits_in_every_kind_of_file_are_found_in_their_commit(
    lake: Path, pattern: str, rng: random.Random
) -> None:
    files = sorted(lake.glob(pattern))
    assert files
    for file in files:
        for bit in [rng.randrange(file.stat().st_size * 8) for _ in range(12)]:
            flip(file, bit)
            problem = verify_lake(lake).first_problem
            assert problem is not None, f"bit {bit} of {file.name}"
            assert problem.commit == int(file.name[:20]), f"bit {bit} of {file.name}: {problem}"
            flip(file, bit)
    assert verify_lake(lake).ok


def test_a_commit_rewritten_with_its_seal_breaks_the_chain_behind_it(lake: Path) -> None:
    file = commit_file(lake, 2)
    commit_id = actions_of(lake, 2)[0]["commitInfo"]["lake"]["commit_id"]
    other = commit_id[::-1].encode()
    file.write_bytes(sealed(file.read_bytes().replace(commit_id.encode(), other)))
    assert _rule(lake) == ("commit_must_chain_to_the_one_before", 3)


def test_a_commit_without_its_seal_is_found(lake: Path) -> None:
    file = commit_file(lake, 5)
    file.write_bytes(file.read_bytes().replace(b"self_sha256", b"self_sha255"))
    assert seal_written(file.read_bytes()) is None
    assert _rule(lake) == ("commit_must_hash_to_its_own_seal", 5)


# --- lost, cut and exchanged files ----------------------------------------------------------


@pytest.mark.parametrize("seq", range(5))
def test_a_lost_commit_file_is_named(lake: Path, seq: int) -> None:
    commit_file(lake, seq).unlink()
    assert _rule(lake) == ("commits_must_be_contiguous", seq)


def test_an_empty_log_is_a_lost_commit_0(lake: Path) -> None:
    for file in lake.glob("_delta_log/*.json"):
        file.unlink()
    assert _rule(lake) == ("commits_must_be_contiguous", 0)


def test_a_log_that_lost_its_newest_commits_is_found_by_the_segments_behind(lake: Path) -> None:
    for seq in (4, 5):
        commit_file(lake, seq).unlink()
    assert _rule(lake) == ("log_must_not_end_before_its_segments", 4)


def test_a_log_that_lost_only_its_newest_commit_is_found_by_a_known_head(lake: Path) -> None:
    head = verify_lake(lake).head
    assert head is not None
    known = KnownHead(seq=head.seq, sha256=head.sha256)
    assert verify_lake(lake, known_head=known).ok
    commit_file(lake, 5).unlink()
    cut = verify_lake(lake)
    assert cut.ok and cut.orphans == 1, "alone, the folder looks like a crash before commit 5"
    assert _rule(lake, known) == ("known_head_must_be_in_the_log", 5)


def test_another_lake_is_not_the_one_of_the_known_head(lake: Path) -> None:
    assert _rule(lake, KnownHead(seq=3, sha256="0" * 64)) == ("known_head_must_be_in_the_log", 3)


@pytest.mark.parametrize("kept", [0, 1, 40, 0.5, -1])
def test_a_truncated_commit_file_is_found(lake: Path, kept: float) -> None:
    file = commit_file(lake, 3)
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * kept) if isinstance(kept, float) else kept])
    assert _rule(lake) == ("commit_must_hash_to_its_own_seal", 3)


@pytest.mark.parametrize("extra", [b"\n", b" ", b"{}\n", b"\x00"])
def test_bytes_behind_a_commit_are_found(lake: Path, extra: bytes) -> None:
    file = commit_file(lake, 5)
    file.write_bytes(file.read_bytes() + extra)
    assert _rule(lake) == ("commit_must_hash_to_its_own_seal", 5)


@pytest.mark.parametrize(("one", "two"), [(0, 1), (1, 2), (2, 5), (4, 5)])
def test_swapped_commit_files_are_found_at_the_first(lake: Path, one: int, two: int) -> None:
    first, second = commit_file(lake, one), commit_file(lake, two)
    data = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(data)
    assert _rule(lake)[1] == one


def test_rotated_commit_files_are_found(lake: Path) -> None:
    files = [commit_file(lake, seq) for seq in (2, 3, 4)]
    contents = [file.read_bytes() for file in files]
    for file, data in zip(files, contents[1:] + contents[:1], strict=True):
        file.write_bytes(data)
    assert _rule(lake)[1] == 2


def test_a_commit_file_copied_behind_the_last_is_found(lake: Path) -> None:
    shutil.copy(commit_file(lake, 5), commit_file(lake, 6))
    assert _rule(lake)[1] == 6


def test_a_commit_of_another_lake_is_found(lake: Path, tmp_path: Path) -> None:
    other = Lake.create(tmp_path / "other", tmp_path / "other_index")
    for n in range(5):
        other.append(batch(sales(n, 1)))
    shutil.copy(commit_file(tmp_path / "other", 5), commit_file(lake, 5))
    assert _rule(lake) == ("commit_must_chain_to_the_one_before", 5)


@pytest.mark.parametrize(
    "pattern", ["family=sales/*/*4-*", "family=accounts/*/*2-*", "_quarantine/*3-*"]
)
def test_a_lost_segment_or_quarantine_file_is_named(lake: Path, pattern: str) -> None:
    (file,) = lake.glob(pattern)
    file.unlink()
    problem = verify_lake(lake).first_problem
    assert problem is not None
    assert problem.rule == "file_must_exist_and_be_readable"
    assert (problem.commit, problem.segment) == (
        int(file.name[:20]),
        file.relative_to(lake).as_posix(),
    )


def test_swapped_segments_are_found_at_the_first(lake: Path) -> None:
    first, second = segment_of(lake, 1), segment_of(lake, 4)
    data = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(data)
    assert _rule(lake) == ("file_must_hash_to_its_name", 1)


def test_the_first_of_two_problems_is_named(lake: Path) -> None:
    flip(segment_of(lake, 4), 800)
    flip(commit_file(lake, 2), 800)
    assert _rule(lake)[1] == 2
    flip(commit_file(lake, 2), 800)
    assert _rule(lake)[1] == 4


def test_what_was_verified_before_the_problem_is_reported(lake: Path) -> None:
    flip(segment_of(lake, 4), 800)
    report = verify_lake(lake)
    assert (report.ok, report.commits, report.events) == (False, 4, 430)
    assert report.head is not None and report.head.seq == 3
    assert report.orphans == 0, "files of commits not verified are no orphans"


def test_a_segment_that_is_a_folder_or_cannot_be_read_is_a_problem_not_a_crash(lake: Path) -> None:
    file = segment_of(lake, 2)
    file.unlink()
    file.mkdir()
    assert _rule(lake) == ("file_must_exist_and_be_readable", 2)


# --- files beside the lake's ----------------------------------------------------------------


def test_what_a_crash_leaves_is_counted_and_harmless(lake: Path) -> None:
    orphan = lake / segment_path("sales", 6, "a" * 64)
    orphan.write_bytes(b"whole, but no commit names it")
    (lake / f"_quarantine/{6:020d}-{'a' * 64}.parquet").write_bytes(b"x")
    (lake / f"family=sales/{3:020d}-{'b' * 64}.parquet").write_bytes(b"lost race")
    (lake / "family=sales/.tmp-0123").write_bytes(b"half")
    (lake / "_delta_log/.tmp-4567").write_bytes(b"half")
    report = verify_lake(lake)
    assert report.ok
    assert (report.orphans, report.unfinished, report.warnings) == (3, 2, ())


@pytest.mark.parametrize(
    "path",
    [
        "notes.txt",
        "family=sales/part-0.parquet",
        "family=sales/deep/x",
        "_delta_log/_last_checkpoint",
        "_delta_log/00000000000000000003.checkpoint.parquet",
        "_quarantine/readme",
        "family=SALES/x",
        "other/x",
    ],
)
def test_foreign_files_are_named_as_warnings(lake: Path, path: str) -> None:
    (lake / path).parent.mkdir(exist_ok=True, parents=True)
    (lake / path).write_bytes(b"x")
    report = verify_lake(lake)
    assert report.ok
    assert [w.split(":")[0] for w in report.warnings] == [f"unknown file {path}"]


# --- command line ---------------------------------------------------------------------------


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "audit.verify_lake", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_alone_it_exits_0_for_a_whole_lake_and_says_so_in_json(whole_lake: Path) -> None:
    done = _run(str(whole_lake), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    assert said["ok"] is True and said["first_problem"] is None
    assert (said["commits"], said["events"], said["head"]["seq"]) == (6, 480, 5)


def test_alone_it_exits_1_for_a_broken_lake_and_names_where(lake: Path) -> None:
    flip(segment_of(lake, 4), 8_000)
    done = _run(str(lake))
    assert (done.returncode, done.stderr) == (1, "")
    assert "BROKEN: 4 commits, 430 events" in done.stdout
    assert "file_must_hash_to_its_name: commit 4, family=sales/" in done.stdout
    said = json.loads(_run(str(lake), "--json").stdout)["first_problem"]
    assert (said["rule"], said["commit"]) == ("file_must_hash_to_its_name", 4)
    assert said["row"] is None and said["what_to_do"]


def test_wrong_use_exits_2(tmp_path: Path, whole_lake: Path) -> None:
    for arguments in ([], [str(tmp_path)], [str(whole_lake), "--head", "5"], ["--what"]):
        done = _run(*arguments)
        assert done.returncode == 2, arguments
        assert done.stderr and not done.stdout


def test_a_known_head_can_be_given_on_the_command_line(
    lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = verify_lake(lake).head
    assert head is not None
    noted = f"{head.seq}:{head.sha256}"
    assert main([str(lake), "--head", noted]) == 0
    assert f"head {noted}" in capsys.readouterr().out
    commit_file(lake, 5).unlink()
    assert main([str(lake), "--head", noted]) == 1


def test_it_stands_alone_without_the_writer(whole_lake: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from audit.verify_lake import verify_lake;"
        f"assert verify_lake(Path({str(whole_lake)!r})).ok;"
        "ours = {m.split('.')[0] for m in sys.modules} & {'ingestion', 'orchestration', 'serving'};"
        "sys.exit(str(ours) if ours else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_text_names_harmless_leftovers_and_warnings(lake: Path) -> None:
    (lake / "family=sales/.tmp-0123").write_bytes(b"half")
    (lake / "notes.txt").write_bytes(b"x")
    text = verify_lake(lake).to_text()
    assert text.startswith("ok: 6 commits, 480 events, 22 quarantined rows")
    assert "0 orphans and 1 unfinished files, harmless" in text
    assert "unknown file notes.txt" in text
