// corsFetch(url, init): directly where the target allows it, else through the proxy that serves this
// module. Types: cors-anywhere.d.ts. Nothing is needed of it where the plain prefix will do.

const SAFE = new Set(["GET", "HEAD", "OPTIONS"]); // RFC 9110 section 9.2.1

export class CorsAnywhereError extends TypeError {
  constructor(type, message, hint = "", cause = undefined) {
    super(hint ? `${message} ${hint}` : message, { cause });
    this.name = "CorsAnywhereError";
    this.corsAnywhere = { type, message, hint };
  }
}

export function createCorsFetch({
  proxy = new URL(".", import.meta.url),
  sendCredentials = false,
  fetch = (...args) => globalThis.fetch(...args),
} = {}) {
  const base = String(proxy).replace(/\/*$/, "/");
  const throughProxy = new Set(); // origins that were seen to refuse what the proxy could fetch

  return async function corsFetch(input, init = {}) {
    const request = new Request(input, init);
    const target = new URL(request.url);
    if (!/^https?:$/.test(target.protocol) || target.origin === globalThis.location?.origin) {
      return fetch(request);
    }
    const hidden = !sendCredentials && holdsCredentials(request);
    if (throughProxy.has(target.origin) && !hidden) return viaProxy(request);
    const again = SAFE.has(request.method) ? request.clone() : null;
    try {
      return await fetch(request);
    } catch (failure) {
      if (request.signal.aborted) throw failure;
      if (!(await isMatterOfCors(target, request.signal))) {
        throw new CorsAnywhereError(
          "network", `${target.origin} could not be reached.`, "", failure);
      }
      if (!again) {
        throw new CorsAnywhereError(
          "not-repeatable", `${target.origin} does not let this page read its reply.`,
          `${request.method} is not repeated: it may have been carried out already. ` +
          `Ask ${base}${target.href} to begin with.`, failure);
      }
      if (hidden) {
        throw new CorsAnywhereError(
          "credentials", `${target.origin} does not let this page read its reply.`,
          "The request holds credentials, which are kept from the proxy: " +
          "createCorsFetch({sendCredentials: true}) sends them.", failure);
      }
      const response = await viaProxy(again);
      throughProxy.add(target.origin);
      return response;
    }
  };

  async function viaProxy(request) {
    const { href } = new URL(request.url);
    const credentials = sendCredentials ? request.credentials : "omit";
    let response;
    try {
      response = await fetch(new Request(base + href, await carriedOver(request, credentials)));
    } catch (failure) {
      if (request.signal.aborted) throw failure;
      throw new CorsAnywhereError(
        "network", `The proxy at ${base} could not be reached.`, "", failure);
    }
    const status = response.headers.get("proxy-status") ?? "";
    const error = /^cors-anywhere;(?:.*;)? ?error=([a-z_]+)/.exec(status);
    if (!error) return response;
    const [message, ...hints] = (await response.text()).split("\n");
    throw new CorsAnywhereError(error[1], message, hints.join(" "));
  }

  // A request whose reply may be opaque reaches the target whatever its CORS fields say. A page of
  // https may not even try a URL of http, and there the proxy is what helps.
  async function isMatterOfCors(target, signal) {
    if (target.protocol === "http:" && globalThis.location?.protocol === "https:") return true;
    try {
      await fetch(target.href, {
        method: "HEAD", mode: "no-cors", credentials: "omit", cache: "no-store", signal,
      });
      return true;
    } catch (failure) {
      if (signal.aborted) throw failure;
      return false;
    }
  }
}

function holdsCredentials(request) {
  return request.credentials === "include" || request.headers.has("authorization");
}

async function carriedOver(request, credentials) {
  const { method, headers, redirect, signal, cache } = request;
  const body = SAFE.has(method) ? undefined : await request.blob();
  return { method, headers, redirect, signal, cache, credentials, body, mode: "cors" };
}

export const corsFetch = createCorsFetch();
