"""The runner itself, on corpora made here: it scores any folder of the format."""

import json
from pathlib import Path

import pytest

from tests.conformance.__main__ import main
from tests.conformance.corpus import CorpusError, Suite, load
from tests.conformance.scoring import MismatchError, NotScoredError, score


def corpus_of(folder: Path, **suites: list[str]) -> Path:
    """Write a corpus in which each keyword is a suite and its value the names of its cases."""
    for name, cases in suites.items():
        (folder / name).mkdir()
        (folder / name / "cases.json").write_text(
            json.dumps({"suite": name, "cases": [{"name": case} for case in cases]})
        )
    return folder


def test_an_unsupported_suite_counts_as_nothing_passed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["--corpus", str(corpus_of(tmp_path, unheard_of=["a", "b/c"]))])

    assert status == 1
    assert capsys.readouterr().out.splitlines() == ["unheard_of 0/2", "unheard_of a", "unheard_of b/c"]


def test_only_named_suites_run_and_json_is_one_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus_of(tmp_path, one=["a"], two=["b"])

    status = main(["--corpus", str(tmp_path), "--suite", "two", "--json"])
    printed = json.loads(capsys.readouterr().out)

    assert status == 1
    assert [suite["name"] for suite in printed["suites"]] == ["two"]
    assert printed["total"] == 1


def test_all_passing_exits_0(tmp_path: Path) -> None:
    assert main(["--corpus", str(corpus_of(tmp_path, authz=[]))]) == 0


@pytest.mark.parametrize(
    "make", [lambda folder: folder / "absent", lambda folder: folder], ids=["no folder", "no suites"]
)
def test_a_wrong_corpus_is_one_clear_line_and_exit_2(make, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:  # type: ignore[no-untyped-def]
    status = main(["--corpus", str(make(tmp_path))])

    assert status == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_naming_a_suite_that_is_not_there_says_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no suite three; it has one"):
        load(corpus_of(tmp_path, one=["a"]), ("three",))


def test_a_broken_cases_file_is_named(tmp_path: Path) -> None:
    (corpus_of(tmp_path, one=[]) / "one" / "cases.json").write_text("{")

    with pytest.raises(CorpusError, match=r"one/cases\.json"):
        load(tmp_path)


def test_a_crash_and_a_mismatch_fail_their_case_only_and_unscored_cases_do_not_count() -> None:
    def compare(_suite: Suite, case: dict[str, str]) -> None:
        match case["name"]:
            case "differs":
                raise MismatchError("1 is not 2")
            case "crashes":
                raise KeyError("gone")
            case "incomplete":
                raise NotScoredError

    suite = Suite("s", Path(), cases=tuple({"name": name} for name in ("fine", "differs", "crashes", "incomplete")))

    result = score(suite, compare)

    assert (result.passed, result.total) == (1, 3)
    assert result.failures == {"differs": "1 is not 2", "crashes": "KeyError: 'gone'"}
