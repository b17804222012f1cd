"""The least that a download costs: the signatures and keys that SGP.22 asks of the server, and nothing else."""

from __future__ import annotations

import time

from lineaviva.carrier.smdp import crypto

SIGNS, VERIFIES = 3, 4


def per_second(rounds: int = 2000) -> float:
    """Downloads per CPU-second if there were only 3 signs, 4 verifies, 1 key generation and 1 ECDH on P-256."""
    key, _ = crypto.otpk_make(crypto.NIST)
    public = key.public_key()
    message = b"m" * 300
    signature = crypto.sign(key, message)
    start = time.process_time()
    for _ in range(rounds):
        for _ in range(SIGNS):
            crypto.sign(key, message)
        for _ in range(VERIFIES):
            if not crypto.verify(public, signature, message):
                raise SystemExit("a right signature was refused")
        private, _point = crypto.otpk_make(crypto.NIST)
        crypto.shared_secret(private, public)
    return rounds / (time.process_time() - start)
