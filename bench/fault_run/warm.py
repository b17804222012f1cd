"""Loaded once by the process from which workers and people are forked: they begin to work within milliseconds.

So kills meet programs at work, and not programs that start.
"""

from __future__ import annotations

import os

if os.environ.get("LINEAVIVA_PROGRAM") == "keeper":
    from lineaviva.cli import output

    output.setup_django()

    import lineaviva.keeper.activation.actions
    import lineaviva.keeper.payments.paypal.adapter
    import lineaviva.keeper.payments.stripe.adapter
    import lineaviva.keeper.receipts.actions
    import lineaviva.kernel.agenda
    import lineaviva.sandbox.person  # noqa: F401 - only loaded
