//! What the data plane answers, in `OpenAPI` 3.1. The admin plane serves it: the data plane has
//! documents and `/health`, and nothing that could be in their way.

use service::{
    Kind,
    openapi::{PROBLEM, problem_schema, problems},
};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, HeaderBuilder, InfoBuilder, ObjectBuilder, OpenApi,
    OpenApiBuilder, PathsBuilder, Required, Response, ResponseBuilder, Responses, ResponsesBuilder,
    path::{
        HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem,
    },
    schema::Type,
};

/// Where documents are, and the parameters in these routes.
const DOCUMENTS: [(&str, &[(&str, ParameterIn)]); 2] = [
    ("/post", &[("id", ParameterIn::Query)]),
    (
        "/v1/{collection}/{id}",
        &[("collection", ParameterIn::Path), ("id", ParameterIn::Path)],
    ),
];

/// What a client may say in header fields, and what it means.
const FIELDS: [(&str, &str); 3] = [
    (
        "Accept-Encoding",
        "Which codings the client takes (RFC 9110 §12.5.3): br, gzip, zstd, identity.",
    ),
    (
        "If-None-Match",
        "Entity tags that the client holds: the one that it would get is answered with 304.",
    ),
    (
        "Pressrun-At-Least",
        "A position that a write was answered with: what is read is at least as new.",
    ),
];

/// What documents bear, and what it means.
const ANSWERED: [(&str, &str); 5] = [
    ("ETag", "Strong, of these very octets."),
    (
        "Cache-Control",
        "By default `no-cache`: to be stored and asked for again.",
    ),
    ("Vary", "Accept-Encoding."),
    ("Content-Encoding", "The coding, if there is one."),
    ("Pressrun-Document-Version", "The document's version."),
];

/// Whatever a read may be refused with.
const REFUSALS: &[Kind] = &[
    Kind::MalformedRequest,
    Kind::NoSuchDocument,
    Kind::RequestTimeout,
    Kind::EpochEnded,
    Kind::UriTooLong,
    Kind::HeadersTooLarge,
    Kind::NotReady,
    Kind::Unfetched,
    Kind::Behind,
    Kind::TooManyConnections,
];

/// The description, in whole.
pub(crate) fn description() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Pressrun reader")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Documents are read here, at the data plane. Every error is a problem (RFC 9457).",
        ));
    let health = OperationBuilder::new()
        .tag("service")
        .description(Some("Whether to send requests here."))
        .responses(health_responses());
    let mut paths = PathsBuilder::new().path("/health", both(&health.build()));
    for (path, parameters) in DOCUMENTS {
        paths = paths.path(path, both(&read(parameters)));
    }
    let components = ComponentsBuilder::new().schema(PROBLEM, problem_schema());
    OpenApiBuilder::new()
        .info(info)
        .paths(paths)
        .components(Some(components.build()))
        .build()
}

/// GET and HEAD, which answers the same without content.
fn both(operation: &Operation) -> PathItem {
    PathItem::from_http_methods([HttpMethod::Get, HttpMethod::Head], operation.clone())
}

fn read(parameters: &[(&str, ParameterIn)]) -> Operation {
    let mut operation = OperationBuilder::new()
        .tag("documents")
        .description(Some(
            "A document, in the coding that suits the client best.",
        ))
        .responses(document_responses());
    for (name, place) in parameters {
        operation = operation.parameter(parameter(name, place.clone()));
    }
    for (name, meaning) in FIELDS {
        let field = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(meaning))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)));
        operation = operation.parameter(field);
    }
    operation.build()
}

fn parameter(name: &str, place: ParameterIn) -> Parameter {
    let text = ObjectBuilder::new().schema_type(Type::String);
    let (schema, meaning, example) = if name == "collection" {
        let schema = text.pattern(Some("^[a-z][a-z0-9_-]{0,63}$"));
        (schema, "The collection.", "posts")
    } else {
        let schema = text.min_length(Some(1)).max_length(Some(256));
        (schema, "The document's id, percent-encoded once.", "hello")
    };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(Required::True)
        .description(Some(meaning))
        .schema(Some(schema))
        .example(Some(example.into()))
        .build()
}

fn document_responses() -> Responses {
    let document = ContentBuilder::new()
        .schema(Some(ObjectBuilder::new()))
        .build();
    let mut found = ResponseBuilder::new()
        .description("The document.")
        .content("application/json", document);
    for (name, meaning) in ANSWERED {
        found = found.header(
            name,
            HeaderBuilder::new().description(Some(meaning)).build(),
        );
    }
    let unchanged = ResponseBuilder::new()
        .description("The client holds this very representation.")
        .build();
    with_problems(found.build(), REFUSALS)
        .response("304", unchanged)
        .build()
}

fn health_responses() -> Responses {
    let healthy = ContentBuilder::new()
        .schema(Some(ObjectBuilder::new()))
        .build();
    let healthy = ResponseBuilder::new()
        .description("Send requests here.")
        .content("application/json", healthy)
        .build();
    with_problems(
        healthy,
        &[
            Kind::RequestTimeout,
            Kind::NotReady,
            Kind::TooManyConnections,
        ],
    )
    .build()
}

fn with_problems(success: Response, kinds: &[Kind]) -> ResponsesBuilder {
    ResponsesBuilder::new()
        .responses_from_iter(problems(kinds))
        .response("200", success)
}
