// What a TypeScript program may do with the client helper, and what its types keep it from.
import { CorsAnywhereError, corsFetch, createCorsFetch } from "./cors-anywhere.js";
import type { CorsAnywhereDetails, CorsFetchOptions } from "./cors-anywhere.js";

const options: CorsFetchOptions = { proxy: new URL("https://proxy.example/"), sendCredentials: true };
const mine: typeof fetch = createCorsFetch(options);
createCorsFetch();
createCorsFetch({ proxy: "https://proxy.example", fetch: globalThis.fetch });

export async function items(): Promise<string[]> {
  try {
    const response: Response = await corsFetch("https://api.example/items", { method: "HEAD" });
    await mine(new Request("https://api.example/items"));
    return await response.json();
  } catch (error) {
    if (error instanceof CorsAnywhereError) {
      const { type, message, hint }: CorsAnywhereDetails = error.corsAnywhere;
      return [error.name, type, message, hint];
    }
    throw error;
  }
}

// @ts-expect-error a proxy is no number
createCorsFetch({ proxy: 8080 });
// @ts-expect-error an option that there is not
createCorsFetch({ credentials: true });
// @ts-expect-error it is known what happened
new CorsAnywhereError().corsAnywhere = { type: "cors", message: "", hint: "" };
