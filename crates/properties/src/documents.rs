//! Bodies of documents.

use serde_json::value::RawValue;
use shared::ResourceKey;
use writer::document::{Body, BodyError, parse, parse_post};

use crate::json::Json;

/// The members of a post, as they are stored.
const MEMBERS: [&str; 4] = ["id", "title", "content", "author"];

/// A body is taken where `serde_json` takes it for JSON, and refused as malformed where not.
///
/// What is stored is the same value, numbers as they were spelt and members in their order; it is
/// never longer, and stored again it stays as it is. A post has its four members and no others,
/// whichever route brought it.
pub fn documents(octets: &[u8]) {
    let key = |text| ResourceKey::from_text(text).expect("it is valid");
    let any = parse(&key("things/a"), octets);
    match &any {
        Ok(body) => {
            assert!(body.octets().len() <= octets.len(), "longer than it was");
            assert_eq!(value(body.octets()), value(octets), "another value");
            assert_eq!(parse(&key("things/a"), body.octets()).as_ref(), Ok(body));
        }
        Err(error) => refused(octets, error),
    }
    let post = parse_post(octets, || "new".to_owned());
    match &post {
        Ok((key, body)) => {
            assert!(any.is_ok(), "a post, and no document");
            assert_eq!(
                parse(key, octets).as_ref(),
                Ok(body),
                "another by its own route"
            );
            check_post(octets, key, body);
        }
        Err(error) => assert_eq!(any.is_err(), any.as_ref().err() == Some(error)),
    }
}

fn check_post(octets: &[u8], key: &ResourceKey, body: &Body) {
    let (sent, stored) = (value(octets), value(body.octets()));
    let Json::Object(members) = &stored else {
        panic!("a post is an object");
    };
    let names: Vec<&str> = members.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, MEMBERS);
    assert_eq!(stored.member("id"), Some(&Json::Text(key.id().to_owned())));
    for name in &MEMBERS[1..] {
        assert_eq!(stored.member(name), sent.member(name), "{name}");
    }
    let again = parse_post(body.octets(), || unreachable!("it names its id"));
    assert_eq!(again.as_ref(), Ok(&(key.clone(), body.clone())));
}

/// A refusal names a place within the octets, and says that they are no JSON where they are not.
fn refused(octets: &[u8], error: &BodyError) {
    // Takes escapes of surrogates as they come, and digits however many.
    let is_json = serde_json::from_slice::<&RawValue>(octets).is_ok();
    let at = match error {
        BodyError::NotUtf8 { at } => {
            assert!(str::from_utf8(octets).is_err());
            *at
        }
        BodyError::Malformed { at, .. } => {
            assert!(!is_json, "refused as malformed, and is JSON");
            *at
        }
        BodyError::NotAnObject => {
            assert!(is_json && octets.trim_ascii_start().first() != Some(&b'{'));
            0
        }
        BodyError::DuplicateName { at, .. }
        | BodyError::Nul { at }
        | BodyError::LoneSurrogate { at }
        | BodyError::TooDeep { at } => *at,
        _ => 0,
    };
    assert!(at <= octets.len(), "{error} in {} octets", octets.len());
}

fn value(octets: &[u8]) -> Json {
    Json::read(octets).expect("it was taken for JSON")
}
