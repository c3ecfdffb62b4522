"""What the site's pages get when it is built: tables of the benchmarks, and the commands."""

from __future__ import annotations

import benchmark_tables
import command_reference
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the command reference, which is no file of the repository."""
    files.append(File.generated(config, "commands.md", content=command_reference.write()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill in the tables that a page asks for."""
    return benchmark_tables.fill(markdown)
