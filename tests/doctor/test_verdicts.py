from __future__ import annotations

import pytest

from cors_anywhere.doctor.verdicts import judge
from cors_anywhere.doctor.vocabulary import Fault, Question, Verdict

ASKED = Question("https://api.example/", "https://app.example")
MISSING = Fault("MissingAllowOriginHeader")


@pytest.mark.parametrize(
    ("fault", "credentials", "public", "verdict"),
    [
        (None, False, True, Verdict.WORKS),
        (MISSING, False, True, Verdict.USE_PROXY),
        (MISSING, False, None, Verdict.USE_PROXY),
        (MISSING, False, False, Verdict.FIX_TARGET),
        (MISSING, True, True, Verdict.FIX_TARGET),
        (Fault("", "mixed-content"), False, None, Verdict.USE_PROXY),
        (Fault("dns_error"), False, None, Verdict.IMPOSSIBLE),
        (Fault("", "", "it is no URL"), False, None, Verdict.IMPOSSIBLE),
    ],
)
def test_a_fault_leads_to_one_verdict(
    fault: Fault | None, credentials: bool, public: bool | None, verdict: Verdict
) -> None:
    found, why = judge(ASKED._replace(credentials=credentials), fault, ASKED.url, public=public)
    assert found is verdict
    assert why.endswith(".")
