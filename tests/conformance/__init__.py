"""Scores this implementation against a conformance corpus: folders of inputs and expected results, one per suite.

`corpus` reads a corpus, `suites` has one comparison per suite, `scoring` joins the two, `__main__` is the command and
`test_conformance` holds the ratchet. Any folder of the format works; nothing here knows the name of a case.
"""
