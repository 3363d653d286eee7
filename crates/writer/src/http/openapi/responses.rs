//! Answers that several routes have in common.

use std::collections::BTreeMap;

use service::{Kind, openapi::problems};
use utoipa::{
    IntoResponses,
    openapi::{RefOr, Response},
};

use crate::http::answer;

type Responses = BTreeMap<String, RefOr<Response>>;

/// What a write was committed as.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "described, never made")]
pub(in crate::http) enum Written {
    /// There was no such document before.
    #[response(status = 201, headers(
        ("Location", description = "The document's path."),
        ("ETag", description = "Its entity tag, unless what is stored differs from what was put."),
        ("Pressrun-Position", description = "The position of the write."),
        ("Pressrun-Document-Version", description = "The document's version."),
    ))]
    Created(#[to_schema] answer::Content<'static>),
    /// The document was replaced, or had this very content.
    #[response(status = 200, headers(
        ("Location", description = "The document's path."),
        ("ETag", description = "Its entity tag, unless what is stored differs from what was put."),
        ("Pressrun-Position", description = "The position of the write."),
        ("Pressrun-Document-Version", description = "The document's version."),
    ))]
    Updated(#[to_schema] answer::Content<'static>),
}

/// Whatever a request may be refused with.
const ANY: &[Kind] = &[
    Kind::MalformedRequest,
    Kind::RequestTimeout,
    Kind::UriTooLong,
    Kind::HeadersTooLarge,
    Kind::Internal,
    Kind::TooManyConnections,
];

/// What a request without a good token is refused with.
const TOKEN: &[Kind] = &[Kind::Unauthorized, Kind::Forbidden];

/// Why nothing was committed, or nobody knows.
const COMMIT: &[Kind] = &[
    Kind::QueueFull,
    Kind::StoreUnavailable,
    Kind::CommitUnknown,
    Kind::Contended,
];

/// What is wrong with content.
const CONTENT: &[Kind] = &[
    Kind::ContentTooLarge,
    Kind::UnsupportedMediaType,
    Kind::InvalidDocument,
];

/// Names the problems of one kind of route.
macro_rules! refusals {
    ($(#[$doc:meta] $name:ident: $($kinds:expr),+;)+) => {$(
        #[$doc]
        pub(in crate::http) struct $name;

        impl IntoResponses for $name {
            fn responses() -> Responses {
                problems(&[$($kinds),+].concat())
            }
        }
    )+};
}

refusals! {
    /// Of a read.
    ReadProblems: ANY, &[Kind::NoSuchDocument, Kind::PreconditionFailed, Kind::StoreUnavailable];
    /// Of a deletion.
    DeleteProblems: ANY, TOKEN, COMMIT, &[Kind::NoSuchDocument, Kind::PreconditionFailed];
    /// Of a write.
    WriteProblems: ANY, TOKEN, COMMIT, CONTENT, &[Kind::PreconditionFailed, Kind::KeyReused];
    /// Of an import.
    ImportProblems: ANY, TOKEN, COMMIT, CONTENT;
    /// Of the question whether to send requests here.
    HealthProblems: ANY, &[Kind::NotReady];
}
