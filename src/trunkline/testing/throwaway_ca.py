"""A certificate authority that lives as long as its object: https on loopback, nothing installed or kept.

It is made by trustme, which belongs to the extra `cli`. Its keys are never written to disk by us.
"""

from __future__ import annotations

import ssl


class ThrowawayCA:
    """Issues certificates for loopback names, and contexts for both sides."""

    def __init__(self) -> None:
        import trustme  # optional: only https on loopback needs it

        self._authority = trustme.CA()

    @property
    def certificate_pem(self) -> str:
        """The authority's own certificate, for a client in another process."""
        return self._authority.cert_pem.bytes().decode("ascii")

    def server_context(self, *names: str) -> ssl.SSLContext:
        """A context with a fresh certificate for `names`, or for 127.0.0.1 and localhost."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(*(names or ("127.0.0.1", "localhost"))).configure_cert(context)
        return context

    def client_context(self) -> ssl.SSLContext:
        """A context that trusts this authority and no other."""
        return ssl.create_default_context(cadata=self.certificate_pem)
