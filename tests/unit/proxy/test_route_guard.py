import json

import pytest
from starlette.requests import Request

from billing.errors import Forbidden, RouteNotBillable
from billing.proxy.route_guard import _check, check_key_metadata


@pytest.mark.parametrize("field", ["billing_trusted_backend", "allow_client_pricing_override"])
class TestMetadataThatIsAnAdminsToSet:
    def test_is_refused_wherever_it_stands(self, field: str) -> None:
        for body in (
            {field: False},
            {"metadata": {field: True}},
            {"keys": [{"metadata": {field: True}}]},
            {"metadata": json.dumps({field: True})},
        ):
            with pytest.raises(Forbidden, match=field):
                check_key_metadata(body)

    def test_other_metadata_is_left_alone(self, field: str) -> None:
        check_key_metadata({"user_id": "u", "metadata": {"team": "sales", field[:-1]: True}, "models": ["m"]})

    @pytest.mark.parametrize("path", ["/team/new", "/user/update", "/key/generate"])
    def test_is_refused_before_the_route_is_which_shadow_mode_lets_pass(self, field: str, path: str) -> None:
        request = Request({"type": "http", "method": "POST", "path": path, "headers": []})
        with pytest.raises(Forbidden, match=field) as refusal:
            _check(request, path, {"metadata": {field: True}}, reads_all=False)
        assert not isinstance(refusal.value, RouteNotBillable)
