export default {
  input: "openapi.yaml",
  output: "hey-api",
  plugins: ["@hey-api/client-fetch", { name: "@hey-api/sdk", validator: true }, "zod"],
};
