"use strict";
const at = (id) => document.getElementById(id);
const currency = document.querySelector("main").dataset.currency;
const KEY = "billing-key";
let cursor = null;

async function ask(path, options = {}) {
  const headers = { authorization: `Bearer ${sessionStorage.getItem(KEY)}`, ...options.headers };
  const response = await fetch(path, { ...options, headers });
  if (response.ok) return response;
  const body = await response.json().catch(() => null);
  throw new Error(body?.error?.message ?? `The gateway answered ${response.status}.`);
}

async function show() {
  const balance = await (await ask("/stripe/balance")).json();
  for (const name of ["available", "balance", "held", "total_topups", "total_spent"]) {
    at(name).textContent = `${balance[name]} ${currency}`;
  }
  at("lines").replaceChildren();
  cursor = null;
  await older();
  at("enter").hidden = true;
  at("account").hidden = at("leave").hidden = false;
}

async function older() {
  const query = new URLSearchParams({ limit: "20", ...(cursor && { cursor }) });
  const page = await (await ask(`/stripe/transactions?${query}`)).json();
  for (const line of page.data) at("lines").append(row(line));
  cursor = page.next_cursor;
  at("more").hidden = cursor === null;
}

function row(line) {
  const cells = [new Date(line.created_at).toLocaleString(), line.description, line.amount, line.balance_after];
  const tr = document.createElement("tr");
  cells.forEach((text, n) => {
    const td = tr.insertCell();
    td.textContent = text;
    if (n > 1) td.className = "number";
  });
  return tr;
}

async function pay() {
  const body = JSON.stringify({ amount: at("amount").value.trim() });
  const headers = { "content-type": "application/json" };
  const topup = await (await ask("/stripe/topup", { method: "POST", body, headers })).json();
  location.assign(topup.checkout_url);
}

async function download() {
  const response = await ask("/stripe/transactions?limit=100", { headers: { accept: "text/csv" } });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = "transactions.csv";
  link.click();
  URL.revokeObjectURL(link.href);
}

function leave() {
  sessionStorage.removeItem(KEY);
  at("account").hidden = at("leave").hidden = true;
  at("enter").hidden = false;
  at("key").value = "";
  at("key").focus();
}

/** Runs an action once at a time and shows why it failed. */
function on(element, event, action) {
  let isRunning = false;
  element.addEventListener(event, async (happening) => {
    happening.preventDefault();
    if (isRunning) return;
    isRunning = true;
    at("error").textContent = "";
    try {
      await action();
    } catch (error) {
      at("error").textContent = error.message;
    } finally {
      isRunning = false;
    }
  });
}

on(at("key-form"), "submit", async () => {
  sessionStorage.setItem(KEY, at("key").value.trim());
  await show();
});
on(at("topup-form"), "submit", pay);
on(at("more"), "click", older);
on(at("csv"), "click", download);
on(at("leave"), "click", async () => leave());
if (sessionStorage.getItem(KEY)) show().catch(leave);
