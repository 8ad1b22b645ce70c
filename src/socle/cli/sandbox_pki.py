"""`socle sandbox pki`: test certificates from the authority of a data directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from socle.cli.answers import answer
from socle.cli.offline import Data

if TYPE_CHECKING:
    from socle.sandbox.pki import Credential, KeyPurpose, TestAuthority

app = App(name="pki", help="Certificats de test, de la forme de ceux de l'IGC-Santé.")

Output = Annotated[Path, Parameter(alias="-o", help="Dossier où écrire clé, certificat et chaîne.")]
Json = Annotated[bool, Parameter(help="Écrire le résultat en JSON.")]
Authentication = Annotated[bool, Parameter(help="Certificat d'authentification (TLS) au lieu de signature.")]


@app.command
def organisation(
    structure: str,
    name: str,
    *,
    common_name: str = "",
    authentication: Authentication = False,
    output: Output = Path(),
    data: Data = None,
    json: Json = False,
) -> None:
    """Certificat logiciel de la structure STRUCTURE (Struct_IdNat) : cachet, ou client TLS."""
    credential = _authority(data).issue_organisation(structure, name, _purpose(authentication), common_name=common_name)
    _write(credential, output, structure, json)


@app.command
def professional(
    rpps: str,
    family: str,
    given: str,
    *,
    profession: int = 10,
    authentication: Authentication = False,
    output: Output = Path(),
    data: Data = None,
    json: Json = False,
) -> None:
    """Certificat de la forme d'une CPS, pour un RPPS (11 chiffres) ou un PS_IdNat."""
    ps_id = f"8{rpps}" if len(rpps) == 11 else rpps
    credential = _authority(data).issue_professional(
        ps_id, family, given, _purpose(authentication), profession=profession
    )
    _write(credential, output, ps_id, json)


@app.command
def server(*hosts: str, output: Output = Path(), data: Data = None, json: Json = False) -> None:
    """Certificat de serveur TLS pour des noms ou des adresses."""
    names = list(hosts) or ["localhost", "127.0.0.1"]
    _write(_authority(data).issue_server(names), output, names[0], json)


@app.command
def revoke(certificate: Path, *, data: Data = None, json: Json = False) -> None:
    """Révoque un certificat ; sa liste de révocation est republiée aussitôt."""
    from cryptography import x509

    revoked = x509.load_pem_x509_certificate(certificate.read_bytes())
    _authority(data).revoke(revoked)
    answer({"serial": f"{revoked.serial_number:x}", "status": "revoked"}, "révoqué", json=json)


@app.command
def trust(*, data: Data = None) -> None:
    """Écrit les autorités de test (PEM) sur la sortie standard."""
    print(_authority(data).trust_bundle.decode(), end="")


def _authority(data: str | None) -> TestAuthority:
    from socle.platform.settings import Settings
    from socle.sandbox.pki import ensure_authority

    return ensure_authority(Settings.from_environment(data=data).data_path / "pki")


def _purpose(authentication: bool) -> KeyPurpose:
    from socle.sandbox.pki import KeyPurpose

    return KeyPurpose.AUTHENTICATION if authentication else KeyPurpose.SIGNATURE


def _write(credential: Credential, output: Path, name: str, json: bool) -> None:
    import msgspec

    if json:
        print(msgspec.json.encode(credential).decode())
        return
    output.mkdir(parents=True, exist_ok=True)
    stem = "".join(character if character.isalnum() or character in ".-" else "-" for character in name)
    for suffix, content, mode in (
        ("key.pem", credential.key, 0o600),
        ("cert.pem", credential.certificate, 0o644),
        ("chain.pem", credential.chain, 0o644),
    ):
        file = output / f"{stem}.{suffix}"
        file.touch(mode=mode)
        file.write_text(content)
        print(file)
    print(f"{credential.subject}\n{credential.serial}, jusqu'au {credential.not_after:%d/%m/%Y}")
