"""The store's persistent log: one SQLite table, one row per change, the row number is the resourceVersion.

In: records to append. Out: at start all records that are still needed. The rules: a change is in the database file's
write-ahead log before anybody sees it, so killing this process loses nothing; superseded rows older than the history
are removed in the background; a full disk refuses the one change and leaves everything readable.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from lateen.localcluster.errors import ApiError, storage_full
from lateen.localcluster.store import Record

SCHEMA = """
CREATE TABLE IF NOT EXISTS log (
  revision INTEGER PRIMARY KEY AUTOINCREMENT,
  type TEXT NOT NULL, resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, data BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS log_key ON log (resource, namespace, name, revision);
CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""
# A row can go when a newer one of the same object exists, or when it says that the object is gone.
PRUNE = """
DELETE FROM log WHERE revision <= :upto AND (
  type = 'DELETED' OR EXISTS (
    SELECT 1 FROM log AS newer WHERE newer.resource = log.resource AND newer.namespace = log.namespace
      AND newer.name = log.name AND newer.revision > log.revision AND newer.revision <= :upto))
"""
PRAGMAS = (
    "locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=2000", "cache_size=-1024"
)  # fmt: skip
ADVICE = {"database is locked": "another API server of this mesh is running"}
DEFAULT_ADVICE = "check the disk, or remove the file to start with an empty mesh"
FULL = "database or disk is full"
logger = logging.getLogger(__name__)


class LogError(Exception):
    """The database file cannot be used at all; the message says why and what to do."""


class SqliteLog:
    """One open database file. Used from one thread only, and by one process: a second one is refused."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.touch(mode=0o600, exist_ok=True)
        path.chmod(0o600)
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            for pragma in PRAGMAS:
                self._connection.execute(f"PRAGMA {pragma}")
            self._connection.executescript(SCHEMA)
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise LogError(f"cannot use {path}: {error}; {ADVICE.get(str(error), DEFAULT_ADVICE)}") from None

    def append(self, record: Record) -> None:
        """Add one change, durably. Raises `ApiError` 507 when the disk is full; then nothing is stored."""
        try:
            self._connection.execute("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?)", record)
        except sqlite3.OperationalError as error:
            raise self._refusal(error) from error

    def _refusal(self, error: sqlite3.OperationalError) -> ApiError:
        logger.error("cannot write %s: %s", self._path, error)
        if FULL in str(error):
            return storage_full(f"the change is not stored: no space left for {self._path}; free some and try again")
        return ApiError(500, "InternalError", f"the change is not stored: {self._path}: {error}")

    def records(self) -> Iterator[Record]:
        """All rows, oldest first."""
        cursor = self._connection.execute("SELECT * FROM log ORDER BY revision")
        yield from map(Record._make, cursor)

    def compacted(self) -> int:
        """The newest revision up to which superseded rows are gone."""
        row = self._connection.execute("SELECT value FROM state WHERE key = 'compacted'").fetchone()
        return int(row[0]) if row else 0

    def newest(self) -> int:
        """The highest revision ever given out."""
        row = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'log'").fetchone()
        return int(row[0]) if row else 0

    def compact(self, upto: int) -> None:
        """Forget superseded rows up to a revision."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute("INSERT OR REPLACE INTO state VALUES ('compacted', ?)", (upto,))
            self._connection.execute(PRUNE, {"upto": upto})
            self._connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            logger.warning("cannot compact %s: %s", self._path, error)

    def close(self) -> None:
        self._connection.close()
