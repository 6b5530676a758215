"""What `mkdocs build` calls: it adds the pages that are generated from the code to those that are written by hand."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

sys.path.insert(0, str(Path(__file__).parent))

from generated_pages import generated_pages

PAGES = generated_pages()
NAV_SECTIONS = {"Families": "reference/families/", "Python": "reference/python/"}


def on_config(config: Any) -> Any:
    """List the generated pages of families and packages below "Reference" in the navigation."""
    reference = next(entry["Reference"] for entry in config["nav"] if isinstance(entry, dict) and "Reference" in entry)
    for title, folder in NAV_SECTIONS.items():
        if not any(isinstance(entry, dict) and title in entry for entry in reference):
            reference.append({title: [path for path in PAGES if path.startswith(folder)]})
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the generated pages to the files of the site."""
    for path, text in PAGES.items():
        files.append(File.generated(config, path, content=text))
    return files
