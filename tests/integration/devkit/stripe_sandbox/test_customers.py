"""Customers through the official SDK: the plain life of an object, and how lists are read."""

from __future__ import annotations

import asyncio

import httpx
import pytest
import stripe

from tests.integration.devkit.stripe_sandbox.program import Shop


class TestTheLifeOfACustomer:
    async def test_what_is_created_is_retrieved(self, sdk: stripe.StripeClient) -> None:
        created = await sdk.v1.customers.create_async(
            {"email": "ada@example.com", "name": "Ada & Söhne", "metadata": {"payer": "user:1", "x": "y"}}
        )
        found = await sdk.v1.customers.retrieve_async(created.id)
        assert (found.id, found.email, found.name) == (created.id, "ada@example.com", "Ada & Söhne")
        assert found.metadata is not None
        assert found.metadata.to_dict() == {"payer": "user:1", "x": "y"}
        assert found.livemode is False

    async def test_update_merges_metadata_and_unsets_what_is_empty(self, sdk: stripe.StripeClient) -> None:
        customer = await sdk.v1.customers.create_async({"name": "Ada", "metadata": {"a": "1", "b": "2"}})
        updated = await sdk.v1.customers.update_async(
            customer.id, {"name": "", "metadata": {"a": "", "c": "3"}, "description": "new"}
        )
        assert updated.name is None
        assert updated.description == "new"
        assert updated.metadata is not None
        assert updated.metadata.to_dict() == {"b": "2", "c": "3"}

    async def test_a_deleted_one_says_so_and_pays_no_more(self, sdk: stripe.StripeClient) -> None:
        customer = await sdk.v1.customers.create_async({})
        assert (await sdk.v1.customers.delete_async(customer.id)).deleted is True
        assert (await sdk.v1.customers.retrieve_async(customer.id)).deleted is True
        with pytest.raises(stripe.InvalidRequestError) as raised:
            await sdk.v1.customers.update_async(customer.id, {"name": "x"})
        assert raised.value.code == "resource_missing"
        assert raised.value.http_status == 404

    async def test_each_change_is_an_event(self, sdk: stripe.StripeClient, shop: Shop) -> None:
        customer = await sdk.v1.customers.create_async({"name": "Ada"})
        await sdk.v1.customers.update_async(customer.id, {"name": "Grace"})
        await sdk.v1.customers.delete_async(customer.id)
        events = {event.type: event for event in shop.take(3)}
        assert events.keys() == {"customer.created", "customer.updated", "customer.deleted"}
        updated = events["customer.updated"].data
        assert updated.previous_attributes is not None
        assert updated.previous_attributes["name"] == "Ada"
        assert updated.object["name"] == "Grace"


class TestLists:
    async def _three(self, sdk: stripe.StripeClient, email: str) -> list[str]:
        created = [await sdk.v1.customers.create_async({"email": email}) for _ in range(3)]
        return [customer.id for customer in reversed(created)]

    async def test_newest_first_page_by_page(self, sdk: stripe.StripeClient) -> None:
        ids = await self._three(sdk, "pages@example.com")
        first = await sdk.v1.customers.list_async({"email": "pages@example.com", "limit": 2})
        assert ([item.id for item in first.data], first.has_more) == (ids[:2], True)
        rest = await sdk.v1.customers.list_async({"email": "pages@example.com", "starting_after": ids[1]})
        assert ([item.id for item in rest.data], rest.has_more) == (ids[2:], False)

    async def test_backwards_gives_the_nearest_still_newest_first(self, sdk: stripe.StripeClient) -> None:
        ids = await self._three(sdk, "back@example.com")
        page = await sdk.v1.customers.list_async(
            {"email": "back@example.com", "ending_before": ids[2], "limit": 1}
        )
        assert ([item.id for item in page.data], page.has_more) == ([ids[1]], True)

    async def test_the_sdk_pages_by_itself(self, sdk: stripe.StripeClient) -> None:
        ids = await self._three(sdk, "auto@example.com")
        page = await sdk.v1.customers.list_async({"email": "auto@example.com", "limit": 1})
        assert [item.id async for item in page.auto_paging_iter()] == ids

    async def test_created_bounds(self, sdk: stripe.StripeClient) -> None:
        customer = await sdk.v1.customers.create_async({"email": "time@example.com"})
        found = await sdk.v1.customers.list_async(
            {"email": "time@example.com", "created": {"gte": customer.created, "lte": customer.created}}
        )
        none = await sdk.v1.customers.list_async(
            {"email": "time@example.com", "created": {"gt": customer.created}}
        )
        assert ([item.id for item in found.data], none.data) == ([customer.id], [])

    @pytest.mark.parametrize(
        "query", ["limit=0", "limit=101", "limit=ten", "starting_after=cus_no", "sort=asc"]
    )
    async def test_bad_bounds_are_refused(self, http: httpx.AsyncClient, query: str) -> None:
        response = await http.get(f"/v1/customers?{query}")
        assert response.status_code == 400
        assert response.json()["error"]["param"] == query.partition("=")[0]

    async def test_both_cursors_are_refused(self, sdk: stripe.StripeClient) -> None:
        with pytest.raises(stripe.InvalidRequestError, match="only specify one"):
            await sdk.v1.customers.list_async({"starting_after": "cus_1", "ending_before": "cus_2"})

    async def test_racing_creations_all_count(self, sdk: stripe.StripeClient) -> None:
        params = {"email": "race@example.com"}
        created = await asyncio.gather(*(sdk.v1.customers.create_async(params) for _ in range(20)))  # type: ignore[arg-type]  # a plain dict
        listed = await sdk.v1.customers.list_async({"email": "race@example.com", "limit": 100})
        assert {item.id for item in listed.data} == {customer.id for customer in created}
        assert len(listed.data) == 20
