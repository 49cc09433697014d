// What a page does without any library. A case gives what Python holds against what is right.

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"];

globalThis.cases = {
  async methods(through) {
    const seen = [];
    for (const method of METHODS) {
      const reply = await fetch(`${through}/echo`, { method, headers: { "X-Key": method } });
      seen.push(method === "HEAD" ? reply.ok : (await reply.json()).key);
    }
    return seen;
  },
  async authorization(through) {
    const reply = await fetch(`${through}/echo`, { headers: { Authorization: "Bearer t" } });
    return (await reply.json()).authorization;
  },
  credentials: (through) => fetch(`${through}/echo`, { credentials: "include" }).catch(({ name }) => name),
  async octets(through) {
    const octets = new Uint8Array(await (await fetch(`${through}/octets`)).arrayBuffer());
    return octets.length === 256 && octets.every((octet, place) => octet === place);
  },
  gzip: (through) => text(`${through}/coded/gzip`),
  brotli: (through) => text(`${through}/coded/br`),
  zstd: (through) => text(`${through}/coded/zstd`),
  async range(through) {
    const reply = await fetch(`${through}/large.pdf`, { headers: { Range: "bytes=0-7" } });
    return [reply.status, await reply.text(), reply.headers.get("content-range").split("/")[0]];
  },
  events(through) {
    return new Promise((done) => {
      const told = [];
      const source = new EventSource(`${through}/events`);
      source.onmessage = ({ data, lastEventId }) => {
        told.push([lastEventId, data]);
        if (told.length === 3) { source.close(); done(told); }
      };
    });
  },
  upload(through) {
    return new Promise((done) => {
      const request = new XMLHttpRequest();
      let most = 0;
      request.upload.onprogress = ({ loaded }) => { most = Math.max(most, loaded); };
      request.onload = () => done([request.responseText, most]);
      request.open("POST", `${through}/length`);
      request.send(new Uint8Array(2_000_000));
    });
  },
  async abort(through) {
    const stop = new AbortController();
    const reader = (await fetch(`${through}/endless`, { signal: stop.signal })).body.getReader();
    await reader.read();
    stop.abort();
    const failed = await reader.read().catch(({ name }) => name);
    return [failed, (await fetch(`${through}/ended`)).ok];
  },
  async redirect(through, { target }) {
    const reply = await fetch(`${through}/leads/plain`);
    return [reply.headers.get("x-final-url") === `${target}/plain`, reply.redirected, await reply.text()];
  },
  async refusal(_, { proxy }) {
    const reply = await fetch(`${proxy}/http://10.0.0.1/`);
    return [reply.status, reply.headers.get("proxy-status").startsWith("cors-anywhere")];
  },
  socket(through) {
    return new Promise((done, fail) => {
      const socket = new WebSocket(`${through.replace("http:", "ws:")}/socket`);
      socket.binaryType = "arraybuffer";
      const heard = [];
      socket.onopen = () => { socket.send("text"); socket.send(new Uint8Array([1, 2, 255])); };
      socket.onerror = () => fail(new Error("it does not open"));
      socket.onmessage = ({ data }) => {
        heard.push(typeof data === "string" ? data : [...new Uint8Array(data)]);
        if (heard.length === 2) socket.close(4000, "enough");
      };
      socket.onclose = ({ code, wasClean }) => done([...heard, code, wasClean]);
    });
  },
  video(through) {
    return new Promise((done, fail) => {
      const video = document.createElement("video");
      Object.assign(video, { crossOrigin: "anonymous", preload: "metadata", muted: true });
      video.onerror = () => fail(new Error(video.error.message));
      video.onloadedmetadata = () => { video.currentTime = 0.9 * video.duration; };
      video.onseeked = () => {
        const context = document.createElement("canvas").getContext("2d");
        context.drawImage(video, 0, 0);
        const found = [video.videoWidth, video.duration, video.currentTime, context.getImageData(0, 0, 1, 1).data[3]];
        video.removeAttribute("src");
        video.load();
        done(found);
      };
      video.src = `${through}/files/film.webm`;
      document.body.append(video);
    });
  },
  font: async (through) => (await new FontFace("square", `url(${through}/square.ttf)`).load()).status,
  async wasm(through) {
    const { module } = await WebAssembly.instantiateStreaming(fetch(`${through}/empty.wasm`));
    return WebAssembly.Module.exports(module).length;
  },
  async "with credentials"(_, { page, target, consenting }) {
    const through = `${consenting}/${target}`;
    const reply = await fetch(`${through}/echo`, { credentials: "include", headers: { "X-Key": page } });
    return (await reply.json()).key === page;
  },
  canvas(through) {
    return new Promise((done, fail) => {
      const image = new Image();
      image.crossOrigin = "anonymous";
      image.onerror = () => fail(new Error("it does not load"));
      image.onload = () => {
        const canvas = document.createElement("canvas");
        const context = canvas.getContext("2d");
        context.drawImage(image, 0, 0);
        done([...context.getImageData(0, 0, 1, 1).data]); // throws where the canvas is tainted
      };
      image.src = `${through}/red.svg`;
    });
  },
  async "a module script"(through) {
    return (await import(`${through}/module.js`)).value;
  },
  async "a blob's worker"(through) {
    const script = await (await fetch(`${through}/worker.js`)).blob();
    const worker = new Worker(URL.createObjectURL(script));
    return new Promise((done) => { worker.onmessage = ({ data }) => done(data); });
  },
  "a sandboxed frame": (through) => framed(`fetch("${through}/plain")`, "allow-scripts"),
  async "a page that demands it"(through, { page }) {
    const frame = document.createElement("iframe");
    frame.src = `${page}/demanding?${encodeURIComponent(`${through}/red.svg`)}`;
    document.body.append(frame);
    return told();
  },
};

const text = async (url) => (await fetch(url)).text();

function told() {
  return new Promise((done) => addEventListener("message", ({ data }) => done(data), { once: true }));
}

function framed(asking, sandbox) {
  const frame = document.createElement("iframe");
  frame.sandbox = sandbox;
  frame.srcdoc = `<script>${asking}.then((reply) => reply.text())
    .then((text) => [origin, text], String).then((data) => parent.postMessage(data, "*"))</script>`;
  document.body.append(frame);
  return told();
}
