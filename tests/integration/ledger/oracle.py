"""What the ledger must do, in plain Python, one operation at a time. Shares no code with it but its types."""

from __future__ import annotations

from dataclasses import dataclass, field

from billing.errors import BillingError, InsufficientCredits, InvalidAmount, KeyConflict, NotFound
from billing.ledger.schemas import Payer, TransactionKind

BIGINT_MAX = 2**63 - 1


@dataclass
class OracleAccount:
    balance: int = 0
    held: int = 0
    topups: int = 0
    spent: int = 0


@dataclass
class OracleCall:
    payer: Payer
    requested: int
    amount: int
    fallback: int
    status: str = "open"
    ending: str | None = None
    charged: int | None = None
    estimate: bool | None = None
    is_leased: bool = True


@dataclass
class Oracle:
    accounts: dict[Payer, OracleAccount] = field(default_factory=dict)
    calls: dict[str, OracleCall] = field(default_factory=dict)
    entries: dict[str, tuple[Payer, TransactionKind, int]] = field(default_factory=dict)

    def account(self, payer: Payer) -> OracleAccount:
        return self.accounts.get(payer, OracleAccount())

    def _opened(self, payer: Payer) -> OracleAccount:
        return self.accounts.setdefault(payer, OracleAccount())

    def post(self, payer: Payer, kind: TransactionKind, amount: int, source_key: str) -> BillingError | None:
        if source_key in self.entries:
            same = self.entries[source_key] == (payer, kind, amount)
            return None if same else KeyConflict("")
        account = self._opened(payer)
        if abs(account.balance + amount) > BIGINT_MAX:
            return InvalidAmount("")
        self.entries[source_key] = (payer, kind, amount)
        account.balance += amount
        account.topups += amount if kind is TransactionKind.TOPUP else 0
        account.spent -= amount if kind is TransactionKind.CHARGE else 0
        return None

    def hold(self, key: str, payer: Payer, amount: int, fallback: int) -> BillingError | None:
        if call := self.calls.get(key):
            same = (call.payer, call.requested, call.fallback) == (payer, amount, fallback)
            return None if same else KeyConflict("")
        account = self.account(payer)
        free = account.balance - account.held
        if amount > free:
            return InsufficientCredits("", available_nanos=free, required_nanos=amount)
        account.held += amount
        self.calls[key] = OracleCall(payer, amount, amount, fallback)
        return None

    def resize(self, key: str, amount: int) -> BillingError | None:
        call = self.calls.get(key)
        if call is None:
            return NotFound("")
        if call.status != "open":
            return KeyConflict("")
        if amount < call.fallback:
            return InvalidAmount("")
        account = self.account(call.payer)
        free = account.balance - account.held + call.amount
        if amount > call.amount and amount > free:
            return InsufficientCredits("", available_nanos=free, required_nanos=amount)
        account.held += amount - call.amount
        call.amount = amount
        return None

    def settle(
        self, key: str, amount: int, ending: str, estimate: bool, payer: Payer | None
    ) -> BillingError | None:
        call = self.calls.get(key)
        if call is None:
            if payer is None:
                return NotFound("")
            call = self.calls[key] = OracleCall(payer, 0, 0, 0)
            self._opened(payer)
        if call.status == "open":
            self._end(call, "settled", amount, ending, estimate)
        elif not estimate and call.estimate is not False:
            self._charge(call, amount, ending, estimate)
        elif amount != call.charged and (not estimate or (call.estimate and call.status == "settled")):
            return KeyConflict("")
        return None

    def release(self, key: str, ending: str) -> BillingError | None:
        call = self.calls.get(key)
        if call is None:
            return NotFound("")
        if call.status == "open":
            self._end(call, "released", 0, ending, None)
        return None

    def expire(self, key: str, amount: int, ending: str) -> BillingError | None:
        call = self.calls.get(key)
        if call is None:
            return NotFound("")
        if call.status == "open" and not call.is_leased:
            self._end(call, "expired", amount, ending, estimate=True)
        return None

    def _end(self, call: OracleCall, status: str, amount: int, ending: str, estimate: bool | None) -> None:
        self.account(call.payer).held -= call.amount
        call.status = status
        self._charge(call, amount, ending, estimate)

    def _charge(self, call: OracleCall, amount: int, ending: str, estimate: bool | None) -> None:
        account = self.account(call.payer)
        change = amount - (call.charged or 0)
        account.balance -= change
        account.spent += change
        call.charged, call.ending, call.estimate = amount, ending, estimate
