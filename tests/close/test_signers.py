"""Who is named in a certificate: all who signed, by each key and with each role they had."""

from orchestration.close.certify import signers
from tests.control.office import PLAN, person
from tests.ledger.paper_office import PaperOffice


def test_who_came_back_with_another_role_is_named_with_both() -> None:
    office = PaperOffice().open_for_business()
    office.add("zoe", "auditor")
    office.remove("zoe")
    office.add("zoe", "approver")
    asked = office.ask("rita", "close_period", period_id="2011-03", plan_sha256=PLAN)
    approval = office.approval("zoe", asked)
    office.record(approval)
    found = signers(office.books, [asked.statement, approval.statement])
    assert [(one.person, one.roles) for one in found] == [
        ("rita", ("requester", "approver")),
        ("zoe", ("auditor",)),
        ("zoe", ("approver",)),
    ]
    assert {one.verifier_key for one in found[1:]} == {person("zoe").verifier_key}
