"""AWS Lambda's runtime, as far as a function sees it: imports the handler, and calls it with each event.

A program for the hosts' Python, started in the function's folder. Events come as lines of JSON on
standard input; a number instead says that the process was frozen for so many seconds. What the
handler returns goes to standard output, a line each; what it logs, as on Lambda, elsewhere.
"""

import json
import logging
import os
import sys
import time
from importlib import import_module

# In a frozen machine the wall clock goes on and the monotonic clock stands still.
frozen = 0.0
wall_clock = time.time
time.time = lambda: wall_clock() + frozen

answers = os.fdopen(os.dup(1), "w")
sys.stdout = sys.stderr
logging.getLogger().addHandler(logging.StreamHandler())  # Lambda's runtime has one before the import

module, _, name = sys.argv[1].partition(".")
sys.path.insert(0, "")
handler = getattr(import_module(module), name)
for line in sys.stdin:
    event = json.loads(line)
    if isinstance(event, dict):
        answers.write(json.dumps(handler(event, None)) + "\n")
        answers.flush()
    else:
        frozen += event
