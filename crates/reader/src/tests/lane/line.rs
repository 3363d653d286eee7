//! Which request lines are usual, and that they are read as any other.

use proptest::{prelude::Strategy, prop_assert_eq, proptest, sample::select};

use crate::lane::{
    line::{UsualLine, usual},
    request::{Front, Room, front},
};

#[test]
fn most_lines_are_usual() {
    for (line, collection, id) in [
        ("GET /post?id=a HTTP/1.1\r\n", "posts", "a"),
        ("GET /post?id=A-1._~ HTTP/1.1\r\n", "posts", "A-1._~"),
        ("GET /post?id=... HTTP/1.1\r\n", "posts", "..."),
        ("GET /v1/a_b-1/x HTTP/1.1\r\n", "a_b-1", "x"),
    ] {
        let expected = UsualLine {
            collection: collection.as_bytes(),
            id: id.as_bytes(),
            len: line.len(),
        };
        assert_eq!(usual(line.as_bytes()), Some(expected), "{line:?}");
        for len in 0..line.len() {
            assert_eq!(usual(&line.as_bytes()[..len]), None, "{line:?} {len}");
        }
    }
}

#[test]
fn id_may_come_to_its_limit() {
    for (len, is_usual) in [(256, true), (257, false)] {
        let line = format!("GET /post?id={} HTTP/1.1\r\n", "i".repeat(len));
        assert_eq!(usual(line.as_bytes()).is_some(), is_usual, "{len}");
    }
}

/// Lines at the border of what is usual.
fn line() -> impl Strategy<Value = String> {
    let method = select(vec![
        "GET ", "GET ", "GET ", "HEAD ", "get ", "GET  ", "\r\nGET ",
    ]);
    let path = select(vec![
        "/post?id=",
        "/post?id=",
        "/v1/posts/",
        "/v1/a-b/",
        "/v1/",
        "/v1//",
        "/v1/A/",
        "/v1/1/",
        "/v1/\u{e4}/",
        "/post?id=a&id=",
        "/post?",
        "/post/",
        "/",
    ]);
    let id = "[-a-zA-Z0-9._~%+/?&#: \u{e4}\t\u{0}]{0,3}";
    let end = select(vec![
        " HTTP/1.1\r\n",
        " HTTP/1.1\r\n",
        " HTTP/1.1\r\n",
        " HTTP/1.0\r\n",
        " HTTP/1.1\n",
        " HTTP/1.1 \r\n",
        " HTTP/1.1",
        "  HTTP/1.1\r\n",
        "\r\n",
    ]);
    (method, path, id, end).prop_map(|(method, path, id, end)| format!("{method}{path}{id}{end}"))
}

proptest! {
    #[test]
    fn usual_line_means_the_same_to_the_parser(line in line()) {
        if let Some(usual) = usual(line.as_bytes()) {
            prop_assert_eq!(usual.len, line.len());
            let request = line.clone() + "Host: x\r\n\r\n";
            let mut room = Room::new();
            let Front::Plain(plain, len) = front(request.as_bytes(), &mut room) else {
                panic!("{request:?} is plain");
            };
            prop_assert_eq!(len, request.len());
            let key = (plain.key.0.as_bytes(), plain.key.1.as_bytes());
            prop_assert_eq!((plain.is_head, key), (false, (usual.collection, usual.id)));
        }
    }
}
