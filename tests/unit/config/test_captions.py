"""Templates of texts: what they make, and what is refused."""

from __future__ import annotations

import pytest

from batch_analogy.config.captions import check_template, make_text
from batch_analogy.errors import ConfigError

TAKEN = "2024-05-31T18:03:12.250000+02:00"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{date}", "2024-05-31 18:03:12"),
        ("{date:%d.%m.%y, %H:%M}", "31.05.24, 18:03"),
        ("{name}\\n{frame:05d}", "img 7.jpg\n00007"),
        ("night {{1}} 100 %", "night {1} 100 %"),
        ("", ""),
    ],
)
def test_makes_texts(template: str, text: str) -> None:
    check_template(template)
    assert make_text(template, taken=TAKEN, frame=7, name="sub/img 7.jpg") == text


def test_an_unknown_date_leaves_no_blanks() -> None:
    assert make_text("{date:%H:%M}  {name}", taken=None, frame=0, name="a.png") == "a.png"


def test_names_that_are_not_utf8_can_be_drawn() -> None:
    assert make_text("{name}", taken=None, frame=0, name="a\udcff.png") == "a?.png"


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{data}", r"\{data\}; it may have \{date\}"),
        ("{date.__class__}", "it may have"),
        ("{}", "it may have"),
        ("{date", "braces|expected|brace"),
        ("{frame:%H}", "cannot be made"),
        ("{name:d}", "cannot be made"),
        ("{name:{frame}}", "within a field"),
        ("{frame:09999d}", "may have 1000"),
    ],
)
def test_refuses_templates(template: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        check_template(template)
