// Builds the one-file page: script and style inlined, the content security policy naming their hashes. Deterministic.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "verifier.html");
const options = { bundle: true, minify: true, write: false, legalComments: "inline", charset: "utf8", target: "es2022" };
const entry = (name, more) => build({ ...options, ...more, absWorkingDir: here, entryPoints: [join("src", name)] });
const text = async (name, more) => (await entry(name, more)).outputFiles[0].text.trim();
const script = (await text("page.js", { format: "iife" })).replaceAll("</script", "<\\/script");
const style = await text("style.css", {});
const hash = (part) => `sha256-${createHash("sha256").update(part).digest("base64")}`;
const parts = { SCRIPT_HASH: hash(script), STYLE_HASH: hash(style), SCRIPT: script, STYLE: style };
const template = await readFile(join(here, "src", "page.html"), "utf8");
const page = template.replace(/@(SCRIPT_HASH|STYLE_HASH|SCRIPT|STYLE)@/g, (_, name) => parts[name]);
await writeFile(out, page);
console.log(`${out}: ${Buffer.byteLength(page)} bytes`);
