from serin.api.children import Owner
from serin.traffic.service import selected_revision, user_facing_service

OWNER = Owner("ml", "fraud", "uid-1")


def test_the_service_bears_the_models_name_and_selects_one_revision() -> None:
    service = user_facing_service(OWNER, "bcdfghjklm", port=80, target_port=8080)
    assert service["metadata"]["name"] == "fraud"
    assert service["metadata"]["ownerReferences"] == [OWNER.reference()]
    assert service["spec"] == {
        "type": "ClusterIP",
        "selector": {"serin.dev/model": "fraud", "serin.dev/revision": "bcdfghjklm"},
        "ports": [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": 8080}],
    }
    assert selected_revision(service) == "bcdfghjklm"


def test_a_service_of_somebody_else_selects_no_revision() -> None:
    assert selected_revision({"spec": {"selector": {"app": "fraud"}}}) is None
    assert selected_revision({"spec": {"type": "ExternalName"}}) is None
