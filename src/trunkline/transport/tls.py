"""TLS contexts that everybody shares, and pinned certificates.

Building a verifying context reads the system's trust store and takes 38 to 70 ms, so there is one context for
each distinct setting in the whole process, built when it is first needed and, if a loop is running, in a
thread. Contexts of the user's are taken as they are. A `Fingerprint` replaces the verification of the chain
and the name by a comparison of the certificate's SHA-256; it must be checked after the handshake and before a
byte is sent.
"""

import asyncio
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from hashlib import md5, sha1, sha256
from typing import ClassVar

from trunkline.transport.errors import FingerprintMismatch, TransportError

HTTP11_ALPN = ("http/1.1",)  # RFC 7301 §6
HTTP2_ALPN = ("h2", *HTTP11_ALPN)  # RFC 9113 §3.2

_contexts: dict[tuple[bool, tuple[str, ...]], ssl.SSLContext] = {}
_building = threading.Lock()


class Fingerprint:
    """The SHA-256 digest of the certificate (in DER) that a server must present."""

    HASHFUNC_BY_DIGESTLEN: ClassVar[dict[int, Callable[..., object]]] = {16: md5, 20: sha1, 32: sha256}

    __slots__ = ("_digest",)

    def __init__(self, fingerprint: bytes) -> None:
        hash_function = self.HASHFUNC_BY_DIGESTLEN.get(len(fingerprint))
        if hash_function is None:
            raise ValueError(f"fingerprint has invalid length: {len(fingerprint)} bytes; SHA-256 has 32")
        if hash_function is not sha256:
            raise ValueError("md5 and sha1 are insecure and not supported. Use sha256.")
        self._digest = fingerprint

    @property
    def fingerprint(self) -> bytes:
        """The digest."""
        return self._digest

    def check(self, transport: asyncio.Transport) -> None:
        """Raise FingerprintMismatch unless the peer of `transport` presented the pinned certificate.

        A transport without TLS passes.
        """
        ssl_object: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        if ssl_object is None:
            return
        certificate = ssl_object.getpeercert(binary_form=True)
        if certificate is None:
            raise TransportError("the peer presented no certificate to compare with the Fingerprint")
        got = sha256(certificate).digest()
        if got != self._digest:
            peer = transport.get_extra_info("peername")
            host, port = peer[:2] if isinstance(peer, tuple) else (str(peer), 0)  # else a Unix socket's path
            raise FingerprintMismatch(self._digest, got, host, port)


TLSSetting = bool | ssl.SSLContext | Fingerprint


def checked_setting(value: object) -> TLSSetting:
    """Return a valid setting for what a user passed as `ssl=`; None means True: it once was the default."""
    if value is None:
        return True
    if isinstance(value, (bool, ssl.SSLContext, Fingerprint)):
        return value
    raise TypeError(f"ssl should be SSLContext, bool, Fingerprint or None, got {value!r} instead.")


def default_context(verify: bool, alpn: tuple[str, ...] = HTTP11_ALPN) -> ssl.SSLContext:
    """Return the process's context for these settings, built if need be. It is shared: do not change it."""
    context = _contexts.get((verify, alpn))
    if context is None:
        with _building:
            context = _contexts.get((verify, alpn))
            if context is None:
                context = _contexts[verify, alpn] = _build_context(verify, alpn)
    return context


async def context_for(setting: TLSSetting, alpn: tuple[str, ...] = HTTP11_ALPN) -> ssl.SSLContext:
    """Return the context that `setting` asks for, without blocking the loop."""
    if isinstance(setting, ssl.SSLContext):
        return setting
    verify = setting is True
    context = _contexts.get((verify, alpn))
    return context if context is not None else await asyncio.to_thread(default_context, verify, alpn)


def has_tls_ended(transport: asyncio.Transport) -> bool:
    """Tell whether the peer of `transport` has sent close_notify (RFC 8446 §6.1): then nothing was cut off.

    For the end of the stream, when nothing is left to be read.
    """
    ssl_object: ssl.SSLObject = transport.get_extra_info("ssl_object")
    try:
        return ssl_object.read(1) == b""
    except ssl.SSLError:  # it wants more records
        return False


def _build_context(verify: bool, alpn: tuple[str, ...]) -> ssl.SSLContext:
    if verify:
        context = ssl.create_default_context()
        store = ssl.get_default_verify_paths().cafile
        if store is not None and not context.cert_store_stats()["x509_ca"]:
            # OpenSSL is silent when there is no descriptor to read the file with. This raises then; and unless it does,
            # the context would refuse everybody for as long as the process lives.
            with suppress(ssl.SSLError):  # it is empty
                context.load_verify_locations(store)
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(list(alpn))
    return context
