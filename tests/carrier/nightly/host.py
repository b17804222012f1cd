"""`lineaviva` in a process that believes to be on a host of another name; so do its workers, who load this too."""

from __future__ import annotations

import os
import socket

from lineaviva.cli.main import main

socket.gethostname = lambda: os.environ["NIGHT_TEST_HOST"]

if __name__ == "__main__":
    main()
