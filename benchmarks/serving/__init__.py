"""`diptych bench serving`: requests that come at random."""

from .arrivals import measure as measure
