"""The lines that the doctor prints mend the servers that they are for.

What takes environments of its own is in tests/browsers/test_frameworks.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.browser import CHROMIUM
from tests.support.front_servers import installed
from tests.support.mended import Asked, Server, Tried, is_mended, try_all
from tests.support.needs import needs

MODULES = "/usr/lib/apache2/modules"
SERVERS = {
    "nginx": Server(
        "nginx.conf",
        "pid HERE/pid; error_log stderr; events {} http { access_log off;"
        " client_body_temp_path HERE/body; proxy_temp_path HERE/proxy; fastcgi_temp_path HERE/f;"
        " uwsgi_temp_path HERE/u; scgi_temp_path HERE/s;\n"
        "server { listen 127.0.0.1:PORT; location / {\nLINES\n"
        "proxy_pass http://127.0.0.1:TARGET; } } }\n",
        ("nginx", "-p", "HERE", "-e", "stderr", "-c", "HERE/nginx.conf", "-g", "daemon off;"),
    ),
    "apache": Server(
        "apache.conf",
        "ServerRoot HERE\nServerName localhost\nListen 127.0.0.1:PORT\nPidFile HERE/pid\n"
        + "ErrorLog HERE/error\nDefaultRuntimeDir HERE\n"
        + "".join(
            f"LoadModule {name}_module {MODULES}/mod_{name}.so\n"
            for name in ("mpm_event", "authz_core", "proxy", "proxy_http", "headers", "rewrite")
        )
        + "User www-data\nGroup www-data\n<VirtualHost *:PORT>\nLINES\n"
        "ProxyPass / http://127.0.0.1:TARGET/\n</VirtualHost>\n",
        ("apache2", "-f", "HERE/apache.conf", "-D", "FOREGROUND"),
    ),
    "caddy": Server(
        "Caddyfile",
        "{\nadmin off\nauto_https off\n}\nhttp://127.0.0.1:PORT {\nbind 127.0.0.1\nLINES\n"
        "reverse_proxy 127.0.0.1:TARGET\n}\n",
        ("caddy", "run", "--adapter", "caddyfile", "--config", "HERE/Caddyfile"),
    ),
}
WISHES = {
    "a plain read": Asked("/plain"),
    "a reply that allows somebody else": Asked("/elsewhere"),
    "an error reply": Asked("/missing"),
    "a preflight with credentials": Asked("/plain", "PATCH", (("X-Key", "1"),), credentials=True),
}


@pytest.fixture(scope="module")
def tried(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[tuple[str, str], Tried]]:
    needs(CHROMIUM, "chromium")
    for command in ("nginx", "apache2", "caddy"):
        needs(installed(command), command)
    directory = tmp_path_factory.mktemp("mended")
    directory.chmod(0o755)
    yield try_all(SERVERS, WISHES, directory)


@pytest.mark.parametrize("wish", WISHES)
@pytest.mark.parametrize("name", SERVERS)
def test_the_lines_for_a_server_mend_it(
    tried: dict[tuple[str, str], Tried], name: str, wish: str
) -> None:
    is_mended(tried[name, wish])
