"""The origin as a program of its own: our server, over TLS, by `run_app`.

It is given a folder, with its certificate in `server.pem`, and a port. It writes the target of each POST to `posted`
in that folder before it answers, so that the file tells what came even when the program is killed.
"""

import ssl
import sys
from pathlib import Path

from tests.hostile.peers.origin import application
from trunkline import web

BACKLOG = 256


def main(folder: Path, port: int) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    with (folder / "posted").open("a", buffering=1) as posted:  # a line is written at once
        app = application(lambda path: print(path, file=posted))
        web.run_app(app, host="127.0.0.1", port=port, ssl_context=context, backlog=BACKLOG, print=None, access_log=None)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
