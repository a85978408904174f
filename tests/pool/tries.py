"""Which addresses a connector tries."""

import socket

from aiohappyeyeballs import AddrInfoType


class Tries:
    """A socket factory that tells which addresses were tried."""

    def __init__(self) -> None:
        self.hosts: list[str] = []

    def __call__(self, info: AddrInfoType) -> socket.socket:
        self.hosts.append(str(info[4][0]))
        return socket.socket(info[0], info[1], info[2])
