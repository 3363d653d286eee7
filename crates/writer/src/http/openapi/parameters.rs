//! Parameters of requests. They are described here and never made: the handlers read them by rules
//! that no schema can tell. The pattern of conditions is a list of entity tags, or `*` (RFC 9110 §13.1).
#![expect(dead_code, reason = "described, never made")]

use utoipa::IntoParams;

/// A collection.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(in crate::http) struct Collection {
    /// The collection. It is made by its first document.
    #[param(pattern = "^[a-z][a-z0-9_-]{0,63}$", example = "posts")]
    collection: String,
}

/// A document.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(in crate::http) struct Target {
    /// The collection. It is made by its first document.
    #[param(pattern = "^[a-z][a-z0-9_-]{0,63}$", example = "posts")]
    collection: String,
    /// 1 to 256 octets of UTF-8 without control characters, percent-encoded once; not `.` or `..`.
    #[param(min_length = 1, max_length = 256, example = "hello")]
    id: String,
}

/// A condition.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(in crate::http) struct IfMatch {
    /// Only if the document has one of these entity tags, of any coding; `*`: if there is one.
    #[param(
        rename = "If-Match",
        required = false,
        pattern = r#"^(\*|(W/)?"[!#-~]*"(, (W/)?"[!#-~]*")*)$"#
    )]
    tags: String,
}

/// A condition.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(in crate::http) struct IfNoneMatch {
    /// Only if the document has none of these entity tags; `*`: if there is none.
    #[param(
        rename = "If-None-Match",
        required = false,
        pattern = r#"^(\*|(W/)?"[!#-~]*"(, (W/)?"[!#-~]*")*)$"#
    )]
    tags: String,
}

/// A lifetime.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(in crate::http) struct ExpiresAt {
    /// When the document ends to be served: an instant of RFC 3339 in UTC, ahead of now.
    #[param(rename = "Pressrun-Expires-At", required = false, format = DateTime)]
    at: String,
}

/// A name for a write.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(in crate::http) struct IdempotencyKey {
    /// The same key with the same request is answered as it was first, for a day, and changes nothing.
    #[param(
        rename = "Idempotency-Key",
        required = false,
        pattern = "^[ -~]{1,255}$"
    )]
    key: String,
}

/// What an import reports.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Errors {
    /// How many failed lines the report names.
    #[param(required = false, maximum = 10_000)]
    errors: u16,
}
