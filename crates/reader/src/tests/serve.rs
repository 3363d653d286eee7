//! One test for each promise of a read's header fields.

use allocation_counter::measure;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt;
use shared::ContentCoding::{Brotli, Gzip, Identity, Zstd};

use super::{Read, holding, put, put_coded, respond};
use crate::{
    catalog::Catalog,
    http::{
        DataResponse, freshness::CacheControl, negotiate::Preferences, respond::DOCUMENT_VERSION,
        serve::decide,
    },
};

const PLAIN: &str = "posts/plain";
const CODED: &str = "posts/coded";

fn no_cache() -> CacheControl {
    HeaderValue::from_static("no-cache").into()
}

fn set() -> Catalog {
    let lengths = [(Identity, 1000), (Gzip, 400), (Brotli, 300), (Zstd, 350)];
    holding(&[put(PLAIN, 1, r#"{"a":1}"#), put_coded(CODED, 2, &lengths)]).0
}

fn fields(lines: &[(HeaderName, &str)]) -> HeaderMap {
    lines
        .iter()
        .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
        .collect()
}

fn ask(key: &str, method: &Method, lines: &[(HeaderName, &str)]) -> DataResponse {
    match respond(&set(), &no_cache(), key, &fields(lines), method) {
        Read::Document(response) | Read::NotModified(response) => response,
        other => panic!("{key}: {other:?}"),
    }
}

fn get(key: &str, lines: &[(HeaderName, &str)]) -> DataResponse {
    ask(key, &Method::GET, lines)
}

fn field<'a>(response: &'a DataResponse, name: &HeaderName) -> &'a str {
    let mut values = response.headers().get_all(name).iter();
    let value = values.next().unwrap_or_else(|| panic!("no {name}"));
    assert!(values.next().is_none(), "{name} is there twice");
    value.to_str().unwrap()
}

fn names(response: &DataResponse) -> Vec<&str> {
    let mut names: Vec<&str> = response.headers().keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    names
}

fn octets(response: DataResponse) -> Vec<u8> {
    let content = futures_now(response.into_body().collect());
    content.to_bytes().to_vec()
}

/// The content of a whole body is there at once.
fn futures_now<T>(future: impl Future<Output = Result<T, std::convert::Infallible>>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    match runtime.block_on(future) {
        Ok(value) => value,
        Err(never) => match never {},
    }
}

#[test]
fn a_document_is_200_with_its_octets() {
    let response = get(PLAIN, &[]);
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(octets(response), br#"{"a":1}"#);
}

#[test]
fn content_type_is_json() {
    assert_eq!(
        field(&get(PLAIN, &[]), &header::CONTENT_TYPE),
        "application/json"
    );
}

#[test]
fn content_length_is_that_of_the_selected_representation() {
    assert_eq!(field(&get(CODED, &[]), &header::CONTENT_LENGTH), "1000");
    let brotli = get(CODED, &[(header::ACCEPT_ENCODING, "br")]);
    assert_eq!(field(&brotli, &header::CONTENT_LENGTH), "300");
    assert_eq!(octets(brotli).len(), 300);
}

#[test]
fn content_encoding_names_the_coding_and_is_missing_for_identity() {
    for token in ["gzip", "br", "zstd"] {
        let response = get(CODED, &[(header::ACCEPT_ENCODING, token)]);
        assert_eq!(field(&response, &header::CONTENT_ENCODING), token);
        assert!(octets(response).starts_with(token.as_bytes()));
    }
    let identity = get(CODED, &[]);
    assert!(!identity.headers().contains_key(header::CONTENT_ENCODING));
    assert!(octets(identity).starts_with(b"identity"));
}

#[test]
fn etag_is_the_tag_of_the_octets_sent() {
    for accepted in ["identity", "gzip", "br", "zstd"] {
        let response = get(CODED, &[(header::ACCEPT_ENCODING, accepted)]);
        let tag = field(&response, &header::ETAG).to_owned();
        let expected = shared::EntityTag::of(&octets(response));
        assert_eq!(tag, expected.to_string(), "{accepted}");
    }
}

#[test]
fn vary_is_accept_encoding_even_with_one_representation() {
    assert_eq!(field(&get(PLAIN, &[]), &header::VARY), "Accept-Encoding");
    assert_eq!(field(&get(CODED, &[]), &header::VARY), "Accept-Encoding");
}

#[test]
fn cache_control_is_as_configured() {
    let configured = HeaderValue::from_static("public, max-age=5").into();
    let answer = respond(&set(), &configured, PLAIN, &HeaderMap::new(), &Method::GET);
    let Read::Document(response) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(
        field(&response, &header::CACHE_CONTROL),
        "public, max-age=5"
    );
}

#[test]
fn document_version_is_the_envelopes() {
    assert_eq!(field(&get(PLAIN, &[]), &DOCUMENT_VERSION), "3");
}

#[test]
fn nosniff_is_set() {
    let response = get(PLAIN, &[]);
    assert_eq!(field(&response, &header::X_CONTENT_TYPE_OPTIONS), "nosniff");
}

#[test]
fn no_other_fields_are_sent() {
    let expected = [
        "cache-control",
        "content-encoding",
        "content-length",
        "content-type",
        "etag",
        "pressrun-document-version",
        "vary",
        "x-content-type-options",
    ];
    let accept = [(header::ACCEPT_ENCODING, "br")];
    assert_eq!(names(&get(CODED, &accept)), expected);
}

#[test]
fn head_has_the_fields_of_get_and_no_content() {
    let accept = [(header::ACCEPT_ENCODING, "gzip")];
    let head = ask(CODED, &Method::HEAD, &accept);
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(head.headers(), get(CODED, &accept).headers());
    assert_eq!(octets(head), b"");
}

#[test]
fn range_is_ignored() {
    let response = get(PLAIN, &[(header::RANGE, "bytes=0-1")]);
    assert_eq!(response.status(), StatusCode::OK);
    assert!(!response.headers().contains_key(header::ACCEPT_RANGES));
    assert_eq!(octets(response).len(), 7);
}

#[test]
fn the_selected_representations_tag_gets_304() {
    for accepted in ["identity", "gzip", "br"] {
        let accept = (header::ACCEPT_ENCODING, accepted);
        let full = get(CODED, std::slice::from_ref(&accept));
        let tag = field(&full, &header::ETAG);
        for method in [Method::GET, Method::HEAD] {
            let lines = [accept.clone(), (header::IF_NONE_MATCH, tag)];
            let response = ask(CODED, &method, &lines);
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{accepted}");
            assert_eq!(field(&response, &header::ETAG), tag);
            assert_eq!(octets(response), b"");
        }
    }
}

#[test]
fn another_codings_tag_gets_200() {
    let brotli = get(CODED, &[(header::ACCEPT_ENCODING, "br")]);
    let tag = field(&brotli, &header::ETAG);
    let lines = [
        (header::ACCEPT_ENCODING, "gzip"),
        (header::IF_NONE_MATCH, tag),
    ];
    assert_eq!(get(CODED, &lines).status(), StatusCode::OK);
    let lines = [(header::IF_NONE_MATCH, tag)];
    assert_eq!(get(CODED, &lines).status(), StatusCode::OK);
}

#[test]
fn if_none_match_in_several_lines_is_one_list() {
    let full = get(PLAIN, &[]);
    let mut headers = HeaderMap::new();
    headers.append(header::IF_NONE_MATCH, HeaderValue::from_static("\"other\""));
    headers.append(header::IF_NONE_MATCH, full.headers()[header::ETAG].clone());
    let answer = respond(&set(), &no_cache(), PLAIN, &headers, &Method::GET);
    assert!(matches!(answer, Read::NotModified(_)));
}

#[test]
fn if_none_match_star_gets_304_where_the_document_exists() {
    let star = [(header::IF_NONE_MATCH, "*")];
    assert_eq!(get(PLAIN, &star).status(), StatusCode::NOT_MODIFIED);
    let answer = respond(
        &set(),
        &no_cache(),
        "posts/none",
        &fields(&star),
        &Method::GET,
    );
    assert!(matches!(answer, Read::Absent));
}

#[test]
fn not_modified_has_the_fields_that_update_a_cache_and_no_others() {
    let response = get(
        CODED,
        &[
            (header::IF_NONE_MATCH, "*"),
            (header::ACCEPT_ENCODING, "br"),
        ],
    );
    let expected = ["cache-control", "etag", "pressrun-document-version", "vary"];
    assert_eq!(names(&response), expected);
}

#[test]
fn a_decision_allocates_nothing() {
    let (small, large) = ("posts/small", "posts/large");
    let mib = 1024 * 1024;
    let (catalog, _writer) = holding(&[
        put(small, 1, "{}"),
        put_coded(large, 2, &[(Identity, mib), (Gzip, mib / 2)]),
    ]);
    let check = |key: &str, accept_encoding: &str, if_none_match: &str| {
        let mut answer = None;
        let counted = measure(|| {
            let preferences = || Preferences::parse([accept_encoding.as_bytes()]);
            answer = Some(decide(
                &catalog,
                key,
                preferences,
                [if_none_match.as_bytes()],
            ));
        });
        assert_eq!(counted.count_total, 0, "{key}: {answer:?}");
    };
    check(small, "", "");
    check(large, "br;q=0.5, gzip, *;q=0.1", "\"a\", W/\"b\", \"c\"");
    check(large, "", "*");
    check("posts/none", "gzip", "*");
}
