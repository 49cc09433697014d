from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256

from cors_anywhere.pages.home import home, read


def test_the_policy_lets_the_pages_own_script_and_style_run_and_no_others() -> None:
    page = home(["Everyone."], tries=True)
    for name, tag in (("home.js", '<script type="module">'), ("home.css", "<style>")):
        text = page.html.partition(tag)[2].partition("</")[0]
        assert read(name).startswith(text)
        digest = b64encode(sha256(read(name).encode()).digest()).decode()
        assert f"'sha256-{digest}'" in page.policy
    assert "unsafe" not in page.policy


def test_what_the_operator_wrote_cannot_end_the_element_that_holds_it() -> None:
    page = home(["</script><script>alert(1)</script>"], tries=False)
    assert "</script><script>" not in page.html
    assert r"\u003c/script>" in page.html


def test_nothing_comes_from_another_host() -> None:
    html = home([], tries=True).html
    assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", html)
