// Shows the OpenAPI document. The key that is typed into "Authorize" stays in this page.
SwaggerUIBundle({
  url: "/schema/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  validatorUrl: null, // it would send the document to somebody else's server
});
