"""`lineaviva smdp`: certificates, stock, orders and what is shown of them; the server itself is in carrier/smdp."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lineaviva.carrier.smdp import ca, crypto, sealing
from lineaviva.carrier.smdp.certs import CertificateStore
from lineaviva.carrier.smdp.models import Profile
from lineaviva.carrier.smdp.packages import read_upp
from lineaviva.carrier.smdp.stock import unprotected
from lineaviva.cli import smdp_import
from lineaviva.kernel import clock
from tests.cli.conftest import Command

pytestmark = pytest.mark.django_db
EID = "89049032123451234512345678901235"


@pytest.fixture(autouse=True)
def smdp(settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.SMDP_ADDRESS, settings.SMDP_ADDRESSES = "smdp.test", ["smdp.test"]
    settings.SMDP_KEY, settings.CARRIER_OPERATOR = "a key for tests only, long enough to be taken", "tim"
    settings.SMDP_CLIENTS = str(tmp_path / "clients")
    sealing.vault.cache_clear()
    yield
    sealing.vault.cache_clear()


def packages(folder: Path, many: int = 3) -> Path:
    folder.mkdir()
    for name, package in smdp_import._demo_packages(many, None, 0):
        (folder / f"{name}.der").write_bytes(package)
    return folder


# --- certificates -----------------------------------------------------------------------------------------------------


def test_ca_init_makes_a_set_that_the_server_takes(here: Command, tmp_path: Path) -> None:
    ran = here("smdp", "ca", "init", "--out", str(tmp_path / "ca"), "--host", "smdp.test", "--json")
    assert ran.code == 0
    assert ran.json["folder"] == str(tmp_path / "ca")
    store = CertificateStore.load(tmp_path / "ca", clock.now())
    assert sorted(server.ci.curve.name for server in store.servers) == ["brainpoolP256r1", "secp256r1"]
    assert store.tls is not None
    names = store.tls.signer.certificate.parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == ["smdp.test"]
    keys = [Path(path) for path in ran.json["files"] if path.endswith(".key")]
    assert len(keys) == 12
    assert {path.stat().st_mode & 0o777 for path in keys} == {0o600}


def test_ca_init_makes_one_curve_when_asked(here: Command, tmp_path: Path) -> None:
    assert here("smdp", "ca", "init", "--out", str(tmp_path / "ca"), "--curve", "nist", "--json").code == 0
    assert [path.name for path in (tmp_path / "ca").iterdir()] == ["nist"]


def test_ca_init_leaves_what_is_there(here: Command, tmp_path: Path) -> None:
    assert here("smdp", "ca", "init", "--out", str(tmp_path / "ca"), "--json").code == 0
    before = {path: path.read_bytes() for path in (tmp_path / "ca").rglob("*.*")}
    ran = here("smdp", "ca", "init", "--out", str(tmp_path / "ca"))
    assert ran.code == 2
    assert "is there already; choose another folder." in ran.err.replace("\n", " ")
    assert {path: path.read_bytes() for path in (tmp_path / "ca").rglob("*.*")} == before


def test_ca_init_says_the_rest_in_a_sentence(here: Command, tmp_path: Path) -> None:
    ran = here("smdp", "ca", "init", "--out", str(tmp_path / "ca"))
    assert (ran.code, ran.out.replace("\n", "")) == (0, f"24 files in {tmp_path / 'ca'}.")


# --- stock ------------------------------------------------------------------------------------------------------------


def test_a_folder_is_imported_once(here: Command, tmp_path: Path) -> None:
    folder = packages(tmp_path / "in")
    first = here("smdp", "import", str(folder), "--type", "prepaid", "--name", "TIM 5G", "--json")
    assert (first.code, first.json) == (0, {"imported": 3, "known": 0, "refused": []})
    second = here("smdp", "import", str(folder), "--type", "prepaid", "--json")
    assert (second.code, second.json) == (0, {"imported": 0, "known": 3, "refused": []})
    assert {(one.operator, one.profile_type, one.state) for one in Profile.objects.all()} == {
        ("tim", "prepaid", "available")
    }
    files = {hashlib.sha256(path.read_bytes()).digest() for path in folder.iterdir()}
    assert {hashlib.sha256(unprotected(one)).digest() for one in Profile.objects.all()} == files


def test_a_bad_file_is_named_and_the_good_ones_are_imported(here: Command, tmp_path: Path) -> None:
    folder = packages(tmp_path / "in", 1)
    (folder / "broken.der").write_bytes(b"0\x80")
    (folder / "large.upp").write_bytes(bytes(1024 * 1024 + 1))
    (folder / "notes.txt").write_text("no profile")
    ran = here("smdp", "import", str(folder), "--json")
    assert ran.code == 1
    assert (ran.json["imported"], [one["file"] for one in ran.json["refused"]]) == (1, ["broken.der", "large.upp"])
    assert Profile.objects.count() == 1
    said = here("smdp", "import", str(folder))
    assert "0 imported, 1 were there before, 2 refused." in said.out
    assert "broken.der: This is no profile package" in said.err


def test_demo_profiles_are_of_lines_of_their_own(here: Command) -> None:
    ran = here("smdp", "import", "--demo", "4", "--demo-bytes", "12000", "--type", "demo", "--json")
    assert (ran.code, ran.json["imported"]) == (0, 4)
    found = list(Profile.objects.all())
    assert len({one.iccid for one in found}) == 4
    assert all(len(one.iccid) == 19 and one.iccid.startswith("8939010") for one in found)
    assert all(11_500 < one.size < 12_500 for one in found)
    assert [read_upp(unprotected(one)).iccid for one in found] == [one.iccid for one in found]


def test_demo_profiles_are_made_from_a_template_that_is_given(here: Command, tmp_path: Path) -> None:
    folder = packages(tmp_path / "in", 1)
    (template,) = folder.iterdir()
    ran = here("smdp", "import", "--demo", "2", "--template", str(template), "--json")
    assert (ran.code, ran.json["imported"]) == (0, 2)
    assert Profile.objects.exclude(iccid=read_upp(template.read_bytes()).iccid).count() == 2
    template.write_bytes(b"0\x00")
    ran = here("smdp", "import", "--demo", "1", "--template", str(template))
    assert ran.code == 2
    assert "The template cannot be used" in ran.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["import"], "Name a file or a folder, or say --demo 5."),
        (["import", "/nowhere/at/all"], "There is no /nowhere/at/all."),
        (["order"], "Say which profile: either --type or --iccid."),
        (["order", "--type", "a", "--iccid", "8939010000000000009"], "Say which profile: either --type or --iccid."),
        (["order", "--type", "none such"], "The profile type is not known. (8.2.5/3.9)"),
        (["order", "--iccid", "8939010000000000009"], "The profile is not known. (8.2.1/3.9)"),
        (["profiles", "--state", "lost"], "A state is one of available, allocated, linked, confirmed, released,"),
        (["show", "8939010000000000009"], "There is no profile with this ICCID."),
        (["show", "x"], "ICCID"),
        (["clients", "add", "TIM", "--certificate", "pyproject.toml"], "An operator is written in small letters"),
        (["clients", "add", "tim", "--certificate", "pyproject.toml"], "That is no certificate in PEM."),
        (["serve"], "Say where the certificates are, with --certs."),
        (["serve", "--certs", "tests", "--address", "a$b"], "An address is a host, or host:port."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_sentence(
    here: Command, words: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LINEAVIVA_SMDP_CERTS", "LINEAVIVA_PROGRAM"):
        # What `serve` sets for its processes must not stay for other tests.
        monkeypatch.setenv(name, "")
    ran = here("smdp", *words)
    assert ran.code == 2
    assert sentence in ran.err.replace("\n", " ")
    assert Profile.objects.count() == 0


# --- orders -----------------------------------------------------------------------------------------------------------


def test_an_order_is_released_and_its_code_shown(here: Command) -> None:
    here("smdp", "import", "--demo", "1", "--type", "prepaid")
    ran = here("smdp", "order", "--type", "prepaid", "--json")
    profile = Profile.objects.get()
    assert ran.json == {
        "iccid": profile.iccid,
        "smdp_address": "smdp.test",
        "matching_id": profile.matching_id,
        "activation_code": f"LPA:1$smdp.test${profile.matching_id}",
    }
    assert profile.state == "released"


def test_each_order_is_a_new_one(here: Command) -> None:
    """Also before the first is confirmed: each call has an identifier of its own."""
    here("smdp", "import", "--demo", "3", "--type", "prepaid")
    ordered = {here("smdp", "order", "--type", "prepaid", "--json").json["iccid"] for _ in range(2)}
    assert len(ordered) == 2
    assert here("smdp", "order", "--type", "prepaid", "--matching-id", "small letters").code == 2
    assert sorted(one.state for one in Profile.objects.all()) == ["available", "released", "released"]


def test_an_order_for_one_eucc_with_a_code(here: Command) -> None:
    here("smdp", "import", "--demo", "1", "--type", "prepaid")
    words = ["--type", "prepaid", "--eid", EID, "--matching-id", "ABC-1", "--confirmation-code", "4711"]
    ran = here("smdp", "order", *words, "--address", "localhost:8443")
    assert ran.code == 0
    assert "LPA:1$localhost:8443$ABC-1$$1" in ran.out
    profile = Profile.objects.get()
    assert (profile.eid, profile.matching_id) == (EID, "ABC-1")
    assert bytes(profile.confirmation_hash or b"") == hashlib.sha256(b"4711").digest()
    assert profile.iccid not in ran.out


def test_an_order_that_cannot_be_confirmed_leaves_the_profile_in_stock(here: Command) -> None:
    here("smdp", "import", "--demo", "1", "--type", "prepaid")
    ran = here("smdp", "order", "--type", "prepaid", "--matching-id", "small letters")
    assert ran.code == 2
    assert "(8.2.6/2.1)" in ran.err
    assert Profile.objects.get().state == "available"


def test_profiles_are_counted_and_listed_without_their_numbers(here: Command) -> None:
    here("smdp", "import", "--demo", "3", "--type", "prepaid")
    ordered = here("smdp", "order", "--type", "prepaid", "--json").json
    ran = here("smdp", "profiles", "--json")
    assert ran.json["states"] == {"available": 2, "released": 1}
    assert ran.json["profiles"][0]["iccid"] == f"…{ordered['iccid'][-4:]}"
    text = here("smdp", "profiles", "--operator", "tim", "--state", "released").out
    assert ordered["iccid"][-4:] in text
    assert ordered["iccid"] not in text + ran.out
    assert here("smdp", "profiles", "--operator", "vodafone", "--json").json == {"states": {}, "profiles": []}


def test_show_tells_what_is_known_but_no_code(here: Command) -> None:
    here("smdp", "import", "--demo", "1", "--type", "prepaid")
    ordered = here("smdp", "order", "--type", "prepaid", "--confirmation-code", "4711", "--json").json
    ran = here("smdp", "show", ordered["iccid"], "--json")
    assert (ran.json["state"], ran.json["ordered"], ran.json["notices"]) == ("released", 1, [])
    assert ran.json["confirmation_code"] == "asked for"
    text = here("smdp", "show", ordered["iccid"]).out
    assert "released" in text
    assert ordered["matching_id"] not in text + ran.out
    assert "4711" not in text + ran.out


# --- operators --------------------------------------------------------------------------------------------------------


def test_an_operator_is_let_in_by_its_certificate(here: Command, tmp_path: Path) -> None:
    signer = ca.Authority.make(crypto.NIST, now=clock.now()).tls(["tim.test"], now=clock.now())
    pem = tmp_path / "tim.crt"
    pem.write_bytes(signer.certificate.parsed.public_bytes(Encoding.PEM))
    added = here("smdp", "clients", "add", "tim", "--certificate", str(pem), "--json")
    assert (added.code, [one["operator"] for one in added.json["clients"]]) == (0, ["tim"])
    again = here("smdp", "clients", "add", "tim", "--certificate", str(pem), "--json")
    assert again.code == 0
    listed = here("smdp", "clients", "list", "--json").json["clients"]
    assert [one["sha256"] for one in listed] == [hashlib.sha256(signer.certificate.der).hexdigest()]
    assert "tim" in here("smdp", "clients", "list").out
    other = here("smdp", "clients", "add", "vodafone", "--certificate", str(pem))
    assert other.code == 2
    assert "That certificate is tim's." in other.err
    assert [path.name for path in (tmp_path / "clients").iterdir()] == ["tim.pem"]


def test_without_operators_it_says_so(here: Command) -> None:
    assert "No operator may order." in here("smdp", "clients", "list").out
