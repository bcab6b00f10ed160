/* Money and prices stay decimal strings and BigInt: a float would show amounts that nobody paid. */
const DECIMAL = /^(-?)([0-9]{1,40})(?:[.]([0-9]{0,40}))?(?:[eE]([+-]?[0-9]{1,3}))?$/;

/** `text` times 10^places, plain, with at least two decimals; what is no decimal comes back as it is. */
function shiftPoint(text, places) {
  const parts = DECIMAL.exec(text);
  if (parts === null) return text;
  const [, sign, whole, fraction = "", exponent = "0"] = parts;
  const scale = fraction.length - Number(exponent) - places;
  const digits = BigInt(whole + fraction) * 10n ** BigInt(Math.max(-scale, 0));
  const padded = digits.toString().padStart(Math.max(scale, 0) + 1, "0");
  const point = padded.length - Math.max(scale, 0);
  const decimals = padded.slice(point).replace(/0+$/, "").padEnd(2, "0");
  return `${sign}${padded.slice(0, point)}.${decimals}`;
}

/** An amount of the API (at most nine decimals) → nanos. */
function nanosOf(amount) {
  const [, sign, whole, fraction = ""] = DECIMAL.exec(amount);
  return BigInt(sign + whole + fraction.padEnd(9, "0"));
}

/** Nanos → an amount as the API writes it. */
function formatNanos(nanos) {
  return shiftPoint(nanos.toString(), -9);
}
