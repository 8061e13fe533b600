"""What a TLS port of a station shows its masters (MODBUS/TCP Security V21: TLS 1.2 or later)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from ssl import CERT_REQUIRED, PROTOCOL_TLS_SERVER, SSLContext, SSLError, TLSVersion

from sim.errors import FileProblem
from sim.files import Document, Misfit
from twins.bus_config import ModbusEndpointConfig, TlsConfig
from twins.station_file import StationFile

__all__ = ["server_context", "tls_problems"]


def tls_problems(document: Document[StationFile]) -> Iterator[FileProblem]:
    """The certificates, keys and authorities of a station file's ports that no port could be opened with."""
    for at, face in enumerate(document.value.endpoints):
        if isinstance(face, ModbusEndpointConfig) and face.tls is not None:
            try:
                server_context(face.tls, document.path.parent)
            except Misfit as wrong:
                yield document.problem(f"endpoints[{at}].{wrong.key}", wrong.what, wrong.right)


def server_context(config: TlsConfig, folder: Path) -> SSLContext:
    """The context of a port; paths are relative to `folder`, the station file's. Raises Misfit naming key and file.

    With an authority masters show a certificate that it has signed, or the handshake fails.
    """
    certificate, private_key, authority = (
        folder / path for path in (config.certificate, config.private_key, config.authority)
    )
    for path, what in ((certificate, "certificate"), (private_key, "key"), (authority, "authority")):
        if (what != "authority" or config.authority) and not path.is_file():
            raise Misfit(f"tls.{what}", f"there is no file {path}", "a PEM file, relative to the station file")
    context = SSLContext(PROTOCOL_TLS_SERVER)
    context.minimum_version = TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, private_key, password=_no_password)
    except (SSLError, OSError) as error:
        told = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        what = f"{certificate} and {private_key} are no certificate and its key: {told}"
        raise Misfit("tls.certificate", what, "PEM files that belong together, the key without a password") from None
    if config.authority:
        context.verify_mode = CERT_REQUIRED
        try:
            context.load_verify_locations(authority)
        except (SSLError, OSError):
            raise Misfit("tls.authority", f"{authority} holds no certificate", "a PEM file of one or more") from None
    return context


def _no_password() -> str:
    raise SSLError("the key asks for a password; one without it is wanted")
