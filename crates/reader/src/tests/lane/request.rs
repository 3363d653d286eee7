//! Which requests are plain, as tables.

use crate::{
    http::negotiate::Preferences,
    lane::request::{FIELDS_MAX, Fields, Front, Plain, Room, front},
};

fn plain<'room, 'a>(octets: &'a str, room: &'room mut Room<'a>) -> (Plain<'room, 'a>, usize) {
    match front(octets.as_bytes(), room) {
        Front::Plain(plain, len) => (plain, len),
        other => panic!("{octets:?}: {other:?}"),
    }
}

#[test]
fn target_names_the_document() {
    for (target, collection, id) in [
        ("/post?id=a", "posts", "a"),
        ("/post?x=1&id=a", "posts", "a"),
        ("/post?id=a+b", "posts", "a b"),
        ("/post?id=%C3%A4", "posts", "ä"),
        ("/v1/flags/a", "flags", "a"),
        ("/v1/flags/a%2Fb", "flags", "a/b"),
        ("/v1/flags/a?x=y/z", "flags", "a"),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\nGET");
        let mut room = Room::new();
        let (plain, len) = plain(&request, &mut room);
        assert_eq!(plain.key, (collection.into(), id.into()), "{target}");
        assert_eq!(len, request.len() - 3, "{target}");
    }
}

#[test]
fn fields_are_found_whatever_their_case() {
    let request = "HEAD /post?id=a HTTP/1.1\r\nhOST: x\r\nACCEPT-ENCODING:  br \r\n\
        if-none-match: \"t\"\r\nPressrun-At-Least: 1.2\r\nConnection: Keep-Alive\r\n\
        TraceParent: 00-a-b-01\r\nCookie: a\r\nCookie: b\r\nRange: bytes=0-1\r\n\r\n";
    let mut room = Room::new();
    let (plain, _) = plain(request, &mut room);
    assert!(plain.is_head);
    let expected = Fields {
        preferences: Preferences::parse([&b"br"[..]]),
        if_none_match: Some(b"\"t\""),
        at_least: Some(b"1.2"),
    };
    assert_eq!(plain.traceparent, Some(&b"00-a-b-01"[..]));
    assert_eq!(plain.fields, expected);
    assert_eq!(plain.section.len(), 9);
}

#[test]
fn beginnings_are_waited_for() {
    let request = "GET /post?id=a HTTP/1.1\r\nHost: x\r\n\r\n";
    for len in 0..request.len() {
        let mut room = Room::new();
        let front = front(&request.as_bytes()[..len], &mut room);
        assert!(matches!(front, Front::Partial), "{len}: {front:?}");
    }
}

#[test]
fn everything_else_is_left_to_the_server() {
    let one_line = |line: &str| format!("{line}\r\nHost: x\r\n\r\n");
    let one_field = |field: &str| format!("GET /post?id=a HTTP/1.1\r\nHost: x\r\n{field}\r\n\r\n");
    let mut others: Vec<String> = [
        "POST /post?id=a HTTP/1.1",
        "get /post?id=a HTTP/1.1",
        "GET /post?id=a HTTP/1.0",
        "GET /post?id=a HTTP/2.0",
        "GET http://x/post?id=a HTTP/1.1",
        "GET /post HTTP/1.1",
        "GET /post/?id=a HTTP/1.1",
        "GET /post?id= HTTP/1.1",
        "GET /post?id=a&id=a HTTP/1.1",
        "GET /post?id=. HTTP/1.1",
        "GET /post?id=%zz HTTP/1.1",
        "GET /post?id=%00 HTTP/1.1",
        "GET /post?id=a#b HTTP/1.1",
        "GET /post?id=\"a\" HTTP/1.1",
        "GET /post?id=ä HTTP/1.1",
        "GET /v1/Flags/a HTTP/1.1",
        "GET /v1/flags HTTP/1.1",
        "GET /v1/flags/ HTTP/1.1",
        "GET /v1/flags/a/b HTTP/1.1",
        "GET /health HTTP/1.1",
        "GET  /post?id=a HTTP/1.1",
        "PRI * HTTP/2.0",
    ]
    .map(one_line)
    .into();
    others.extend(
        [
            "Host: x",
            "Host : x",
            "Content-Length: 0",
            "Content-Length: 1",
            "Transfer-Encoding: chunked",
            "Transfer-Encoding: identity",
            "Expect: 100-continue",
            "Upgrade: h2c",
            "Connection: close",
            "Connection: keep-alive, upgrade",
            "Connection: keep-alive\r\nConnection: close",
            "Trailer: x",
            "If-None-Match: \"a\"\r\nIf-None-Match: \"b\"",
            "Accept-Encoding: br\r\nAccept-Encoding: gzip",
            "Pressrun-At-Least: 1.1\r\nPressrun-At-Least: 1.1",
            "traceparent: a\r\ntraceparent: a",
            "X: a\r\n folded",
            "X: a\0b",
        ]
        .map(one_field),
    );
    others.push("GET /post?id=a HTTP/1.1\r\n\r\n".to_owned());
    others.push(one_field(&"X: y\r\n".repeat(FIELDS_MAX)));
    for other in others {
        let mut room = Room::new();
        let front = front(other.as_bytes(), &mut room);
        assert!(matches!(front, Front::Other), "{other:?}: {front:?}");
    }
}

#[test]
fn fields_and_target_may_come_to_their_limits() {
    let fields = "X: y\r\n".repeat(FIELDS_MAX - 1);
    let padding = "x".repeat(8192 - "/post?id=a&".len());
    for request in [
        format!("GET /post?id=a HTTP/1.1\r\nHost: x\r\n{fields}\r\n"),
        format!("GET /post?id=a&{padding} HTTP/1.1\r\nHost: x\r\n\r\n"),
    ] {
        plain(&request, &mut Room::new());
    }
    let longer = format!("GET /post?id=a&x{padding} HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut room = Room::new();
    let front = front(longer.as_bytes(), &mut room);
    assert!(matches!(front, Front::Other));
}
