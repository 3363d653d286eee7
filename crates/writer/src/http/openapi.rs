//! What the public plane answers, in `OpenAPI` 3.1: put together from what stands above the handlers,
//! and from the parts that several of them have in common.

mod parameters;
mod responses;

use service::openapi::{PROBLEM, problem_schema};
use utoipa::{
    Modify, OpenApi, ToSchema,
    openapi::{
        OpenApi as Description,
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};

use super::{answer, documents, import};

pub(super) use parameters::{
    Collection, Errors, ExpiresAt, IdempotencyKey, IfMatch, IfNoneMatch, Target,
};
pub(super) use responses::{
    DeleteProblems, HealthProblems, ImportProblems, ReadProblems, WriteProblems, Written,
};

/// The group of routes in which documents are.
pub(super) const DOCUMENTS: &str = "documents";

/// The content of `POST /create`. Documents of the collection `posts` are alike.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "described, never made")]
pub(super) struct Post {
    /// 1 to 256 octets of UTF-8 without control characters, not `.` or `..`. Made here where it is
    /// missing.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = "^[A-Za-z0-9_-]+$",
        required = false
    )]
    id: String,
    /// At most 1,024 octets of UTF-8, so no more characters; fewer where they take several.
    #[schema(max_length = 1024)]
    title: String,
    /// The whole post has at most 1 MiB.
    content: String,
    /// At most 256 octets of UTF-8, counted alike.
    #[schema(max_length = 256)]
    author: String,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Pressrun writer",
        description = "Documents are written here and read from readers. Every error is a problem \
                       (RFC 9457). Writes may need a bearer token.",
    ),
    paths(
        documents::create_post,
        documents::create_document,
        documents::read,
        documents::put,
        documents::delete,
        import::receive,
        super::health,
    ),
    components(schemas(answer::Content<'_>)),
    modifiers(&Shared),
)]
struct Api;

/// The description, in whole.
pub(super) fn description() -> Description {
    Api::openapi()
}

/// What several routes refer to.
struct Shared;

impl Modify for Shared {
    fn modify(&self, openapi: &mut Description) {
        let components = openapi.components.get_or_insert_default();
        components
            .schemas
            .insert(PROBLEM.to_owned(), problem_schema());
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        components.add_security_scheme("token", bearer);
    }
}
