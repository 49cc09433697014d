"""Requests of a page and the replies of its targets, one row each.

The page's origin is {page}; {a} and {b} are two targets' origins. What happens to each in a browser
is not written here: Chromium is asked, and the doctor must say the same.
"""

from __future__ import annotations

from typing import NamedTuple

Fields = tuple[tuple[str, str], ...]

ANY: Fields = (("Access-Control-Allow-Origin", "*"),)
OURS: Fields = (("Access-Control-Allow-Origin", "{page}"),)
NULL: Fields = (("Access-Control-Allow-Origin", "null"),)
CREDENTIALS: Fields = (("Access-Control-Allow-Credentials", "true"),)


def origin(value: str) -> Fields:
    return (("Access-Control-Allow-Origin", value),)


def methods(value: str) -> Fields:
    return (("Access-Control-Allow-Methods", value),)


def headers(value: str) -> Fields:
    return (("Access-Control-Allow-Headers", value),)


class Reply(NamedTuple):
    status: int = 200
    fields: Fields = ()
    drop: bool = False  # the connection is reset instead


class Scenario(NamedTuple):
    name: str
    reply: Reply = Reply(200, ANY)
    preflight: Reply = Reply(204, ANY)
    method: str = "GET"
    headers: Fields = ()
    credentials: bool = False
    redirect: str = "follow"
    no_cors: bool = False
    url: str = "{a}/{path}"
    then: Reply = Reply(200, ANY)  # what is at {a}/then/… and {b}/then/…
    then_preflight: Reply = Reply(204, ANY)


def to(location: str, status: int = 302, fields: Fields = ANY) -> Reply:
    return Reply(status, (*fields, ("Location", location)))


THERE = "{b}/then/{path}"
HERE = "{a}/then/{path}"
JSON: Fields = (("Content-Type", "application/json"),)
KEY: Fields = (("X-Key", "1"),)
AUTH: Fields = (("Authorization", "Bearer x"),)

SCENARIOS = [
    # --- the CORS check
    Scenario("any origin"),
    Scenario("the page's origin", Reply(200, OURS)),
    Scenario("no field", Reply(200)),
    Scenario("no field on an error", Reply(500)),
    Scenario("a field on an error", Reply(404, ANY)),
    Scenario("another origin", Reply(200, origin("https://else.example"))),
    Scenario("a slash at the end", Reply(200, origin("{page}/"))),
    Scenario("the other scheme", Reply(200, origin("https://127.0.0.1:1"))),
    Scenario("null for a page", Reply(200, NULL)),
    Scenario("no URL", Reply(200, origin("example"))),
    Scenario("empty", Reply(200, origin(""))),
    Scenario("two in one field", Reply(200, origin("{page}, https://else.example"))),
    Scenario("two fields", Reply(200, (*OURS, *ANY))),
    Scenario("the same twice", Reply(200, (*OURS, *OURS))),
    Scenario("separated by a blank", Reply(200, origin("{page} https://else.example"))),
    Scenario("a pattern", Reply(200, origin("*.example.com"))),
    Scenario("a pattern with a scheme", Reply(200, origin("https://*.example.com"))),
    Scenario("the word true", Reply(200, origin("true"))),
    # --- credentials
    Scenario("credentials, all well", Reply(200, (*OURS, *CREDENTIALS)), credentials=True),
    Scenario("credentials and a star", Reply(200, (*ANY, *CREDENTIALS)), credentials=True),
    Scenario("credentials, no consent", Reply(200, OURS), credentials=True),
    Scenario(
        "credentials, consent in capitals",
        Reply(200, (*OURS, ("Access-Control-Allow-Credentials", "True"))),
        credentials=True,
    ),
    Scenario(
        "credentials, consent false",
        Reply(200, (*OURS, ("Access-Control-Allow-Credentials", "false"))),
        credentials=True,
    ),
    Scenario("credentials, no field at all", Reply(200), credentials=True),
    Scenario(
        "credentials, another origin", Reply(200, origin("https://else.example")), credentials=True
    ),
    # --- simple requests
    Scenario("HEAD", method="HEAD"),
    Scenario("POST", method="POST"),
    Scenario("POST of a form", method="POST", headers=(("Content-Type", "text/plain"),)),
    Scenario("a safelisted header", headers=(("Accept-Language", "de"),), preflight=Reply(500)),
    Scenario("a range", headers=(("Range", "bytes=0-99"),), preflight=Reply(500)),
    # --- preflights
    Scenario("PUT, allowed", method="PUT", preflight=Reply(204, (*ANY, *methods("PUT")))),
    Scenario("PUT, any method", method="PUT", preflight=Reply(204, (*ANY, *methods("*")))),
    Scenario("PUT, not allowed", method="PUT"),
    Scenario("PUT, in small letters", method="PUT", preflight=Reply(204, (*ANY, *methods("put")))),
    Scenario(
        "PUT, others allowed", method="PUT", preflight=Reply(204, (*ANY, *methods("GET, POST")))
    ),
    Scenario("DELETE", method="DELETE", preflight=Reply(200, (*ANY, *methods("GET, DELETE")))),
    Scenario("patch", method="patch", preflight=Reply(200, (*ANY, *methods("PATCH")))),
    Scenario("PATCH", method="PATCH", preflight=Reply(200, (*ANY, *methods("PATCH")))),
    Scenario(
        "JSON", method="POST", headers=JSON, preflight=Reply(204, (*ANY, *headers("content-type")))
    ),
    Scenario("JSON, not allowed", method="POST", headers=JSON),
    Scenario(
        "JSON, methods only",
        method="POST",
        headers=JSON,
        preflight=Reply(204, (*ANY, *methods("POST"))),
    ),
    Scenario("a header, allowed", headers=KEY, preflight=Reply(204, (*ANY, *headers("X-Key")))),
    Scenario("a header, any", headers=KEY, preflight=Reply(204, (*ANY, *headers("*")))),
    Scenario(
        "a header, not allowed", headers=KEY, preflight=Reply(204, (*ANY, *headers("X-Other")))
    ),
    Scenario(
        "two headers, one allowed",
        headers=(*KEY, ("X-Able", "1")),
        preflight=Reply(204, (*ANY, *headers("x-key"))),
    ),
    Scenario("Authorization by a star", headers=AUTH, preflight=Reply(204, (*ANY, *headers("*")))),
    Scenario(
        "Authorization by name",
        headers=AUTH,
        preflight=Reply(204, (*ANY, *headers("Authorization"))),
    ),
    Scenario("a long safelisted value", headers=(("Accept", "a" * 129),)),
    Scenario(
        "a range of the last octets",
        headers=(("Range", "bytes=-5"),),
        preflight=Reply(204, (*ANY, *headers("range"))),
    ),
    Scenario("preflight 404", headers=KEY, preflight=Reply(404, (*ANY, *headers("*")))),
    Scenario("preflight 401", headers=KEY, preflight=Reply(401)),
    Scenario("preflight 405 with nothing", method="PUT", preflight=Reply(405)),
    Scenario("preflight 301", headers=KEY, preflight=to(HERE, 301)),
    Scenario("preflight 302 with nothing", headers=KEY, preflight=to(HERE, 302, ())),
    Scenario("preflight 304", headers=KEY, preflight=Reply(304, (*ANY, *headers("*")))),
    Scenario("preflight without the field", headers=KEY, preflight=Reply(200, headers("*"))),
    Scenario(
        "preflight for another", headers=KEY, preflight=Reply(200, origin("https://b.example"))
    ),
    Scenario("preflight with two", headers=KEY, preflight=Reply(200, (*OURS, *ANY))),
    Scenario("preflight with no URL", headers=KEY, preflight=Reply(200, origin("example"))),
    Scenario(
        "preflight, bad methods", headers=KEY, preflight=Reply(200, (*ANY, *methods("GET POST")))
    ),
    Scenario(
        "preflight, bad headers", headers=KEY, preflight=Reply(200, (*ANY, *headers("x-key;y")))
    ),
    Scenario("preflight reset", headers=KEY, preflight=Reply(drop=True)),
    Scenario(
        "preflight well, reply without",
        Reply(200),
        headers=KEY,
        preflight=Reply(204, (*ANY, *headers("x-key"))),
    ),
    Scenario(
        "preflight, credentials and a star",
        headers=KEY,
        credentials=True,
        preflight=Reply(204, (*ANY, *headers("x-key"))),
    ),
    Scenario(
        "preflight, credentials without consent",
        headers=KEY,
        credentials=True,
        preflight=Reply(204, (*OURS, *headers("x-key"))),
    ),
    Scenario(
        "preflight, credentials, headers by a star",
        Reply(200, (*OURS, *CREDENTIALS)),
        headers=KEY,
        credentials=True,
        preflight=Reply(204, (*OURS, *CREDENTIALS, *headers("*"))),
    ),
    Scenario(
        "preflight, credentials, method by a star",
        Reply(200, (*OURS, *CREDENTIALS)),
        method="PUT",
        credentials=True,
        preflight=Reply(204, (*OURS, *CREDENTIALS, *methods("*"))),
    ),
    Scenario(
        "preflight, credentials, all well",
        Reply(200, (*OURS, *CREDENTIALS)),
        headers=KEY,
        credentials=True,
        preflight=Reply(204, (*OURS, *CREDENTIALS, *headers("x-key"))),
    ),
    # --- redirects
    Scenario("redirect within the target", to(HERE)),
    Scenario("redirect to another target", to(THERE)),
    Scenario("redirect to another that allows the page", to(THERE), then=Reply(200, OURS)),
    Scenario("redirect to another that allows null", to(THERE), then=Reply(200, NULL)),
    Scenario("redirect without the field", to(HERE, 302, ())),
    Scenario("redirect, the end without the field", to(HERE), then=Reply(200)),
    Scenario("redirect home", to("{page}/home"), then=Reply(200)),
    Scenario("redirect, mode error", to(HERE), redirect="error"),
    Scenario("redirect, mode manual", to(HERE), redirect="manual"),
    Scenario("redirect, mode manual, without the field", to(HERE, 302, ()), redirect="manual"),
    Scenario("redirect with credentials in it", to("http://u:p@{b_host}/then/{path}")),
    Scenario("redirect with credentials within", to("http://u:p@{a_host}/then/{path}")),
    Scenario("redirect of another scheme", to("ftp://else.example/")),
    Scenario("redirect to data", to("data:text/plain,x")),
    Scenario("redirect to no URL", to("http://[")),
    Scenario(
        "redirect of a PUT",
        to(HERE, 307),
        method="PUT",
        preflight=Reply(204, (*ANY, *methods("PUT"))),
        then_preflight=Reply(204, (*ANY, *methods("PUT"))),
    ),
    Scenario(
        "redirect of a PUT, the second preflight not",
        to(THERE, 307),
        method="PUT",
        preflight=Reply(204, (*ANY, *methods("PUT"))),
    ),
    Scenario("redirect of a POST", to(THERE, 303), method="POST"),
    Scenario(
        "redirect with a header",
        to(THERE, 302),
        headers=KEY,
        preflight=Reply(204, (*ANY, *headers("x-key"))),
        then_preflight=Reply(204, (*ANY, *headers("x-key"))),
    ),
    Scenario("redirect without Location", Reply(302, ANY)),
    Scenario("redirect for ever", to("{a}/{path}")),
    # --- no CORS at all
    Scenario("no-cors", Reply(200), no_cors=True),
    Scenario(
        "no-cors, CORP same-origin",
        Reply(200, (("Cross-Origin-Resource-Policy", "same-origin"),)),
        no_cors=True,
    ),
    Scenario(
        "no-cors, CORP cross-origin",
        Reply(200, (("Cross-Origin-Resource-Policy", "cross-origin"),)),
        no_cors=True,
    ),
    Scenario("the page's own origin", url="{page}/home"),
    # --- the network
    Scenario("a reset", Reply(drop=True)),
    Scenario("nobody listens", url="{nobody}/"),
    Scenario("a blocked port", url="http://127.0.0.1:9/"),
    Scenario("ftp", url="ftp://else.example/"),
    Scenario("file", url="file:///etc/hostname"),
    Scenario("credentials in the URL", url="http://u:p@{a_host}/{path}"),
]
