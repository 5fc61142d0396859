"""The gallery in a browser: its fixtures are told in `gallery_pages`."""

from .gallery_pages import batch as batch
from .gallery_pages import browser as browser
from .gallery_pages import reader as reader
