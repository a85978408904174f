"""How to run the real programs between the clients and the origin, to be stopped, restarted and paused.

nginx, haproxy and caddy stand for the origin, by http, or by https and with sessions that can be resumed. squid and
tinyproxy are asked as proxies. None of them sends anything to the origin twice, so what comes twice was sent twice by a
client. `web`, our own server, is origin and program in one.
"""

import signal
import sys
from dataclasses import dataclass, replace

from trunkline import HttpVersion, HttpVersion11

_NGINX = """
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/said notice;
{user}
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=256{tls};
        location / {{ proxy_pass http://127.0.0.1:{origin}; proxy_next_upstream off; }}
    }}
}}
"""
_HAPROXY = """
global
    nbthread 1
    maxconn 1000
defaults
    mode http
    retries 0
    option http-server-close
    timeout connect 10s
    timeout client 10s
    timeout server 10s
listen test
    bind 127.0.0.1:{port} backlog 256{tls}
    server origin 127.0.0.1:{origin}
"""
_CADDY = """
{{
    admin unix/{folder}/admin
    auto_https off
}}
{scheme}://:{port} {{
    bind 127.0.0.1
    {tls}
    reverse_proxy 127.0.0.1:{origin} {{
        transport http {{
            keepalive off
        }}
    }}
}}
"""
_SQUID = """
http_port 127.0.0.1:{port}
visible_hostname localhost
pid_filename none
access_log none
cache_log {folder}/said
cache deny all
max_filedescriptors 1024
shutdown_lifetime 0 seconds
pinger_enable off
server_persistent_connections off
forward_max_tries 1
http_access allow all
"""
_TINYPROXY = """
Port {port}
Listen 127.0.0.1
Timeout 60
MaxClients 4000
LogLevel Notice
Allow 127.0.0.1
"""


@dataclass(frozen=True, slots=True)
class Program:
    """How to run one.

    reload: what it does so at: a signal, or a command. reloaded: what it says once it has, or has replaced a worker.
    is_seamless: a reload never refuses a connection. tls: what makes its configuration an https server's. version: of
    HTTP, which clients choose that may. executable: where it lies, if it is not found by its name.
    """

    name: str
    config: str
    command: tuple[str, ...]
    reload: signal.Signals | tuple[str, ...]
    reloaded: bytes
    is_proxy: bool = False
    is_seamless: bool = True
    tls: str = ""
    version: HttpVersion = HttpVersion11
    executable: str = ""

    @property
    def scheme(self) -> str:
        return "https" if self.tls else "http"


NGINX = Program(
    "nginx",
    _NGINX,
    ("-p", "{folder}", "-c", "{folder}/config", "-e", "{folder}/said"),
    signal.SIGHUP,
    b"start worker process ",
)
NGINX_TLS = replace(NGINX, tls=" ssl; ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.pem")
HAPROXY = Program("haproxy", _HAPROXY, ("-W", "-db", "-f", "{folder}/config"), signal.SIGUSR2, b"New worker")
HAPROXY_TLS = replace(HAPROXY, tls=" ssl crt {folder}/server.pem ssl-max-ver TLSv1.2")
_CADDY_CONFIG = ("--config", "{folder}/config", "--adapter", "caddyfile")
CADDY = Program(
    "caddy",
    _CADDY,
    ("run", *_CADDY_CONFIG),
    ("reload", "--force", "--address", "unix/{folder}/admin", *_CADDY_CONFIG),
    b'"load complete"',
    is_seamless=False,  # it listens anew (SO_REUSEPORT), and what still waits in the old backlog is reset
)
CADDY_TLS = replace(CADDY, tls="tls {folder}/server.pem {folder}/server.pem")
SQUID = Program(
    "squid",
    _SQUID,
    ("-N", "-f", "{folder}/config"),
    signal.SIGHUP,
    b"Accepting HTTP Socket connections",
    is_proxy=True,
    is_seamless=False,
)
TINYPROXY = Program(
    "tinyproxy",
    _TINYPROXY,
    ("-d", "-c", "{folder}/config"),
    signal.SIGUSR1,
    b"Reloading config file finished",
    is_proxy=True,
)
WEB_TLS = Program(
    "web",
    "",
    ("-m", "tests.hostile.peers.served_by_web", "{folder}", "{port}"),
    (),
    b"",
    tls="always",
    executable=sys.executable,
)
HTTP2 = HttpVersion(2, 0)
NGINX_H2 = replace(NGINX_TLS, tls=NGINX_TLS.tls.replace(" ssl;", " ssl http2;"), version=HTTP2)
HAPROXY_H2 = replace(HAPROXY_TLS, tls=HAPROXY_TLS.tls + " alpn h2", version=HTTP2)
CADDY_H2 = replace(CADDY_TLS, version=HTTP2)
WEB_H2 = replace(WEB_TLS, version=HTTP2)
