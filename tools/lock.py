"""Write both lock files from pyproject.toml: every version and hash, for every platform (uv resolves, pip installs)."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

COMPILE = (
    "pip",
    "compile",
    "--universal",
    "--python-version",
    "3.11",
    "--generate-hashes",
    "--quiet",
    "pyproject.toml",
)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([f"{folder}/bin/pip", "install", "--quiet", "uv"], check=True)
        for target, extra in (("requirements.lock", []), ("requirements-dev.lock", ["--group", "dev"])):
            subprocess.run([f"{folder}/bin/uv", *COMPILE, *extra, "--output-file", target], check=True)
            print(f"{target}: {Path(target).read_text().count('==')} packages")


if __name__ == "__main__":
    main()
