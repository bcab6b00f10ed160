"""What the sandbox refuses, in Stripe's words; the anonymous caller first."""

from __future__ import annotations

import httpx
import pytest
import stripe

from tests.integration.devkit.stripe_sandbox.program import Program


async def get(program: Program, authorization: str | None, path: str = "/v1/customers") -> httpx.Response:
    headers = {} if authorization is None else {"Authorization": authorization}
    async with httpx.AsyncClient(base_url=program.url) as client:
        return await client.get(path, headers=headers)


class TestKeys:
    @pytest.mark.parametrize("authorization", [None, "", "Bearer", "Basic !!", "Digest x"])
    async def test_no_key(self, program: Program, authorization: str | None) -> None:
        response = await get(program, authorization)
        assert response.status_code == 401
        assert response.json()["error"]["type"] == "invalid_request_error"
        assert "did not provide an API key" in response.json()["error"]["message"]

    async def test_a_foreign_key_is_named_but_not_repeated(self, program: Program) -> None:
        response = await get(program, "Bearer sk_test_foreign00000000000abcd")
        assert response.status_code == 401
        message = response.json()["error"]["message"]
        assert message.startswith("Invalid API Key provided: sk_test_")
        assert message.endswith("abcd")
        assert "foreign" not in message

    @pytest.mark.parametrize("prefix", ["sk_live_", "rk_live_", "pk_live_"])
    async def test_live_keys_are_refused_and_told_why(self, program: Program, prefix: str) -> None:
        secret = "51NotForHere000000000000"
        response = await get(program, f"Bearer {prefix}{secret}")
        assert response.status_code == 401
        assert "live key" in response.json()["error"]["message"]
        assert secret not in response.text

    async def test_the_sdk_sees_an_authentication_error(self, program: Program) -> None:
        transport = stripe.HTTPXClient()
        client = stripe.StripeClient("sk_test_no", base_addresses={"api": program.url}, http_client=transport)
        with pytest.raises(stripe.AuthenticationError):
            await client.v1.customers.list_async()
        await transport.close_async()  # type: ignore[no-untyped-call]  # the SDK's own gap


class TestRequests:
    async def test_unknown_path_and_method(self, http: httpx.AsyncClient) -> None:
        for response in (await http.get("/v1/unicorns"), await http.put("/v1/customers")):
            assert response.status_code == 404
            assert response.json()["error"]["message"].startswith("Unrecognized request URL")

    async def test_unknown_object(self, http: httpx.AsyncClient) -> None:
        response = await http.get("/v1/payment_intents/pi_no")
        assert response.status_code == 404
        assert response.json()["error"] == {
            "code": "resource_missing",
            "doc_url": "https://docs.stripe.com/error-codes/resource-missing",
            "message": "No such payment_intent: 'pi_no'",
            "param": "id",
            "type": "invalid_request_error",
        }

    async def test_an_id_of_another_kind(self, http: httpx.AsyncClient) -> None:
        customer_id = (await http.post("/v1/customers")).json()["id"]
        assert (await http.get(f"/v1/products/{customer_id}")).status_code == 404

    @pytest.mark.parametrize(
        ("body", "param"),
        [
            ("a[=1", "a["),
            ("metadata=x", "metadata"),
            ("metadata[a]=1&metadata[a][b]=2", "metadata[a][b]"),
            ("address[zip][deep]=1", "address[zip]"),
            ("email=nobody", "email"),
            ("email=" + "a" * 600 + "@b.co", "email"),
            ("&".join(f"metadata[k{n}]=v" for n in range(51)), "metadata"),
            ("a" + "[b]" * 20 + "=1", None),
        ],
    )
    async def test_bad_forms(self, http: httpx.AsyncClient, body: str, param: str | None) -> None:
        response = await http.post("/v1/customers", content=body)
        assert response.status_code == 400, response.text
        assert param is None or param in response.json()["error"]["param"]

    async def test_bodies_that_are_no_form(self, http: httpx.AsyncClient) -> None:
        json_body = await http.post("/v1/customers", json={"name": "x"})
        huge = await http.post("/v1/customers", content=b"name=" + b"x" * 1_100_000)
        binary = await http.post("/v1/customers", content=b"name=\xff\xfe")
        crowded = await http.post("/v1/customers", content="&".join(f"k{n}=v" for n in range(1001)))
        assert [r.status_code for r in (json_body, huge, binary, crowded)] == [400] * 4

    async def test_versions(self, http: httpx.AsyncClient) -> None:
        echoed = await http.get("/v1/account", headers={"Stripe-Version": "2026-09-30.dahlia"})
        default = await http.get("/v1/account")
        refused = await http.get("/v1/account", headers={"Stripe-Version": "latest"})
        assert echoed.headers["Stripe-Version"] == "2026-09-30.dahlia"
        assert default.headers["Stripe-Version"] == "2026-10-28.endive"
        assert refused.status_code == 400
        assert default.headers["Request-Id"].startswith("req_")


class TestControl:
    @pytest.mark.parametrize(
        "change", [{"duplicates": 0}, {"duplicates": 101}, {"unknown": 1}, {"delay_ms": "5"}, {"paused": 1}]
    )
    async def test_bad_settings_change_nothing(
        self, http: httpx.AsyncClient, change: dict[str, object]
    ) -> None:
        before = (await http.get("/sandbox/settings")).json()
        response = await http.put("/sandbox/settings", json=change)
        assert (response.status_code, response.json()["error"]["param"]) == (400, next(iter(change)))
        assert (await http.get("/sandbox/settings")).json() == before

    @pytest.mark.parametrize("content", [b"[]", b"{", b"1e999", b"[" * 100_000])
    async def test_bad_json(self, http: httpx.AsyncClient, content: bytes) -> None:
        response = await http.put(
            "/sandbox/settings", content=content, headers={"Content-Type": "application/json"}
        )
        assert response.status_code == 400

    async def test_a_form_of_another_site_is_refused(self, http: httpx.AsyncClient) -> None:
        response = await http.post("/sandbox/checkout/sessions/cs_1/pay", content=b'{"card": "4242"}')
        assert "Content-Type" in response.json()["error"]["message"]

    async def test_unknown_ids(self, http: httpx.AsyncClient) -> None:
        for path, body in (
            ("checkout/sessions/cs_no/pay", {"card": "4242424242424242"}),
            ("checkout/sessions/cs_no/settle", {"outcome": "failed"}),
            ("events/evt_no/resend", {}),
        ):
            assert (await http.post(f"/sandbox/{path}", json=body)).status_code == 404

    async def test_rate_limit_and_failure_count_down(self, http: httpx.AsyncClient) -> None:
        await http.put("/sandbox/settings", json={"rate_limit_next": 2, "fail_next": 1})
        statuses = [(await http.get("/v1/account")).status_code for _ in range(4)]
        assert statuses == [429, 429, 500, 200]
