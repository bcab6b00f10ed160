const at = (id) => document.getElementById(id);
const { currency, keyName } = document.querySelector("main").dataset;
const WAIT_MS = 30000;

/** The gateway said no. `status` and `code` as it answered. */
class Refusal extends Error {
  constructor(status, body) {
    super(body?.error?.message ?? `The gateway answered ${status}.`);
    this.status = status;
    this.code = body?.error?.code;
  }
}

async function ask(path, options = {}) {
  const headers = { authorization: `Bearer ${sessionStorage.getItem(keyName)}`, ...options.headers };
  const request = { ...options, headers, signal: AbortSignal.timeout(WAIT_MS) };
  const response = await fetch(path, request).catch(() => {
    throw new Error("The gateway did not answer. Try again.");
  });
  if (response.ok) return response;
  throw new Refusal(response.status, await response.json().catch(() => null));
}

function post(path, body) {
  return ask(path, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } });
}

/** An element with text, never with markup. */
function element(name, text = "", className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = className;
  return made;
}

/** An action that runs once at a time and shows at `place` why it failed. */
function guarded(action, place = at("error")) {
  let isRunning = false;
  return async (happening) => {
    happening?.preventDefault();
    if (isRunning) return;
    isRunning = true;
    place.textContent = "";
    try {
      await action();
    } catch (error) {
      place.className = "error";
      place.textContent = error.message;
    } finally {
      isRunning = false;
    }
  };
}

/** Shows the page with the key that the tab has; a key that is refused is forgotten. */
async function enter(show) {
  try {
    await show();
  } catch (error) {
    if (error.status === 401 || error.status === 403) sessionStorage.removeItem(keyName);
    throw error;
  }
  at("enter").hidden = true;
  at("content").hidden = at("leave").hidden = false;
  at("content").focus({ preventScroll: true });
}

async function enterWith(key, show) {
  if (!/^[!-~]+$/.test(key)) throw new Error("No key looks like that: a key is letters, digits and signs.");
  sessionStorage.setItem(keyName, key);
  await enter(show);
}

/** Wires the key's form and button, and shows the page if the tab has a key already. */
function start(show) {
  at("key-form").addEventListener("submit", guarded(() => enterWith(at("key").value.trim(), show)));
  at("leave").addEventListener("click", () => {
    sessionStorage.removeItem(keyName);
    at("key").value = "";
    location.reload(); // nothing that is under way may show afterwards
  });
  if (sessionStorage.getItem(keyName)) guarded(() => enter(show))();
}
