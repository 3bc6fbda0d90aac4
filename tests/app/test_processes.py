"""Process records: found again, never half written, never mistaken for another process."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from lateen.adapters.files.processes import read_record, start_time, write_record


def test_a_recorded_process_is_found_while_it_runs(tmp_path: Path) -> None:
    write_record(tmp_path / "x.pid", os.getpid())

    assert read_record(tmp_path / "x.pid") == os.getpid()
    assert [p.name for p in tmp_path.iterdir()] == ["x.pid"]


def test_another_process_with_the_same_number_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "x.pid").write_text(f"{os.getpid()} {start_time(os.getpid()) - 1}\n")

    assert read_record(tmp_path / "x.pid") is None
    assert read_record(tmp_path / "none.pid") is None


def test_a_record_that_is_written_anew_is_never_missing_to_a_reader(tmp_path: Path) -> None:
    path = tmp_path / "x.pid"
    write_record(path, os.getpid())
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            write_record(path, os.getpid())

    writer = threading.Thread(target=write)
    writer.start()
    found = {read_record(path) for _ in range(2000)}
    stop.set()
    writer.join()

    assert found == {os.getpid()}
