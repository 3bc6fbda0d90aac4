"""Reading manifests: documents, keys, aliases, tags, limits, and the words for what is wrong."""

import time

import pytest

from lateen.resources.yaml import Document, load_all, load_one, locate


def value(text: str) -> object:
    """Return the value of the only document, which must be sound."""
    document = load_one(text, "f.yaml")
    assert document.findings == ()
    return document.value


def trouble(text: str) -> str:
    """Return the one finding about a text, as it is shown."""
    (document,) = load_all(text, "f.yaml")
    (finding,) = document.findings
    assert document.value is None
    return str(finding)


def test_keys_are_text_whatever_they_look_like() -> None:
    """JSON has text keys only: numbers and booleans are written out, `y` is `true`."""
    assert value("8080: a\nyes: b\n1.50: c\n0x10: d") == {"8080": "a", "true": "b", "1.5": "c", "16": "d"}


def test_quotes_and_tags_make_text() -> None:
    """Quoted scalars and those tagged as text are what is written."""
    text = "a: 'no'\nb: \"1\"\nc: !!str 0777\nd: ! 5\ne: !!binary aGk=\nf: !!int '7'\ng: !!float 2"

    assert value(text) == {
        "a": "no", "b": "1", "c": "0777", "d": "5", "e": "hi", "f": 7, "g": 2,
    }  # fmt: skip


def test_block_scalars() -> None:
    """Literal and folded blocks keep what YAML says they keep."""
    assert value("a: |\n  x\n  ---\nb: >-\n  y\n  z\n") == {"a": "x\n---\n", "b": "y z"}


def test_aliases_are_copies() -> None:
    """What an alias stands for is a value of its own: changing one leaves the other."""
    found = value("a: &x {k: [1]}\nb: *x\nc: &s text\nd: *s\n*s : key")

    assert found == {"a": {"k": [1]}, "b": {"k": [1]}, "c": "text", "d": "text", "text": "key"}
    assert found["a"] is not found["b"] and found["a"]["k"] is not found["b"]["k"]  # type: ignore[index]


def test_merge_keys() -> None:
    """Keys that are written win over merged ones wherever they stand; the first of several maps wins."""
    text = (
        "one: &one {a: 1, b: 1}\ntwo: &two {b: 2, c: 2}\nr: {b: 0, <<: [*one, *two]}\ns: {<<: *one, a: 9}\nt: {'<<': 1}"
    )

    found = value(text)

    assert isinstance(found, dict)
    assert found["r"] == {"a": 1, "b": 0, "c": 2}
    assert found["s"] == {"a": 9, "b": 1}
    assert found["t"] == {"<<": 1}


def test_documents_and_their_lines() -> None:
    """Empty documents and comments are left out; lines are those of the content."""
    text = "# head\n---\n# only a comment\n--- # note\na: 1\n---\n\n\nb: 2\n...\n---\n--- {c: 3}\n---\nd: 4\n"

    documents = load_all(text, "f.yaml")

    assert [(document.value, document.line) for document in documents] == [
        ({"a": 1}, 5),
        ({"b": 2}, 9),
        ({"c": 3}, 12),
        ({"d": 4}, 14),
    ]


def test_a_bad_document_does_not_hide_its_neighbours() -> None:
    """Only the broken document has a finding."""
    good, bad, last = load_all("a: 1\n---\nb: [\n---\nc: 3\n", "f.yaml")

    assert (good.value, bad.value, last.value) == ({"a": 1}, None, {"c": 3})
    assert str(bad.findings[0]).startswith("f.yaml:4: column 1: is not YAML")


def test_json_is_read_too() -> None:
    """Several JSON values may follow each other."""
    assert [(document.value, document.line) for document in load_all('\n{"a": [1, 1.5]}\n{"b": null}\n', "f.json")] == [
        ({"a": [1, 1.5]}, 2),
        ({"b": None}, 3),
    ]


def test_a_byte_order_mark_and_windows_lines_do_no_harm() -> None:
    """Files from other systems read the same."""
    assert value("\ufeffa: 1\r\nb:\r\n- x\r\n") == {"a": 1, "b": ["x"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2", "f.yaml:4: column 3: has the key 'c' a second time (first on line 3)"),
        ('{"a": 1,\n "a": 2}', "f.yaml:2: column 2: has the key 'a' a second time (first on line 1)"),
        ("a:\n\tb: 1", "(the line is indented with a tab; use spaces)"),
        ("a: b: c", "put text that holds ': ' in quotes"),
        ("a: 1\nb\x00: 2", "f.yaml:2: column 2: has the character U+0000, which YAML does not allow"),
        ("a: *x", "has the alias *x, which stands for nothing"),
        ("a: &a [*a]", "has the alias *a inside of what it stands for"),
        (
            "a: !!python/object/apply:os.system [ls]",
            "has the tag !!python/object/apply:os.system, which manifests do not use",
        ),
        ("a: !env HOME", "has the tag !env"),
        ("a: !!int x", "'x' is no int"),
        ("? [a]\n: b", "has a list or a map for a key"),
        ("~: a", "has a key that is empty"),
        ("a: .inf", ".inf cannot be written in JSON"),
        ("<<: 1", "merges something that is no map"),
        ("[" * 500, "is nested in more than 100 levels"),
        ("a: 'x", "is not YAML"),
    ],
)
def test_what_is_wrong_is_said(text: str, message: str) -> None:
    """Each mistake has a place and words; nothing raises."""
    assert message in trouble(text)


@pytest.mark.parametrize(
    "text",
    [
        "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)),
        "a0: &a0 {k: v}\n"
        + "".join(f"a{i}: &a{i} {{l: *a{i - 1}, r: *a{i - 1}, <<: *a{i - 1}}}\n" for i in range(1, 60)),
        "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 3000)),
        "a: &a '" + "x" * 100_000 + "'\nb: [" + ",".join(["*a"] * 1000) + "]",
    ],
    ids=["billion laughs", "merge keys", "deep", "long text"],
)
def test_bombs_are_refused_quickly(text: str) -> None:
    """What aliases stand for is bounded by the size of the text."""
    start = time.perf_counter()

    assert "has aliases that stand for far too much" in trouble(text)
    assert time.perf_counter() - start < 5


def test_deep_nesting_cannot_exhaust_the_stack() -> None:
    """Not even where it is far deeper than the parser's own recursion."""
    assert "nested" in trouble("a: " + "[" * 300_000)


def test_a_text_that_is_too_long_is_refused_at_once() -> None:
    """The size is looked at before anything else."""
    assert "characters long" in trouble("a" * (64 * 1024 * 1024 + 1))


def test_too_many_documents_are_refused_at_once() -> None:
    """They are counted before any is read."""
    assert "more than 50000 documents" in trouble("--- a\n" * 50_001)


def test_one_document_is_wanted() -> None:
    """Two are a finding, none is nothing."""
    assert load_one("# nothing\n", "f") == Document(None, 1)
    assert "more than one document" in str(load_one("a: 1\n---\nb: 2", "f").findings[0])


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("spec.http[0].route[1].weight", (17, 7)),
        ("spec.http[0].nothing.below", (13, 5)),
        ("spec.http[7]", (12, 3)),
        ("metadata.labels['app.kubernetes.io/name']", (10, 5)),
        ("", (7, 1)),
    ],
)
def test_a_path_is_located(path: str, place: tuple[int, int]) -> None:
    """Line and column of the field, or of its nearest ancestor that is written."""
    text = """# one
a: 1
---
# comment
# another

kind: X
metadata:
  labels:
    app.kubernetes.io/name: x
spec:
  http:
  - route:
    - destination: {host: a}
      weight: 1
    - destination: {host: b}
      weight: 2
"""
    document = load_all(text, "f.yaml")[1]

    assert locate(document.text, path, document.line) == place
