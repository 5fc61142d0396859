"""`diptych bench serve`: requests that come at random."""

from .arrivals import measure as measure
