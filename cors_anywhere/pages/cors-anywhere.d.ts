/** What happened, on every error of `corsFetch` that is not an abort. */
export interface CorsAnywhereDetails {
  /** "cors", "network", "not-repeatable", "credentials", or an RFC 9209 error type of the proxy's. */
  type: string;
  message: string;
  /** What would change it; "" if nothing is known. */
  hint: string;
}

export class CorsAnywhereError extends TypeError {
  readonly corsAnywhere: CorsAnywhereDetails;
}

export interface CorsFetchOptions {
  /** The proxy's base URL; by default the one that this module was loaded from. */
  proxy?: string | URL;
  /** Send cookies and Authorization to the proxy too. */
  sendCredentials?: boolean;
  /** What takes the place of the global fetch. */
  fetch?: typeof fetch;
}

/** A `corsFetch` of its own, which learns for itself. */
export function createCorsFetch(options?: CorsFetchOptions): typeof fetch;

/** Like `fetch`: directly where that is allowed, else through the proxy. */
export const corsFetch: typeof fetch;
