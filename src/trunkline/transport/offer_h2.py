"""Offers HTTP/2 in the TLS contexts of a server (RFC 7301; RFC 9113 §3.2).

A context tells nobody which protocols it offers. But it shows when a client asks, so a handshake is begun in memory:
where its owner has offered something, that stands; where nothing is offered, HTTP/2 and HTTP/1.1 are from now on.
"""

import ssl
from typing import Final

_OFFERED: Final = ("h2", "http/1.1")  # RFC 7301 §6


def offer_h2(context: ssl.SSLContext) -> None:
    """Let `context` agree on HTTP/2, unless its owner has decided what it agrees on."""
    if _answers(context) is None:
        context.set_alpn_protocols(list(_OFFERED))


def _answers(context: ssl.SSLContext) -> str | None:
    """Return what `context` chooses when a client offers both; None when it has no opinion."""
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    asking.check_hostname = False
    asking.verify_mode = ssl.CERT_NONE
    asking.set_alpn_protocols(list(_OFFERED))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = asking.wrap_bio(to_client, to_server)
    server = context.wrap_bio(to_server, to_client, server_side=True)
    for end in client, server:  # its hello is answered at once, and what follows is of no interest
        try:
            end.do_handshake()
        except ssl.SSLError:
            pass
    return server.selected_alpn_protocol()
