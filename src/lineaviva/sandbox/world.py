"""The pretend outside world on loopback: its programs, where they listen, and what the keeper must know of them.

Each part is a process of its own that speaks the same protocol as the real thing.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path

SETTINGS = "lineaviva.config.settings"
CARRIERS = ("tim", "vodafone", "windtre")
_SECRETS = (
    "stripe",
    "paypal",
    "webhook",
    *(f"client {operator}" for operator in CARRIERS),
    *(f"progress {operator}" for operator in CARRIERS),
)
# Settings that name a secret may be given by a file instead, and that counts first: the reader's own must not.
_BY_FILE = ("STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRET", "TMF_CLIENTS", "ES2_TOKENS", "ESIMGO_KEY")


@dataclass(frozen=True)
class World:
    """Ports from `port` on: keeper's pages, payment provider, three carriers, their SM-DP+ (two), mail sink at +9."""

    home: Path
    port: int

    @property
    def keeper_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def provider_url(self) -> str:
        return f"http://127.0.0.1:{self.port + 1}"

    @property
    def smtp_port(self) -> int:
        return self.port + 9

    @property
    def es9_port(self) -> int:
        """Where phones download eSIM profiles, of whichever of the three operators."""
        return self.port + 5

    @property
    def es2_port(self) -> int:
        """Where the keeper orders them, as each operator with a certificate of its own."""
        return self.port + 6

    def carrier_port(self, operator: str) -> int:
        return self.port + 2 + CARRIERS.index(operator)

    def carrier_url(self, operator: str) -> str:
        return f"http://127.0.0.1:{self.carrier_port(operator)}"

    @property
    def ports(self) -> list[int]:
        carriers = (self.carrier_port(name) for name in CARRIERS)
        return [self.port, self.port + 1, *carriers, self.es9_port, self.es2_port, self.smtp_port]

    def folder(self, part: str) -> Path:
        return self.home / "sandbox" / part

    def secrets(self) -> dict[str, str]:
        """What the parts share and nobody else knows, made at the first start."""
        path = self.folder("secrets.json")
        found: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        missing = [name for name in _SECRETS if name not in found]
        if missing:
            path.parent.mkdir(parents=True, exist_ok=True)
            found |= {name: secrets.token_hex(32) for name in missing}
            draft = path.with_suffix(f".{os.getpid()}")
            draft.touch(mode=0o600)
            draft.write_text(json.dumps(found))
            draft.replace(path)
        return found

    def client(self, operator: str) -> str:
        """Id and secret of the keeper's client at that carrier."""
        return f"{operator}-keeper:{self.secrets()[f'client {operator}']}"

    @property
    def smdp_certs(self) -> Path:
        """The test CI that the SM-DP+ makes for itself, and that the pretend phone trusts."""
        return self.folder("smdp") / "certs"

    def keeper_env(self) -> dict[str, str]:
        """What the keeper's processes need to know to live in this world."""
        shared = self.secrets()
        return {
            **{f"LINEAVIVA_{name}_FILE": "" for name in _BY_FILE},
            "DJANGO_SETTINGS_MODULE": SETTINGS,
            "LINEAVIVA_PROGRAM": "keeper",
            "LINEAVIVA_HOME": str(self.home),
            "LINEAVIVA_PUBLIC_URL": self.keeper_url,
            "LINEAVIVA_SMTP_HOST": "127.0.0.1",
            "LINEAVIVA_SMTP_PORT": str(self.smtp_port),
            "LINEAVIVA_STRIPE_API_KEY": f"sk_test_{shared['stripe']}",
            "LINEAVIVA_STRIPE_WEBHOOK_SECRET": f"whsec_{shared['webhook']}",
            "LINEAVIVA_STRIPE_API_BASE": self.provider_url,
            "LINEAVIVA_PAYPAL_API_BASE": f"{self.provider_url}/paypal",
            **self._paypal_env(),
            "LINEAVIVA_TMF_URLS": ",".join(f"{name}={self.carrier_url(name)}" for name in CARRIERS),
            "LINEAVIVA_TMF_CLIENTS": ",".join(f"{name}={self.client(name)}" for name in CARRIERS),
            **self._esim_env(),
        }

    def _paypal_env(self) -> dict[str, str]:
        """What both sides know of the shop's app at the pretend PayPal."""
        return {
            "LINEAVIVA_PAYPAL_CLIENT_ID": "pretend-app",
            "LINEAVIVA_PAYPAL_SECRET": self.secrets()["paypal"],
            "LINEAVIVA_PAYPAL_SECRET_FILE": "",
            "LINEAVIVA_PAYPAL_WEBHOOK_ID": "PRETENDWEBHOOK",
        }

    def _esim_env(self) -> dict[str, str]:
        shared = self.secrets()
        return {
            "LINEAVIVA_ES2_URLS": ",".join(f"{name}=https://127.0.0.1:{self.es2_port}" for name in CARRIERS),
            "LINEAVIVA_ES2_CERTS": str(self.folder("smdp") / "operators"),
            "LINEAVIVA_ES2_CA": str(self.smdp_certs / "nist" / "ci.pem"),
            "LINEAVIVA_ES2_PROFILE_TYPES": "",
            "LINEAVIVA_ES2_TOKENS": ",".join(f"{name}={shared[f'progress {name}']}" for name in CARRIERS),
            "LINEAVIVA_INSTALL_LINK": f"{self.provider_url}/phone",
            # A reseller of real profiles, which cost money, has no place in a pretend world.
            "LINEAVIVA_ESIMGO_KEY": "",
            "LINEAVIVA_ESIMGO_BUNDLES": "",
        }

    def _part_env(self, part: str, program: str) -> dict[str, str]:
        # A part has its own home and SQLite file, whatever database the keeper uses.
        return {
            "DJANGO_SETTINGS_MODULE": SETTINGS,
            "LINEAVIVA_PROGRAM": program,
            "LINEAVIVA_HOME": str(self.folder(part)),
            "LINEAVIVA_DATABASE_URL": "",
            "LINEAVIVA_DATABASE_URL_FILE": "",
            "LINEAVIVA_SANDBOX": "yes",
        }

    def carrier_env(self, operator: str) -> dict[str, str]:
        return {
            **self._part_env(operator, "carrier"),
            "LINEAVIVA_CARRIER_OPERATOR": operator,
            "LINEAVIVA_SANDBOX_CLIENT": self.client(operator),
            "LINEAVIVA_PUBLIC_URL": self.carrier_url(operator),
        }

    def provider_env(self) -> dict[str, str]:
        shared = self.secrets()
        return {
            **self._part_env("provider", "provider"),
            "LINEAVIVA_PUBLIC_URL": self.provider_url,
            "LINEAVIVA_STRIPE_API_KEY": f"sk_test_{shared['stripe']}",
            **self._paypal_env(),
            "LINEAVIVA_SANDBOX_WEBHOOK_URL": f"{self.keeper_url}/webhooks/stripe",
            "LINEAVIVA_SANDBOX_WEBHOOK_SECRET": f"whsec_{shared['webhook']}",
            "LINEAVIVA_SANDBOX_MAIL": str(self.folder("mail")),
            "LINEAVIVA_SANDBOX_PHONE": str(self.folder("phone")),
            "LINEAVIVA_SANDBOX_PHONE_CERTS": str(self.smdp_certs),
        }

    def smdp_env(self) -> dict[str, str]:
        """One SM-DP+ for the three operators, as they share a maker of eSIM systems outside too."""
        shared = self.secrets()
        heard = {name: f"{self.keeper_url}/es2plus/{name}/{shared[f'progress {name}']}" for name in CARRIERS}
        return {
            **self._part_env("smdp", "carrier"),
            "DJANGO_SETTINGS_MODULE": "lineaviva.sandbox.smdp.settings",
            "LINEAVIVA_CARRIER_OPERATOR": "",
            "LINEAVIVA_SMDP_CERTS": str(self.smdp_certs),
            "LINEAVIVA_SMDP_ADDRESS": f"127.0.0.1:{self.es9_port}",
            "LINEAVIVA_SMDP_CLIENTS": "",
            "LINEAVIVA_SMDP_KEY": "",
            "LINEAVIVA_SMDP_KEY_FILE": "",
            "LINEAVIVA_SMDP_OPERATOR_URLS": ",".join(f"{name}={url}" for name, url in heard.items()),
            "LINEAVIVA_SMDP_OPERATOR_CERT": "",
            "LINEAVIVA_SMDP_OPERATOR_CA": "",
        }

    def smdp_argv(self) -> list[str]:
        ports = ["--port", str(self.es9_port), "--es2-port", str(self.es2_port)]
        return [sys.executable, "-m", "lineaviva.sandbox.smdp", *ports, "--operators", ",".join(CARRIERS)]

    def mail_argv(self) -> list[str]:
        folder = str(self.folder("mail"))
        return [sys.executable, "-m", "lineaviva.sandbox.mail", "--port", str(self.smtp_port), "--folder", folder]
