"""Bytes that mean something to one of the parsers: what random changes to the seeds are made of."""

from typing import Final

_DELIMITERS: Final = b"\0\t\n\r \"%'(),-./:;<=>?@[\\]_`{|}~\x7f\x80\xc2\xff"
_DIGITS: Final = b"015789afzAFZ"

TOKENS: Final = (
    *(bytes([byte]) for byte in _DELIMITERS + _DIGITS),
    *(
        b"\r\n",
        b"\r\n\r\n",
        b"\r\n ",
        b"\n\n",
        b"0\r\n\r\n",
        b"0x",
        b"+5",
        b"1_0",
        b", ",
        b"; ",
        b"--",
        b"\r\n--",
        b"=?",
    ),
    *(b"HTTP/1.1", b"HTTP/1.0", b"GET ", b"CONNECT ", b"OPTIONS *", b"http://", b"https://", b"ws://", b"//", b"[::1]"),
    *(b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Connection: close", b"Host: a", b"Upgrade: x", b"chunked"),
    *(b"Expect: 100-continue", b"Content-Encoding: gzip", b"Keep-Alive: timeout=5, max=9", b"timeout=", b"max="),
    *(b"Content-Disposition: form-data; name=", b"filename*=utf-8''", b"name*0=", b"Content-Type: a/b; charset="),
    *(b"Digest ", b"Basic ", b"realm=", b"nonce=", b"qop=", b"algorithm=", b"; Path=/", b"; Domain=", b"; Max-Age="),
    *(
        b"; Expires=",
        b"GMT",
        b"__Host-",
        b"127.0.0.1",
        b"2130706433",
        b"%2f",
        b"%00",
        b"xn--",
        b":65536",
        b"\xef\xbc\x95",
    ),
    *(
        b"\x81\x85",
        b"\x88\x80",
        b"\xc1\x80",
        b"\x7e\x00\x7e",
        b"\xff\xff\xff\xff",
        b"\x1f\x8b\x08",
        b"\x28\xb5\x2f\xfd",
    ),
)
