const input = "openapi.yaml";
export default {
  fetch: { input, output: { target: "orval/fetch.ts", client: "fetch" } },
  zod: { input, output: { target: "orval/zod.ts", client: "zod" } },
};
