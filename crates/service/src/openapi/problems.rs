//! How problem details look in a description.

use std::collections::BTreeMap;

use utoipa::openapi::{
    ContentBuilder, Ref, RefOr, Response, ResponseBuilder, Schema,
    schema::{AdditionalProperties, ObjectBuilder, Type},
};

use crate::Kind;

/// The name of the schema of all problems among a description's components.
pub const PROBLEM: &str = "Problem";

/// What every problem looks like (RFC 9457 §3). Some have more members.
pub fn problem_schema() -> RefOr<Schema> {
    let text = |description: &str| {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(description))
    };
    let status = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .description(Some("The status of the answer."));
    ObjectBuilder::new()
        .property(
            "type",
            text("`urn:pressrun:problem:` and the kind, for programs."),
        )
        .property("title", text("The kind, for people."))
        .property("status", status)
        .property("detail", text("What was wrong, and which limit it broke."))
        .required("type")
        .required("title")
        .required("status")
        .required("detail")
        .additional_properties(Some(AdditionalProperties::FreeForm(true)))
        .into()
}

/// The answers that bear problems of these kinds, by status.
pub fn problems(kinds: &[Kind]) -> BTreeMap<String, RefOr<Response>> {
    let mut descriptions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for kind in kinds {
        let of_status = descriptions.entry(kind.status().as_str().to_owned());
        let (title, slug) = (kind.title(), kind.slug());
        of_status.or_default().push(format!("{title} (`{slug}`)"));
    }
    let answer = |(status, titles): (String, Vec<String>)| {
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name(PROBLEM)))
            .build();
        let response = ResponseBuilder::new()
            .description(titles.join("; "))
            .content("application/problem+json", content)
            .build();
        (status, RefOr::T(response))
    };
    descriptions.into_iter().map(answer).collect()
}
