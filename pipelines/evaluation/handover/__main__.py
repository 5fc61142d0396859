"""`python -m diptych.pipelines.evaluation.handover`."""

import sys

from .comparison import run

raise SystemExit(run(sys.argv[1:]))
