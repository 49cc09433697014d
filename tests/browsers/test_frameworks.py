"""The lines that the doctor prints mend the applications that they are for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browsers import BIN, MODULES
from tests.support.browser import CHROMIUM
from tests.support.mended import Asked, Server, Tried, is_mended, try_all
from tests.support.needs import needs

PYTHON = str(BIN / "python")
SERVERS = {
    "flask": Server(
        "served.py",
        """
from flask import Flask
app = Flask(__name__)
LINES
@app.route("/plain", methods=["GET", "PATCH"])
def plain():
    return "{}"
app.run("127.0.0.1", PORT)
""",
        (PYTHON, "HERE/served.py"),
    ),
    "django": Server(
        "served.py",
        """
import sys
from django.core.management import execute_from_command_line
from django.http import HttpResponse
from django.urls import path
SECRET_KEY = "x"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "served"
INSTALLED_APPS = []
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
LINES
urlpatterns = [path("plain", lambda request: HttpResponse("{}"))]
if __name__ == "__main__":
    import os
    os.environ["DJANGO_SETTINGS_MODULE"] = "served"
    execute_from_command_line([sys.argv[0], "runserver", "--noreload", "127.0.0.1:PORT"])
""",
        (PYTHON, "HERE/served.py"),
    ),
    "fastapi": Server(
        "served.py",
        """
import uvicorn
from fastapi import FastAPI
app = FastAPI()
LINES
@app.api_route("/plain", methods=["GET", "PATCH"])
def plain():
    return {}
uvicorn.run(app, host="127.0.0.1", port=PORT)
""",
        (PYTHON, "HERE/served.py"),
    ),
    "express": Server(
        "served.cjs",
        f"""
module.paths.push({str(MODULES)!r});
const app = require("express")();
LINES
app.all("/plain", (request, reply) => reply.json({{}}));
app.listen(PORT, "127.0.0.1");
""",
        ("node", "HERE/served.cjs"),
    ),
}
WISHES = {
    "a plain read": Asked("/plain"),
    "a preflight with credentials": Asked("/plain", "PATCH", (("X-Key", "1"),), credentials=True),
}


@pytest.fixture(scope="module")
def tried(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[tuple[str, str], Tried]]:
    needs(CHROMIUM, "chromium")
    yield try_all(SERVERS, WISHES, tmp_path_factory.mktemp("frameworks"))


@pytest.mark.parametrize("wish", WISHES)
@pytest.mark.parametrize("name", SERVERS)
def test_the_lines_for_a_framework_mend_an_application(
    tried: dict[tuple[str, str], Tried], name: str, wish: str
) -> None:
    is_mended(tried[name, wish])
