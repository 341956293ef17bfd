// Drives the built page in headless Chromium. Usage: node chromium.mjs corpus PAGE CASES | node chromium.mjs drop PAGE OUT FILES...
import { readFile, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { join } from "node:path";
import { chromium } from "playwright-core";

const AXE = new URL("node_modules/axe-core/axe.min.js", import.meta.url);
const [mode, pagePath, second, ...files] = process.argv.slice(2);
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: flags });
const url = pathToFileURL(pagePath).href;

async function open(options = {}) {
  const context = await browser.newContext({ offline: true, ...options });
  const page = await context.newPage();
  const requests = [];
  const problems = [];
  page.on("request", (request) => requests.push(request.url()));
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  const started = performance.now();
  await page.goto(url);
  return { page, requests, problems, started };
}

async function corpus() {
  const cases = JSON.parse(await readFile(second, "utf8"));
  const { page } = await open();
  const answers = [];
  for (let at = 0; at < cases.length; at += 50) {
    answers.push(...(await page.evaluate(async (batch) => {
      const bytes = (text) => (text === null ? null : Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
      const found = [];
      for (const one of batch) {
        const given = { ...one, bundles: one.bundles.map(bytes), leaves: one.leaves.map(bytes), trust: bytes(one.trust), policy: bytes(one.policy) };
        found.push((await globalThis.maestroVerify(given)).object);
      }
      return found;
    }, cases.slice(at, at + 50))));
  }
  console.log(JSON.stringify(answers));
}

/** What Tab reaches after the verdict, and the picture that Enter on the second obligation draws. */
async function byKeyboard(page) {
  const reached = [];
  for (let i = 0; i < 4; i += 1) {
    await page.keyboard.press("Tab");
    reached.push(await page.evaluate(() => document.activeElement.textContent));
  }
  await page.keyboard.press("Enter");
  return { reached, way: await page.$$eval("#way h3", (found) => found.map((one) => one.textContent).join()) };
}

async function drop() {
  const result = {};
  for (const scheme of ["light", "dark"]) {
    const { page, requests, problems, started } = await open({ colorScheme: scheme, viewport: { width: 1000, height: 1100 } });
    await page.keyboard.press("Tab");
    result.focus = await page.evaluate(() => document.activeElement.id);
    await page.setInputFiles("#input", files);
    await page.waitForFunction(() => !["none", "working"].includes(document.querySelector("#verdict").dataset.verdict));
    result.milliseconds = Math.round(performance.now() - started);
    result.verdict = await page.textContent("#verdict");
    result.live = await page.getAttribute("#verdict", "aria-live");
    result.object = JSON.parse(await page.textContent("#json"));
    result.marks = await page.$$eval("#steps li", (rows) => rows.map((row) => row.querySelector(".status").textContent));
    result.pictures = await page.$$eval("svg.way", (found) => found.map((one) => one.querySelectorAll("circle").length));
    result.kinds = await page.$$eval("#files li", (rows) => rows.map((row) => row.textContent.match(/\((\w+)\)$/)[1]));
    result.steps = await page.$$eval("#steps li", (rows) => rows.map((row) => row.querySelector(".detail").textContent));
    result.requests = requests;
    result.problems = [...problems];
    result.fetch = await page.evaluate(() => fetch("https://example.org/").then(() => "sent", () => "refused"));
    result.focused = await page.evaluate(() => document.activeElement.id);
    result.keyboard = await byKeyboard(page);
    await page.evaluate(await readFile(AXE, "utf8"));
    const judged = await page.evaluate(() => globalThis.axe.run());
    result.violations = [...(result.violations ?? []), ...judged.violations.map((one) => `${scheme}: ${one.id} ${one.help}`)];
    result.rules = judged.passes.length;
    result.html = await page.$$eval("#result script, #result img, #result b", (found) => found.length);
    await page.screenshot({ path: join(second, `${scheme}.png`), fullPage: true });
    if (scheme === "light") {
      await page.setViewportSize({ width: 390, height: 844 });
      await page.screenshot({ path: join(second, "narrow.png"), fullPage: true });
      await page.emulateMedia({ media: "print" });
      await page.screenshot({ path: join(second, "print.png"), fullPage: true });
    }
  }
  await writeFile(join(second, "result.json"), JSON.stringify(result));
}

await (mode === "corpus" ? corpus() : drop());
await browser.close();
