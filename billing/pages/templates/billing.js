let cursor = null;

async function show() {
  const balance = await (await ask("/stripe/balance")).json();
  for (const name of ["available", "balance", "held", "total_topups", "total_spent"]) {
    at(name).textContent = `${balance[name]} ${currency}`;
  }
  at("lines").replaceChildren();
  cursor = null;
  await older();
}

async function older() {
  const query = new URLSearchParams({ limit: "20", ...(cursor && { cursor }) });
  const page = await (await ask(`/stripe/transactions?${query}`)).json();
  for (const line of page.data) at("lines").append(row(line));
  cursor = page.next_cursor;
  at("more").hidden = cursor === null;
}

function row(line) {
  const tr = element("tr", "", "line");
  const opener = element("button", line.description, "open");
  opener.type = "button";
  opener.setAttribute("aria-expanded", "false");
  opener.addEventListener("click", () => toggle(tr, opener, line));
  const what = element("td");
  what.append(opener);
  const when = element("td", new Date(line.created_at).toLocaleString());
  tr.append(when, what, element("td", line.amount, "number"), element("td", line.balance_after, "number"));
  return tr;
}

/** The detail's row is made when it is first asked for. */
function toggle(tr, opener, line) {
  const id = `detail-${line.id}`;
  const detail = at(id) ?? detailRow(id, tr, line);
  detail.hidden = opener.getAttribute("aria-expanded") === "true";
  opener.setAttribute("aria-expanded", String(!detail.hidden));
  opener.setAttribute("aria-controls", id);
}

function detailRow(id, tr, line) {
  const made = element("tr", "", "detail");
  made.id = id;
  const cell = element("td");
  cell.colSpan = tr.cells.length;
  cell.append(detailList(line));
  made.append(cell);
  tr.after(made);
  return made;
}

async function pay() {
  const topup = await (await post("/stripe/topup", { amount: at("amount").value.trim() })).json();
  location.assign(topup.checkout_url);
}

async function download() {
  const response = await ask("/stripe/transactions?limit=100", { headers: { accept: "text/csv" } });
  const link = element("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = "transactions.csv";
  link.click();
  URL.revokeObjectURL(link.href);
}

at("topup-form").addEventListener("submit", guarded(pay));
at("more").addEventListener("click", guarded(older));
at("csv").addEventListener("click", guarded(download));
start(show);
