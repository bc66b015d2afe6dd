"""Replace AWS Lambda's runtime: import the handler, and call it with each event.

The hosts' Python runs this program in the function's folder. Each line of standard input is an event
as JSON, or a number of seconds for which the process was frozen. Each line of standard output is a
result of the handler. The log goes to standard error.
"""

import json
import logging
import os
import sys
import time
from importlib import import_module

# In a frozen machine the wall clock continues, and the monotonic clock stops.
frozen = 0.0
wall_clock = time.time
time.time = lambda: wall_clock() + frozen

answers = os.fdopen(os.dup(1), "w")
sys.stdout = sys.stderr
logging.getLogger().addHandler(logging.StreamHandler())  # Lambda's runtime adds one before the import

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
