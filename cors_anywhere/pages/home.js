const SETTINGS = JSON.parse(document.getElementById("settings").textContent);
const BASE = new URL(".", location.href).href;
const MOST = 200_000; // octets of a body that are shown
const $ = (id) => document.getElementById(id);

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// --- what the form says -----------------------------------------------------------------------

function asked() {
  const headers = [];
  for (const line of $("headers").value.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.push([line.slice(0, colon).trim(), line.slice(colon + 1).trim()]);
  }
  const method = $("method").value;
  const bodiless = method === "GET" || method === "HEAD";
  return {
    url: $("url").value.trim(), method, headers,
    body: bodiless || !$("body").value ? undefined : $("body").value,
    credentials: $("credentials").checked ? "include" : "omit",
    origin: $("origin").value.trim() || location.origin,
  };
}

function keepInAddress({ url, method, headers, credentials, origin }) {
  const kept = new URLSearchParams({ url });
  if (method !== "GET") kept.set("method", method);
  for (const [name, value] of headers) kept.append("header", `${name}: ${value}`);
  if (credentials === "include") kept.set("credentials", "1");
  if (origin !== location.origin) kept.set("origin", origin);
  history.replaceState(null, "", `#${kept}`);
}

function readAddress() {
  const kept = new URLSearchParams(location.hash.slice(1));
  if (!kept.has("url")) return false;
  $("url").value = kept.get("url");
  $("method").value = kept.get("method") ?? "GET";
  $("headers").value = kept.getAll("header").join("\n");
  $("credentials").checked = kept.get("credentials") === "1";
  $("origin").value = kept.get("origin") ?? "";
  return true;
}

// --- one request, as a script sees it -----------------------------------------------------------

async function look(url, request, extra = {}) {
  const began = performance.now();
  const { method, headers, body, credentials } = request;
  try {
    const response = await fetch(url, {
      method, body, credentials, headers: [...headers, ...Object.entries(extra)],
      cache: "no-store", redirect: "follow",
    });
    const blob = await response.blob();
    return { response, blob, milliseconds: performance.now() - began };
  } catch (failure) {
    return { failure, milliseconds: performance.now() - began };
  }
}

async function show(place, { response, blob, failure, milliseconds }) {
  const time = `${Math.round(milliseconds)} ms`;
  if (failure) {
    place.replaceChildren(
      element("p", { class: "bad" }, "The script gets an error and nothing else."),
      element("p", {}, `${failure} (${time})`));
    return;
  }
  const refused = ofProxy(response);
  if (refused) {
    place.replaceChildren(...await refusal(refused, blob, time));
    return;
  }
  const mark = response.ok ? "good" : "bad";
  const rows = [...response.headers].map(([name, value]) => element(
    "tr", {}, element("th", { scope: "row" }, name), element("td", {}, value)));
  place.replaceChildren(
    element("p", { class: mark }, `${response.status} ${response.statusText} (${time})`),
    element("table", {}, element("caption", {}, "Headers that a script may read"), ...rows),
    await view(response.headers.get("content-type") ?? "", blob));
}

// The proxy's own failures say so (RFC 9209), whatever a target says is not among them.
function ofProxy({ headers }) {
  return /^cors-anywhere;(?:.*;)? ?error=([a-z_]+)/.exec(headers.get("proxy-status") ?? "")?.[1];
}

async function refusal(type, blob, time) {
  const [reason, ...hints] = (await blob.text()).split("\n");
  return [
    element("p", { class: "bad" }, `This proxy did not fetch it: ${reason}`),
    ...hints.map((hint) => element("p", {}, hint)),
    element("p", { class: "quiet" }, `Its name for that is ${type} (${time}).`),
  ];
}

async function view(type, blob) {
  const kind = type.split(";")[0].trim().toLowerCase();
  if (blob.size === 0) return element("p", {}, "The body is empty.");
  const media = { image: "img", audio: "audio", video: "video" }[kind.split("/")[0]];
  if (media) {
    const shown = element(media, media === "img" ? { alt: "The reply’s image" } : { controls: "" });
    shown.src = URL.createObjectURL(blob);
    return shown;
  }
  const part = blob.slice(0, MOST);
  if (/[/+]json$/.test(kind) && blob.size <= MOST) {
    try {
      return element("div", { class: "view", tabindex: "0" }, tree(JSON.parse(await part.text())));
    } catch { /* it is shown as text */ }
  }
  const textual = /^text\/|json|xml|javascript|x-www-form/.test(kind);
  const text = textual ? await part.text() : hex(new Uint8Array(await part.slice(0, 512).arrayBuffer()));
  const rest = blob.size > MOST ? `\n… ${blob.size} octets` : "";
  return element("pre", { tabindex: "0", "aria-label": "Body" }, text + rest);
}

function tree(value, name = "") {
  const label = name === "" ? "" : `${name}: `;
  if (value === null || typeof value !== "object") return element("div", {}, label + JSON.stringify(value));
  const entries = Object.entries(value);
  const title = `${label}${Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`}`;
  const made = element("details", {}, element("summary", {}, title));
  made.addEventListener("toggle", () => { // the children of a large reply are made when asked for
    if (made.open && made.childElementCount === 1) {
      made.append(...entries.slice(0, 1000).map(([key, child]) => tree(child, key)));
    }
  });
  if (name === "") made.open = true;
  return made;
}

function hex(octets) {
  const lines = [];
  for (let start = 0; start < octets.length; start += 16) {
    const row = octets.subarray(start, start + 16);
    const digits = [...row].map((octet) => octet.toString(16).padStart(2, "0")).join(" ");
    const letters = [...row].map((o) => (o > 31 && o < 127 ? String.fromCharCode(o) : ".")).join("");
    lines.push(`${start.toString(16).padStart(4, "0")}  ${digits.padEnd(47)}  ${letters}`);
  }
  return lines.join("\n");
}

// --- the doctor ---------------------------------------------------------------------------------

async function diagnose({ url, method, headers, credentials, origin }) {
  const query = new URLSearchParams({ url, origin, method });
  for (const [name, value] of headers) query.append("header", `${name}: ${value}`);
  if (credentials === "include") query.set("credentials", "1");
  const response = await ask(`doctor?${query}`);
  const kind = response.headers.get("content-type") ?? "";
  if (!kind.startsWith("application/json")) throw new Error(await response.text());
  return response.json();
}

function ask(path) { // where a browser sends no Sec-Fetch-*, this field says that a page of ours asks
  return fetch(BASE + path, { headers: { "X-Requested-With": "cors-anywhere" }, cache: "no-store" });
}

const VERDICTS = {
  works: ["good", "It works without a proxy."],
  "fix-target": ["bad", "The target has to be mended."],
  "use-proxy": ["odd", "Use the proxy."],
  impossible: ["bad", "It cannot work."],
};

function showDiagnosis(found) {
  const [mark, title] = VERDICTS[found.verdict] ?? ["bad", found.verdict];
  $("verdict").replaceChildren(
    element("strong", { class: mark }, title), ` ${found.fix.why ?? ""}`);
  if (found.browserMessage) {
    $("verdict").append(element("br"), `The console says: ${found.browserMessage}`);
  }
  $("steps").replaceChildren(...found.steps.map(stepRow));
  const servers = Object.entries(found.fix.target ?? {});
  $("fix").replaceChildren(...servers.map(([name, lines]) => element(
    "details", {}, element("summary", {}, `For the target’s owner: ${name}`),
    element("pre", { tabindex: "0", "aria-label": `Configuration for ${name}` }, lines))));
}

const EXCHANGES = new Set(["preflight reply", "reply", "redirect", "readable"]);

function stepRow({ step, ok, reason, spec }) {
  const odd = reason.startsWith("Warning: ");
  const mark = ok ? (odd ? "odd" : "good") : "bad";
  const word = ok ? (odd ? "but" : "ok") : "no";
  const toPage = EXCHANGES.has(step);
  const row = element("li", { class: mark },
    element("span", { class: "party" }, "page"), arrow(toPage, ok),
    element("span", { class: "party" }, "target"),
    element("span", { class: "reason" }, element("strong", {}, `${step}: ${word}. `), reason));
  if (spec) row.title = spec;
  return row;
}

function arrow(toPage, ok) {
  const space = "http://www.w3.org/2000/svg";
  const drawing = document.createElementNS(space, "svg");
  drawing.setAttribute("viewBox", "0 0 200 10");
  drawing.setAttribute("preserveAspectRatio", "none");
  drawing.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(space, "path");
  line.setAttribute("d", toPage ? "M198 5H4M10 1L3 5L10 9" : "M2 5H196M190 1L197 5L190 9");
  line.setAttribute("fill", "none");
  line.setAttribute("stroke", "currentColor");
  if (!ok) line.setAttribute("stroke-dasharray", "4 4");
  drawing.append(line);
  return drawing;
}

// --- snippets -----------------------------------------------------------------------------------

function snippet(kind, { url, method, headers, body }) {
  const through = BASE + url;
  const fields = Object.fromEntries(headers);
  const quoted = (text) => JSON.stringify(text);
  const shell = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const init = { ...(method !== "GET" && { method }), ...(headers.length && { headers: fields }), ...(body && { body }) };
  const options = Object.keys(init).length ? `, ${JSON.stringify(init, null, 2)}` : "";
  switch (kind) {
    case "fetch":
      return `const response = await fetch(${quoted(through)}${options});\nconsole.log(response.status, await response.text());`;
    case "axios":
      return `const { data } = await axios(${JSON.stringify({ url: through, method, headers: fields, data: body }, null, 2)});`;
    case "jQuery":
      return `$.ajax(${JSON.stringify({ url: through, method, headers: fields, data: body }, null, 2)}).done(console.log);`;
    case "XMLHttpRequest":
      return [
        "const request = new XMLHttpRequest();", `request.open(${quoted(method)}, ${quoted(through)});`,
        ...headers.map(([name, value]) => `request.setRequestHeader(${quoted(name)}, ${quoted(value)});`),
        "request.onload = () => console.log(request.status, request.responseText);",
        `request.send(${body ? quoted(body) : ""});`,
      ].join("\n");
    case "curl":
      return [
        `curl -i ${shell(through)} -X ${shell(method)}`, "-H 'Origin: https://app.example'",
        ...headers.map(([name, value]) => `-H ${shell(`${name}: ${value}`)}`),
        ...(body ? [`--data-raw ${shell(body)}`] : []),
      ].join(" \\\n  ");
    default:
      return `<img crossorigin src="${through.replaceAll("&", "&amp;").replaceAll('"', "%22")}" alt="">`;
  }
}

// --- the page -----------------------------------------------------------------------------------

async function tryIt() {
  const request = asked();
  keepInAddress(request);
  $("status").textContent = "Asking…";
  $("results").hidden = false;
  $("snippet").textContent = snippet($("kind").value, request);
  const [direct, proxied] = await Promise.all([
    look(request.url, request),
    look(BASE + request.url, request, { "X-Requested-With": "cors-anywhere" }),
  ]);
  await show($("direct"), direct);
  await show($("proxied"), proxied);
  try {
    showDiagnosis(await diagnose(request));
  } catch (failure) {
    $("verdict").textContent = `The doctor was not asked: ${failure.message}`;
    $("steps").replaceChildren();
    $("fix").replaceChildren();
  }
  $("status").textContent = "Done.";
}

async function explain() {
  const response = await ask(`doctor?${new URLSearchParams({ explain: $("message").value })}`);
  if (!response.ok) {
    $("explained").textContent = await response.text();
    return;
  }
  const found = await response.json();
  $("explained").replaceChildren(
    element("p", {}, element("strong", {}, `${found.browser}: `), `${found.meaning}.`),
    element("p", {}, `What helps: ${found.advice}.`));
  if (found.url) $("url").value = found.url;
  if (found.origin) $("origin").value = found.origin;
}

// A link may come from anybody: what could change something waits for the person's own click.
function followAddress() {
  if (!readAddress() || !SETTINGS.tries) return;
  const { method, credentials } = asked();
  if (credentials === "omit" && (method === "GET" || method === "HEAD")) tryIt();
  else $("status").textContent = "Filled in from the address: press Try to send it.";
}

function tellRules() {
  $("rules").replaceChildren(...SETTINGS.rules.map((line) => element("li", {}, line)));
  for (const place of document.querySelectorAll(".base")) place.textContent = BASE;
  $("origin").placeholder = location.origin;
  if (!SETTINGS.tries) {
    $("form").hidden = true;
    $("status").textContent =
      "This page’s own origin is not among those that may ask, so it tries nothing.";
  }
}

tellRules();
$("form").addEventListener("submit", (event) => { event.preventDefault(); tryIt(); });
$("explain").addEventListener("submit", (event) => { event.preventDefault(); explain(); });
$("kind").addEventListener("change", () => { $("snippet").textContent = snippet($("kind").value, asked()); });
$("copy").addEventListener("click", () => navigator.clipboard.writeText($("snippet").textContent));
addEventListener("hashchange", followAddress);
followAddress();
