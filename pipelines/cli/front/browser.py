"""Opens a page in the browser of whoever is at the machine, or says that there is none."""

import webbrowser
from pathlib import Path

from ...terminal import error_console


def show_page(page: Path) -> None:
    """Open it; a line on standard error where that cannot be done, or there is no such page."""
    if not page.exists():
        return
    try:
        opened = webbrowser.open(page.resolve().as_uri())
    except (webbrowser.Error, OSError):
        opened = False
    if not opened:
        error_console().print(
            f"diptych: there is no browser to open {page} in: open it yourself", soft_wrap=True
        )
