import json

import pytest
from starlette.requests import Request

from billing.errors import Forbidden, RouteNotBillable, Unavailable
from billing.proxy.calls.call import Call
from billing.proxy.litellm.route_guard import _check, _check_door, check_key_metadata
from billing.proxy.routes import route_of


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


class TestTheDoor:
    """A billed HTTP call that did not come through it is served to nobody."""

    def test_a_call_that_it_has_not_checked_is_refused(self) -> None:
        route = route_of("POST", "/v1/chat/completions")
        call = Call("/v1/chat/completions", route=route)
        with pytest.raises(Unavailable):
            _check_door(call)
        call.entry.fields_checked = True
        _check_door(call)

    def test_what_has_no_body_of_a_call_is_left_alone(self) -> None:
        for call in (
            None,
            Call("/v1/models", route=route_of("GET", "/v1/models")),
            Call("/v1/realtime", is_websocket=True, route=route_of("WS", "/v1/realtime")),
        ):
            _check_door(call)
