const PAGE_ROWS = "100";
const NOT_AN_ADMIN = "This is a customer's key, and shows nothing here: the page needs the master key or a proxy " +
  "admin's. Customers see their own balance at /billing.";
const SUMS = ["balance", "total_topups", "total_spent"];
const lowBelow = nanosOf(document.querySelector("main").dataset.low);
const loaded = new Map(); // by customer → { balance, tr }, in the order in which they came
let cursor = null;

async function show() {
  loaded.clear();
  at("rows").replaceChildren();
  cursor = null;
  await more().catch((error) => {
    if (error.code === "admin_only") error.message = NOT_AN_ADMIN;
    throw error;
  });
}

async function more() {
  const query = new URLSearchParams({ limit: PAGE_ROWS, ...(cursor && { cursor }) });
  const page = await (await ask(`/stripe/balances/all?${query}`)).json();
  page.data.forEach(put);
  cursor = page.next_cursor;
  at("more").hidden = cursor === null;
  summarize();
}

/** Adds a customer's row, or replaces the one that it has. */
function put(balance) {
  const id = customerKey(balance);
  const tr = balanceRow(balance);
  const before = loaded.get(id)?.tr;
  if (before) before.replaceWith(tr);
  else at("rows").append(tr);
  loaded.set(id, { balance, tr });
}

function customerKey({ customer_type, customer_id }) {
  return JSON.stringify([customer_type, customer_id]);
}

function balanceRow(balance) {
  const tr = element("tr");
  const customer = element("td", "", "customer");
  customer.append(element("div", balance.customer_id), element("div", balance.customer_type, "soft"));
  const status = element("td");
  status.append(element("span", statusOf(balance), `badge ${statusOf(balance)}`));
  const available = element("td", balance.available, "number");
  if (nanosOf(balance.held) !== 0n) available.append(element("div", `${balance.held} held`, "soft"));
  tr.append(customer, status, element("td", balance.balance, "number"), available);
  tr.append(element("td", balance.total_topups, "number"), element("td", balance.total_spent, "number"));
  tr.insertCell().append(creditButton(balance));
  return tr;
}

function statusOf(balance) {
  const available = nanosOf(balance.available);
  if (available <= 0n) return "Empty";
  const threshold = balance.low_balance_threshold;
  const isLow = threshold === null ? available < lowBelow : available <= nanosOf(threshold);
  return isLow ? "Low" : "Active";
}

/** Cards and search, over what is loaded: the gateway may have more. */
function summarize() {
  const rows = [...loaded.values()];
  const rest = cursor === null ? "These are all." : "There are more: see the end of the table.";
  at("scope").textContent = `Totals of the ${rows.length} customers loaded. ${rest}`;
  at("customers").textContent = rows.length;
  for (const name of SUMS) at(name).replaceChildren(...sums(rows, name).map((text) => element("div", text)));
  search();
}

/** One sum a currency: a ledger has one, unless its setting was changed. */
function sums(rows, name) {
  const nanos = new Map([[currency, 0n]]);
  for (const { balance } of rows) {
    const unit = balance.currency.toUpperCase();
    nanos.set(unit, (nanos.get(unit) ?? 0n) + nanosOf(balance[name]));
  }
  return [...nanos].map(([unit, sum]) => `${formatNanos(sum)} ${unit}`);
}

function search() {
  const wanted = at("search").value.trim().toLowerCase();
  let found = 0;
  for (const { balance, tr } of loaded.values()) {
    const words = [balance.customer_id, balance.customer_type, balance.stripe_customer_id ?? "", statusOf(balance)];
    tr.hidden = !words.some((word) => word.toLowerCase().includes(wanted));
    found += tr.hidden ? 0 : 1;
  }
  at("found").textContent = wanted ? `${found} of the ${loaded.size} loaded rows` : "";
}

at("more").addEventListener("click", guarded(more));
at("search").addEventListener("input", search);
