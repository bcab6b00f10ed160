import json

import pytest

from billing.errors import Forbidden
from billing.proxy.route_guard import check_key_metadata


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
