"""Show doctests as code, and the comment behind a field as its description."""

from __future__ import annotations

import re
from typing import Any

from griffe import Attribute, Docstring, Extension, Object

COMMENT = re.compile(r".*?\s#\s(.+)")


class ReadableDocstrings(Extension):
    """Change docstrings as they are collected, for the site only."""

    def on_instance(self, *, obj: Object, **_: Any) -> None:
        """Fence doctests."""
        if obj.docstring is not None:
            obj.docstring.value = fence_doctests(obj.docstring.value)

    def on_attribute_instance(self, *, attr: Attribute, **_: Any) -> None:
        """Take the comment behind a field for its docstring, if it has none."""
        if attr.docstring is None and attr.lineno is not None and attr.lines:
            found = COMMENT.fullmatch(attr.lines[0].rstrip())
            if found is not None:
                text = found[1][:1].upper() + found[1][1:]
                attr.docstring = Docstring(text, parent=attr, lineno=attr.lineno)


def fence_doctests(text: str) -> str:
    """Put each block of lines that begins with a prompt into a code block.

    >>> print(fence_doctests("Add." + chr(10) * 2 + ">>> 1 + 1" + chr(10) + "2"))
    Add.
    <BLANKLINE>
    ```python
    >>> 1 + 1
    2
    ```
    """
    blocks = text.split("\n\n")
    fenced = [f"```python\n{b}\n```" if b.lstrip().startswith(">>>") else b for b in blocks]
    return "\n\n".join(fenced)
