const PRICES = {
  input_cost_per_token: "input",
  output_cost_per_token: "output",
  cache_read_input_token_cost: "cached input",
  cache_creation_input_token_cost: "input written to the cache",
  cache_creation_input_token_cost_above_1hr: "input cached for over an hour",
  output_cost_per_reasoning_token: "reasoning",
  input_cost_per_audio_token: "audio input",
  output_cost_per_audio_token: "audio output",
};
const ENDINGS = {
  finished: "finished",
  finished_free: "finished, and free",
  finished_unpriced: "finished, but its usage or price was not known: charged an estimate",
  cut_mid_stream: "cut by the client: charged for what was generated",
  credit_exhausted: "ended where the credit did: charged for what was generated",
  broken_mid_stream: "broke off: charged for what was generated",
  cut_before_first_chunk: "cut by the client before the answer: charged for the input",
  timed_out: "not answered in time: charged for the input",
  failed: "failed after it was sent: charged for the input",
  rejected: "stopped by a guardrail or limit after it was sent: charged for the input",
  priced_by_hand: "its cost was not known at first, and named later",
  no_event: "no success event arrived: charged an estimate",
};

/** What a transaction was for. Facts that it does not have are left out, never guessed. */
function detailList(line) {
  const facts = { ...callFacts(line.detail), ...paymentFacts(line.detail), "Transaction": line.id };
  const list = element("dl");
  for (const [name, fact] of Object.entries(facts)) {
    const texts = [fact].flat().filter(Boolean);
    if (texts.length === 0) continue;
    const value = element("dd");
    value.append(...texts.map((text) => element("div", text)));
    const group = element("div");
    group.append(element("dt", name), value);
    list.append(group);
  }
  return list;
}

function callFacts(detail) {
  return {
    "Model": [detail.model, detail.provider_model !== detail.model && detail.provider_model],
    "Tokens": tokenTexts(detail.tokens ?? { prompt: detail.prompt_tokens, completion: detail.completion_tokens }),
    "Unit prices": Object.entries(detail.unit_prices ?? {}).map(([name, price]) => priceText(name, price)),
    "Provider cost": detail.provider_cost && [
      `${shiftPoint(detail.provider_cost, 0)} ${currency}`,
      detail.cache_hit && "answered from the cache",
    ],
    "Price rule": detail.rule && ruleText(detail.rule),
    "Ending": ENDINGS[detail.ending] ?? detail.ending,
    "Call": detail.route && `${detail.route}${detail.stream ? ", streamed" : ""}`,
    "Call id": detail.call_id,
  };
}

function paymentFacts(detail) {
  return {
    "Order id": detail.order_id,
    "Checkout Session": detail.checkout_session_id,
    "Payment": detail.payment_intent_id,
  };
}

function tokenTexts(tokens) {
  if (!Number.isInteger(tokens.prompt)) return [];
  const part = (count, name) => (count ? `${count} ${name}` : null);
  const note = (...parts) => (parts.some(Boolean) ? ` (${parts.filter(Boolean).join(", ")})` : "");
  const input = note(part(tokens.cached, "cached"), part(tokens.cache_write, "written to the cache"));
  return [`${tokens.prompt} in${input}`, `${tokens.completion} out${note(part(tokens.reasoning, "reasoning"))}`];
}

function priceText(name, price) {
  if (name === "input_cost_per_request") return `${shiftPoint(price, 0)} per call`;
  return `${PRICES[name] ?? name}: ${shiftPoint(price, 6)} per million tokens`;
}

function ruleText(rule) {
  if (rule.free) return ["free"];
  const texts = [`provider cost × ${rule.multiplier}`];
  if (rule.fee_nanos) texts.push(`+ ${formatNanos(rule.fee_nanos)} ${currency}`);
  if (rule.floor_nanos) texts.push(`at least ${formatNanos(rule.floor_nanos)} ${currency}`);
  return texts;
}
