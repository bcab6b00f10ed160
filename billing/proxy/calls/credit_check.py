"""Refuses customers without credit before their request is processed.

The hold decides (`admission.py`); this saves the work before it. It only asks the ledger about payers who had
nothing left when they were last seen, so calls that are paid for cost nothing more.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import cast

from billing.errors import InsufficientCredits, ModelNotPriced, NoPayer
from billing.ledger.schemas import Payer
from billing.proxy.admitted.ledger import CallLedger
from billing.proxy.calls.payer import Key, payer_of
from billing.proxy.calls.sources import Pricing, RouterSource
from billing.proxy.max_cost.deployments import Router, deployments_of
from billing.proxy.max_cost.rules import rules_of
from billing.settings import Settings

SMALL_BYTES = 16 * 1024
PAYERS_MAX = 100_000  # remembered; the least recently seen is forgotten


class CreditCheck:
    """Remembers who had credit when a hold was last decided."""

    def __init__(self, ledger: CallLedger, settings: Settings, router: RouterSource, prices: Pricing) -> None:
        self._ledger = ledger
        self._settings = settings
        self._router = router
        self._prices = prices
        self._has_credit: OrderedDict[Payer, bool] = OrderedDict()

    def note(self, payer: Payer, available_nanos: int) -> None:
        """Records what a payer had left after a hold or a refused one."""
        self._has_credit[payer] = available_nanos > 0
        self._has_credit.move_to_end(payer)
        if len(self._has_credit) > PAYERS_MAX:
            self._has_credit.popitem(last=False)

    async def refuse_without_credit(self, key: Key | None, body: Mapping[str, object], size: int) -> None:
        """Raises InsufficientCredits for a large body of a payer with nothing available.

        A small one costs little, and the refusal of its hold tells how much credit the call needs.
        """
        payer = self._payer(key)
        if size <= SMALL_BYTES or key is None or payer is None or self._has_credit.get(payer):
            return
        if self._may_be_free(key, payer, body):
            return
        account = await self._ledger.account(payer)
        self.note(payer, account.available_nanos)
        if account.available_nanos <= 0:
            raise InsufficientCredits(
                "You have no credit left. Top up to make this call.",
                available_nanos=account.available_nanos,
                required_nanos=1,  # the minimum of any call: this one's cost was not computed
            )

    def _payer(self, key: Key | None) -> Payer | None:
        if key is None or self._settings.stripe_charge_by == "end_user_id":
            return None  # a payer named by the request is read later
        try:
            return payer_of(key, self._settings)
        except NoPayer:
            return None  # refused later, with the reason

    def _may_be_free(self, key: Key, payer: Payer, body: Mapping[str, object]) -> bool:
        """Whether a deployment of the requested model is free for this payer."""
        model = body.get("model")
        if model is None:
            return True  # the model is in the path, or a tool is called
        try:
            router = cast(Router | None, self._router())
            deployments = deployments_of(router, model, key.team_id) if isinstance(model, str) else ()
        except ModelNotPriced:
            return False
        rules = rules_of(deployments, self._prices.prices_for(payer, key.team_id))
        return any(deployment.free or rule.free for deployment, rule in rules.items())
