"""Shared parts of the reports' HTML pages. Each page is a single file."""

from __future__ import annotations

import base64
import html
import io
from pathlib import Path

import numpy as np
from PIL import Image

from batch_analogy.media.stills import read_still, to_uint8

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1f2937;max-width:1120px;margin:2rem auto;
padding:0 1rem}
h1{font-size:1.5rem;margin:0 0 .2rem}h2{font-size:1.2rem;margin:2.2rem 0 .4rem}
h3{font-size:1rem;margin:1.4rem 0 0}
p{margin:.2rem 0 .6rem;color:#4b5563;max-width:46rem}
table{border-collapse:collapse;margin:.6rem 0}
th,td{padding:.3rem .9rem .3rem 0;text-align:right;border-bottom:1px solid #e5e7eb;
font-variant-numeric:tabular-nums}
th:first-child,td:first-child{text-align:left}
svg{width:100%;height:auto;display:block}
img{max-width:100%;height:auto;display:block;margin:.3rem 0 1.2rem}
code{font-size:.92em}
"""


def format_number(value: float | None, number_format: str = ".3g") -> str:
    """Format a number for reading; a dash for None."""
    return "–" if value is None else f"{value:{number_format}}"


def document(title: str, body: str, style: str = "") -> str:
    """Return an HTML page that loads no other file.

    Args:
        title: plain text. body: HTML. style: CSS in addition to the shared style.
    """
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{STYLE}{style}</style></head><body>"
        f"{body}</body></html>\n"
    )


def data_url(path: Path) -> str:
    """Return a picture as a ``data:`` URL, with its pixels but without the file's metadata.

    Raises:
        FrameError: the picture cannot be read.
    """
    stream = io.BytesIO()
    pixels = np.ascontiguousarray(to_uint8(read_still(path)))
    Image.fromarray(pixels).save(stream, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"
