// Starts Swagger UI with a plugin that makes it fast for a large document.

// The resolved targets of `$ref`, by reference.
const targets = new Map();

// Returns the part of the document at `path` with every `$ref` replaced by its target. The resolver of Swagger UI for
// OpenAPI 3.1 parses the whole document again for each part, which takes seconds.
const resolve = ({ Iterable, List, Map: { isMap } }, document, path) => {
  const inline = (value, open = []) => {
    if (!Iterable.isIterable(value)) return value;
    const $ref = isMap(value) ? value.get("$ref") : undefined;
    if (typeof $ref !== "string") return value.map((item) => inline(item, open));
    // A recursive schema retains the inner reference.
    if (open.includes($ref)) return value;
    if (!targets.has($ref)) {
      const keys = $ref.slice(2).split("/").map((key) => key.replace(/~1/g, "/").replace(/~0/g, "~"));
      targets.set($ref, inline(document.getIn(keys), [...open, $ref]).set("$$ref", $ref));
    }
    return targets.get($ref).merge(value.delete("$ref").map((item) => inline(item, open)));
  };
  const part = inline(document.getIn(path));
  const [group, item, method] = path;
  if (!method || !/^(paths|webhooks)$/.test(group)) return part;
  // An operation inherits the parameters of its path.
  const same = (a, b) => a.get("in") === b.get("in") && a.get("name") === b.get("name");
  const inherited = inline(document.getIn([group, item, "parameters"], List()));
  return part.update("parameters", List(), (own) =>
    own.concat(inherited.filterNot((parameter) => own.some((other) => same(parameter, other)))));
};

// Renders a component again only if one of these properties changes.
const memo = (...keys) => (Original, { React }) =>
  React.memo(Original, (a, b) => keys.every((key) => a[key] === b[key]));

const fast = (spec) => () => ({
  statePlugins: {
    spec: {
      wrapActions: {
        parseToJson: (original, { specActions }) => () => specActions.updateJsonSpec(spec),
        requestResolvedSubtree: (original, { Im, specActions, specSelectors }) => (path) =>
          specActions.updateResolvedSubtree(path, resolve(Im, specSelectors.specJson(), path)),
      },
    },
  },
  wrapComponents: {
    // They subscribe to the whole state: without this, every text is rendered again on each key press.
    Markdown: memo("source", "className"),
    SyntaxHighlighter: memo("children", "language", "className"),
    // Error responses are rendered in full on demand: an operation declares about ten of them.
    response: (Original, { React: { createElement, useState }, getComponent }) => (props) => {
      const [open, setOpen] = useState(!/^[45]/.test(props.code));
      if (open) return createElement(Original, props);
      const cell = (name, ...children) => createElement("td", { className: `response-col_${name}` }, ...children);
      return createElement("tr", { className: `response ${props.className}`, "data-code": props.code },
        cell("status", props.code),
        cell("description",
          createElement(getComponent("Markdown", true), { source: props.response.get("description") }),
          createElement("button", { className: "btn", onClick: () => setOpen(true) }, "Schema, example and headers")),
        cell("links"));
    },
    Webhooks: (Original, { React: { createElement, useState } }) => () => {
      const [open, setOpen] = useState(location.hash.startsWith("#/webhooks/"));
      return createElement("details", { open, onToggle: (event) => setOpen(event.currentTarget.open) },
        createElement("summary", { className: "opblock-tag" }, "Webhooks"), open && createElement(Original));
    },
  },
});

// Optional parameters start without a value, because their examples belong to other requests.
const clearOptional = (parameter) => {
  if (parameter.required) return;
  delete parameter.example;
  if (parameter.schema) delete parameter.schema.example;
};

const start = async () => {
  const spec = await (await fetch("/openapi.json")).json();
  Object.values(spec.components.parameters ?? {}).forEach(clearOptional);
  for (const item of Object.values(spec.paths)) {
    for (const operation of Object.values(item)) (operation.parameters ?? []).forEach(clearOptional);
  }
  const ui = SwaggerUIBundle({
    spec,
    dom_id: "#swagger-ui",
    deepLinking: true,
    docExpansion: "none",
    defaultModelsExpandDepth: -1,
    displayOperationId: true,
    displayRequestDuration: true,
    persistAuthorization: false,
    tryItOutEnabled: true,
    validatorUrl: null,
    withCredentials: true,
    plugins: [fast(spec)],
    presets: [SwaggerUIBundle.presets.apis],
    // After a sign-in with "Try it out", requests use the access token of the response.
    responseInterceptor: (response) => {
      if (response.ok && /\/api\/auth\/(login|refresh)$/.test(new URL(response.url, location.href).pathname)) {
        ui.preauthorizeApiKey("bearer_jwt", JSON.parse(response.text ?? response.data).accessToken);
      }
      return response;
    },
  });
  window.ui = ui;
};
start();
