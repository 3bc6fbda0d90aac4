"""What streams of one view share."""

from lateen.controlplane.answers import KEPT, Answers
from tests.controlplane.clients import resource


def test_the_same_answer_is_indexed_once() -> None:
    answers, found = Answers(), (resource("a"), resource("b"))
    assert answers.by_name(found) is answers.by_name(found)
    assert list(answers.by_name(found)) == ["a", "b"]


def test_differences() -> None:
    same = resource("same")
    before = (same, resource("edited"), resource("gone"))
    after = (same, resource("edited", body="new"), resource("new"))

    assert set(Answers().changed(before, after)) == {"edited", "gone", "new"}
    assert Answers().changed(after, after) == ()


def test_what_is_kept_is_bounded() -> None:
    answers = Answers()
    many = [(resource(str(number)),) for number in range(2 * KEPT)]
    for found in many:
        assert answers.changed((), found) == (found[0].name,)
    assert len(answers._by_name) == len(answers._changed) == KEPT
