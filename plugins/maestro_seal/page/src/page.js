// What an auditor sees: drop files, read the verdict, the steps, the obligations and the way from a leaf to the root.
// Invariant: text from files reaches the document as text only, never as markup.
import $ from "jquery";
import { sort } from "./files.js";
import { verify } from "./verify.js";
import { hex } from "./strict.js";

const WORDS = { pass: "Verified", fail: "Not valid", incomplete: "Cannot decide" };
const STATUS = { pass: "pass", fail: "FAIL", "not-checked": "not checked", "not-required": "not required" };
const MEANING = {
  parse: "Every file is well formed",
  signature: "Signed by a trusted release key",
  subject: "The file is the one that was signed",
  "log-entry": "The log entry is this signature",
  "log-inclusion": "The entry is in the public log",
  checkpoint: "The log signed its state",
  witness: "Witnesses saw the same log",
  freshness: "The log is recent enough",
  required: "Everything the policy demands is there",
  leaf: "The shown obligations are in the signed tree",
  zk: "Hidden numbers meet their bounds",
  timestamp: "The time is attested",
  sbom: "The list of components is the signed one",
};
const MARK = { pass: "✓", fail: "✗", "not-checked": "?", "not-required": "–" };
const MAX_ROWS = 500;
let files = [];

async function add(list) {
  const fresh = [...list];
  files = [...files.filter((old) => !fresh.some((file) => file.name === old.name)), ...fresh];
  if (!files.length) return;
  $("#verdict").attr("data-verdict", "working").text("Checking…");
  const started = performance.now();
  const sorted = await sort(files);
  const found = await verify({ ...sorted, now: Date.now() });
  show(found, sorted.names, performance.now() - started);
}

function show({ object, ways, trust }, names, milliseconds) {
  $("#result").prop("hidden", false);
  const release = object.manifest ? `${object.manifest.name} ${object.manifest.version}` : "the given files";
  const stop = object.first_failure ? ` — first: ${object.first_failure}` : "";
  $("#verdict").attr("data-verdict", object.verdict).text(`${WORDS[object.verdict]}: ${release}${stop}`);
  $("#facts").empty();
  fact("Manifest SHA-256", object.manifest?.sha256 ?? "unreadable");
  if (trust) fact("Trust file SHA-256", `${trust.sha256} (version ${trust.version}): compare it with a copy you trust`);
  fact("Witnesses", `${object.witnesses}`);
  fact("Signatures checked by", object.engine.ed25519);
  fact("Took", `${Math.round(milliseconds)} ms, nothing was sent anywhere`);
  $("#files").empty().append(names.map(({ name, kind }) => $("<li>").text(`${name} (${kind})`)));
  $("#steps").empty().append(object.steps.map(stepRow));
  const rest = object.disclosed.length - MAX_ROWS;
  const more = rest > 0 ? [$("<tr>").append($("<td colspan=3>").text(`and ${rest} more: they are in the JSON below`))] : [];
  $("#leaves").empty().append(object.disclosed.slice(0, MAX_ROWS).map((leaf) => leafRow(leaf, ways)), more);
  $("#obligations").prop("hidden", !object.disclosed.length);
  draw(object.disclosed.length ? ways.leaves.values().next().value : null);
  $("#log-way").prop("hidden", !ways?.log);
  if (ways?.log) $("#log-way").empty().append($("<h3>").text("Way of the log entry to the log's root"), drawn(ways.log));
  $("#json").text(JSON.stringify(object, null, 2));
  $("#verdict").trigger("focus");
}

const fact = (name, value) => $("#facts").append($("<dt>").text(name), $("<dd>").text(value));

function stepRow({ step, status, detail }) {
  return $("<li>")
    .attr("data-status", status)
    .append(
      $("<span class=mark aria-hidden=true>").text(MARK[status]),
      $("<span class=name>").text(MEANING[step] ?? step).append($("<code>").text(step)),
      $("<span class=status>").text(STATUS[status]),
      $("<span class=detail>").text(detail),
    );
}

function leafRow(leaf, ways) {
  const one = ways.leaves.get(BigInt(leaf.index));
  const button = $("<button type=button>").text(leaf.id).attr("aria-controls", "way").on("click", () => draw(one));
  const numbers = Object.entries(leaf.metrics ?? {}).map(([name, metric]) => number(name, metric));
  const cells = [$("<td>").append(button), $("<td>").text(leaf.verdict), $("<td>").text([leaf.value, ...numbers].filter(Boolean).join("; "))];
  return $("<tr>").attr("data-verdict", leaf.verdict).append(cells);
}

function number(name, metric) {
  const scaled = (text) => decimalText(text, metric.scale);
  const value = "q" in metric ? scaled(metric.q) : "hidden";
  const bounds = [metric.min && `at least ${scaled(metric.min)}`, metric.max && `at most ${scaled(metric.max)}`];
  return `${name} ${value}${bounds.some(Boolean) ? ` (${bounds.filter(Boolean).join(", ")})` : ""}`;
}

function decimalText(text, scale) {
  const digits = String(scale).length - 1;
  if (BigInt(scale) !== 10n ** BigInt(digits)) return `${text}/${scale}`;
  const negative = text.startsWith("-");
  const padded = text.replace("-", "").padStart(digits + 1, "0");
  const fraction = digits ? padded.slice(-digits).replace(/0+$/, "") : "";
  const whole = digits ? padded.slice(0, -digits) : padded;
  return `${negative ? "-" : ""}${whole}${fraction ? `.${fraction}` : ""}`;
}

function draw(one) {
  $("#way").empty();
  if (!one) return;
  const title = `Way of ${one.leaf.id} (leaf ${one.index}) to the signed root`;
  $("#way").append($("<h3>").text(title), drawn(one.way));
}

const drawn = (way) => (way.length ? picture(way) : $("<p>").text("It is the only one, so its hash is the root."));

/** The path as a picture: the leaf below, at each step the sibling on its true side, the root on top. */
function picture(way) {
  const height = way.length * 34 + 62;
  const svg = node("svg", { viewBox: `0 0 420 ${height}`, role: "img", class: "way" });
  svg.append(node("title", {}, `${way.length} hashes lead from the leaf to the root`));
  const y = (level) => height - 26 - level * 34;
  way.forEach(({ sibling, left }, level) => {
    const x = left ? 90 : 330;
    svg.append(
      node("line", { x1: 210, y1: y(level), x2: 210, y2: y(level + 1) }),
      node("line", { x1: x, y1: y(level), x2: 210, y2: y(level + 1), class: "side" }),
      node("circle", { cx: x, cy: y(level), r: 5, class: "side" }),
      node("text", { x: left ? x - 12 : x + 12, y: y(level) + 4, "text-anchor": left ? "end" : "start" }, hex(sibling).slice(0, 8)),
    );
  });
  for (let level = 0; level <= way.length; level += 1) svg.append(node("circle", { cx: 210, cy: y(level), r: 6 }));
  svg.append(node("text", { x: 210, y: y(0) + 20, "text-anchor": "middle", class: "label" }, "leaf"));
  svg.append(node("text", { x: 210, y: y(way.length) - 14, "text-anchor": "middle", class: "label" }, "signed root"));
  return svg;
}

function node(name, attributes, content = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = content;
  return made;
}

$(() => {
  const zone = $("#drop");
  $("#input").on("change", (event) => add(event.target.files));
  $(document).on("dragover drop", (event) => event.preventDefault());
  zone.on("dragenter dragover", () => zone.addClass("over"));
  zone.on("dragleave drop", () => zone.removeClass("over"));
  $(document).on("drop", (event) => add(event.originalEvent.dataTransfer.files));
  $("#again").on("click", () => {
    files = [];
    $("#input").val("");
    $("#result").prop("hidden", true);
    $("#verdict").attr("data-verdict", "none").text("Nothing checked yet");
    $("#input").trigger("focus");
  });
  $("#print").on("click", () => window.print());
});

// For tests: the same function the page uses.
globalThis.maestroVerify = verify;
