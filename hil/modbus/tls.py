"""What a TLS port of a station shows its masters (MODBUS/TCP Security V21: TLS 1.2 or later)."""

from __future__ import annotations

from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext, SSLError, TLSVersion

from sim.errors import UsageError
from twins.buses import TlsConfig

__all__ = ["server_context"]


def server_context(config: TlsConfig, folder: Path) -> SSLContext:
    """The context of a port; paths are relative to `folder`, the station file's. Raises UsageError naming the file."""
    certificate, private_key = folder / config.certificate, folder / config.private_key
    for path, what in ((certificate, "certificate"), (private_key, "key")):
        if not path.is_file():
            raise UsageError(f"tls.{what}: there is no file {path}; a PEM file, relative to the station file")
    context = SSLContext(PROTOCOL_TLS_SERVER)
    context.minimum_version = TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, private_key, password=_no_password)
    except (SSLError, OSError) as error:
        told = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        raise UsageError(f"tls: {certificate} and {private_key} are no certificate and its key: {told}") from None
    return context


def _no_password() -> str:
    raise SSLError("the key asks for a password; one without it is wanted")
