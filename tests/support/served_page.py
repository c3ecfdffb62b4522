"""What tests of the page of a run look at, and do, in a browser."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from tests.support.browser import load_playwright
from tests.support.processes.paced import PATIENCE_SECONDS


def see(page: Any, selector: str, text: str) -> None:
    """Wait until an element shows a text somewhere."""
    found = load_playwright().expect(page.locator(selector))
    found.to_contain_text(text, timeout=1000 * PATIENCE_SECONDS)


def wait_for_shown(page: Any, *expected: str) -> None:
    """Wait until the stage shows these pictures."""
    page.wait_for_function(
        "wanted => [...document.querySelectorAll('#stage .layer img')].map(one =>"
        " one.src.replace(/.*?\\/picture\\//, '').replace(/\\?.*/, '')).join() === wanted",
        arg=",".join(expected),
    )


def drop(page: Any, selector: str, file: Path) -> None:
    """Drop a file on an element."""
    data = base64.b64encode(file.read_bytes()).decode()
    page.evaluate(
        """([selector, name, data]) => {
          const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([bytes], name));
          for (const kind of ['dragover', 'drop']) {
            const event = new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true });
            document.querySelector(selector).dispatchEvent(event);
          }
        }""",
        [selector, file.name, data],
    )
