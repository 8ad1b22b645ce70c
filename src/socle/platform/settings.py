"""Settings: environment variables ``SOCLE_…``, one frozen value for the whole process tree."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from socle.standards.errors import InvalidContent, Text


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything an operator may choose. The variable of ``database_url`` is ``SOCLE_DATABASE_URL``, and so on.

    ``docs/reference/settings.md`` says what each is for; a test compares the two lists.
    """

    #: Directory of the embedded database, objects, keys and certificates.
    data: str = ".socle"
    #: ``postgresql://…``; empty: the embedded PostgreSQL in ``data``.
    database_url: str = ""
    #: ``s3://bucket/prefix`` (credentials by the usual AWS variables); empty: files in ``data/objects``.
    objects_url: str = ""
    #: File of the master keys that wrap patients' keys; empty: ``data/keys/master.json``.
    master_keys: str = ""
    host: str = "127.0.0.1"
    port: int = 8000
    #: HTTPS with mutual TLS; 0: none.
    tls_port: int = 8443
    workers: int = 0
    #: Address by which people and software reach the base; empty: ``http://{host}:{port}``.
    public_url: str = ""
    #: ``sandbox`` accepts test identities and certificates and opens the sandbox doors; ``production`` does neither.
    environment: str = "sandbox"
    #: Largest request body, in bytes.
    max_body_bytes: int = 200 * 1024 * 1024
    #: Days between the notice of opening and the automatic opening of a DMP (opt-out period).
    opposition_days: int = 42
    #: How long an authorisation given by the patient to a professional lasts, in days.
    authorization_days: int = 365
    #: Years during which a closed DMP is kept before destruction.
    closed_record_years: int = 10
    #: File of the matrice d'habilitation; empty: the project's own (see ``services/dmp/matrice_habilitation.csv``).
    dmp_matrix: str = ""
    #: Struct_IdNat of the emergency regulation centres (SAMU, centre 15), separated by commas.
    dmp_regulation_centres: str = ""
    #: Verdict of the conformance engine at feed: ``off``, ``warn``, or the severity from which to refuse (``error``).
    conformance_policy: str = "off"
    #: XAdES signature of submissions by SOAP: ``required`` or ``if-present``.
    submission_signature: str = "if-present"
    #: OID of the repository in document entries.
    repository_unique_id: str = "1.2.250.1.213.4.1.1.1.2"
    #: Years during which traces are kept.
    audit_years: int = 10
    #: Server that sends notices to people's own mail: ``smtps://user@host``, or ``smtp://…`` with STARTTLS. Empty: in a
    #: sandbox they are kept in ``data/courriels``, elsewhere none is sent.
    notice_smtp: str = ""
    notice_smtp_password_file: str = ""
    #: Address from which they come.
    notice_sender: str = "ne-pas-repondre@socle.invalid"
    log_level: str = "INFO"
    #: Largest number of database connections of one process.
    database_connections: int = 10
    #: Domains of the mail operator.
    mail_domain: str = "socle.mssante.fr"
    patient_mail_domain: str = "patient.mssante.fr"
    #: Mail ports; 0: the listener is off.
    smtp_port: int = 2525
    submission_port: int = 2587
    submissions_port: int = 2465
    imap_port: int = 2143
    imaps_port: int = 2993
    #: Unix socket of the LMTP listener; empty: off.
    lmtp_socket: str = ""
    #: White list of mail domains: ``https://…`` or a signed file, read every six hours; empty: no other operator.
    mail_whitelist: str = ""
    #: JSON file ``{"domain": {"host": "…", "port": 25}}`` of operators reached otherwise than by their MX.
    mail_routes: str = ""
    #: Delays of mailboxes, in days: ``inactivity_suspension=548,purge=90``.
    mail_delays: str = ""
    #: ``host:port`` of a clamd that scans mail; empty: no scan.
    clamd: str = ""
    #: Address of the national INSi; empty: the base's own.
    insi_url: str = ""
    #: PEM file of the certificate ``INSI-AUTO`` or ``INSI-MANU`` shown to it, with its key.
    insi_certificate: str = ""
    #: Authorisation number of this software (CNDA), stated to INSi.
    insi_idam: str = ""
    #: Issuer of professionals' tokens; empty: the base's own Pro Santé Connect.
    psc_issuer: str = ""
    psc_client_id: str = ""
    psc_client_secret_file: str = ""
    #: PEM file of a client certificate with its key, shown to it in place of a secret.
    psc_certificate: str = ""
    #: Issuer of citizens' tokens; empty: the base's own sandbox provider.
    franceconnect_issuer: str = ""
    franceconnect_client_id: str = ""
    franceconnect_client_secret_file: str = ""
    #: PEM file of the authorities of the servers above, beside those of the system.
    server_authorities: str = ""

    @property
    def is_sandbox(self) -> bool:
        """Whether fictitious identities and the sandbox doors are accepted."""
        return self.environment == "sandbox"

    @property
    def data_path(self) -> Path:
        """``data`` as an absolute path."""
        return Path(self.data).expanduser().resolve()

    @property
    def master_keys_path(self) -> Path:
        """The file of the master keys."""
        return Path(self.master_keys) if self.master_keys else self.data_path / "keys" / "master.json"

    @property
    def base_url(self) -> str:
        """``public_url``, or the plain HTTP address of this host, without a trailing slash."""
        return self.public_url.rstrip("/") or f"http://{self.host}:{self.port}"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ, **overrides: Any) -> Settings:
        """Settings of ``environment``, then of ``overrides`` (``None`` means not given).

        Raises ``InvalidContent`` naming the variable that cannot be read, or is not safe in production.
        """
        values: dict[str, Any] = {}
        for name in cls.__struct_fields__:
            text = environment.get(f"SOCLE_{name.upper()}")
            if text is not None:
                values[name] = text
        values |= {name: value for name, value in overrides.items() if value is not None}
        try:
            settings = msgspec.convert(values, cls, strict=False)
        except msgspec.ValidationError as error:
            raise InvalidContent(
                "InvalidSetting",
                Text(f"Un réglage SOCLE_… n'est pas valable : {error}", f"A SOCLE_… setting is not valid: {error}"),
            ) from error
        if settings.environment not in {"sandbox", "production"}:
            raise InvalidContent(
                "InvalidSetting",
                Text("SOCLE_ENVIRONMENT vaut sandbox ou production.", "SOCLE_ENVIRONMENT is sandbox or production."),
            )
        if not settings.is_sandbox and not settings.base_url.startswith("https://"):
            # Cookies and tokens would travel in clear.
            raise InvalidContent(
                "InvalidSetting",
                Text(
                    "En production, SOCLE_PUBLIC_URL est l'adresse https:// du service.",
                    "In production, SOCLE_PUBLIC_URL is the https:// address of the service.",
                ),
            )
        return settings

    def without_mail(self) -> Settings:
        """The same, with no mail listener."""
        return msgspec.structs.replace(
            self, smtp_port=0, submission_port=0, submissions_port=0, imap_port=0, imaps_port=0, lmtp_socket=""
        )

    def to_environment(self) -> dict[str, str]:
        """The variables that give these settings to a child process."""
        return {f"SOCLE_{name.upper()}": str(getattr(self, name)) for name in self.__struct_fields__}
