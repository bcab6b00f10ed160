/** A new key for the next credit. Random, and made without what only https has. */
function renewKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  at("idempotency_key").textContent = `page-${hex}`;
}

async function giveCredit() {
  const given = await postCredit({
    ...customer(),
    amount: at("amount").value.trim(),
    reason: at("reason").value.trim(),
    idempotency_key: at("idempotency_key").textContent,
  });
  renewKey();
  at("amount").value = at("reason").value = "";
  say("done", `Gave ${given.amount} ${currency} to ${given.customer_id}: transaction ${given.id}, `
    + `balance ${given.balance_after} ${currency}.`);
  guarded(() => refresh(given))();
}

/** Who is named. Spaces around an id are a slip of the hand, unless a loaded customer has them. */
function customer() {
  const typed = { customer_type: at("customer_type").value, customer_id: at("customer_id").value };
  return loaded.has(customerKey(typed)) ? typed : { ...typed, customer_id: typed.customer_id.trim() };
}

/** The answer, or why not. The key stays as long as it may be that the credit was given unseen. */
async function postCredit(body) {
  try {
    return await (await post("/stripe/credits", body)).json();
  } catch (error) {
    if (error.code === "key_conflict") {
      renewKey();
      throw new Error("An earlier attempt with this key was credited, to another customer or another amount. " +
        "Look at the balances; the next press gives this one as well.");
    }
    if (error.status >= 400 && error.status < 500) throw new Error(`Nothing was credited. ${error.message}`);
    throw new Error(`${error.message} It is not known whether it was credited: ` +
      "press again, the same key credits only once.");
  }
}

/** Shows the customer's row as it is now, also that of a new customer. */
async function refresh({ customer_type, customer_id }) {
  const query = new URLSearchParams({ customer_type, customer_id });
  put(await (await ask(`/stripe/balance?${query}`)).json());
  summarize();
}

function say(className, text) {
  at("credit-result").className = className;
  at("credit-result").textContent = text;
}

function creditButton(balance) {
  const button = element("button", "Credit");
  button.type = "button";
  button.setAttribute("aria-label", `Give credit to ${balance.customer_id}`);
  button.addEventListener("click", () => {
    at("customer_id").value = balance.customer_id;
    at("customer_type").value = balance.customer_type;
    at("amount").focus();
  });
  return button;
}

renewKey();
at("credit-form").addEventListener("submit", guarded(giveCredit, at("credit-result")));
