//! A lane and a server alone are sent the same octets, and mean the same by what they answer.

use std::{
    fmt,
    io::{ErrorKind, Read, Write},
    net::SocketAddr,
    time::Duration,
};

use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any, prop_oneof},
    sample::{Index, select},
    test_runner::{Config, TestCaseError, TestRunner},
};

use super::{PATIENCE, Pair, Reply, connect, rest, take_reply};

/// How many cases are tried; each is two connections.
const CASES: u32 = 4000;

/// Asks for the end of the connection, where what came before is whole.
const LAST: &[u8] = b"GET /health HTTP/1.1\r\nHost: last\r\nConnection: close\r\n\r\n";

/// How long to wait for more where the last request was taken for a part of something else. A
/// first look is short; what differs is looked at again with more patience, and once more with as
/// much as no machine needs.
const QUIET: [Duration; 3] = [
    Duration::from_millis(20),
    Duration::from_secs(2),
    Duration::from_secs(20),
];

/// Everything that one side answers to `octets`, sent in pieces that end at `cuts`.
fn answers(
    address: SocketAddr,
    octets: &[u8],
    cuts: &[usize],
    heads: &[bool],
    quiet: Duration,
) -> Said {
    let mut stream = connect(address);
    let mut sent = 0;
    for &cut in cuts {
        // It may refuse the rest by closing.
        if stream.write_all(&octets[sent..cut]).is_err() {
            break;
        }
        sent = cut;
    }
    drop(stream.write_all(&octets[sent..]));
    drop(stream.write_all(LAST));
    let mut left = Vec::new();
    stream.set_read_timeout(Some(quiet)).unwrap();
    let ended = stream.read_to_end(&mut left);
    if ended.is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        left.extend(rest(&mut stream));
    }
    let mut replies = Vec::new();
    while let Some(reply) = {
        let is_head = heads.get(replies.len()).copied().unwrap_or(false);
        take_reply(&mut left, !is_head)
    } {
        replies.push(reply);
    }
    Said { replies, left }
}

#[derive(PartialEq, Eq)]
struct Said {
    replies: Vec<Reply>,
    /// Octets that are no whole answer.
    left: Vec<u8>,
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for reply in &self.replies {
            let content = String::from_utf8_lossy(&reply.content[..reply.content.len().min(64)]);
            write!(f, "\n  {} {:?} {content:?}", reply.status, reply.fields)?;
        }
        write!(f, "\n  left: {:?}", String::from_utf8_lossy(&self.left))
    }
}

fn compare(pair: &Pair, requests: &[Vec<u8>], cuts: &[Index]) -> Result<(), TestCaseError> {
    let octets = requests.concat();
    let heads: Vec<bool> = requests
        .iter()
        .map(|request| request.starts_with(b"HEAD "))
        .collect();
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(octets.len() + 1)).collect();
    cuts.sort_unstable();
    let is_framed = is_framed(&octets);
    let mut said = Vec::new();
    for quiet in QUIET {
        let sides = [pair.lane, pair.server];
        said = sides
            .map(|address| answers(address, &octets, &cuts, &heads, quiet))
            .into();
        if means_the_same(&said[0], &said[1], is_framed) {
            return Ok(());
        }
    }
    let text = String::from_utf8_lossy(&octets);
    Err(TestCaseError::fail(format!(
        "{text:?} in pieces {cuts:?}\nlane, server: {said:#?}"
    )))
}

/// Whether some request speaks of content. Nobody reads it, and its connection closes: how many
/// answers leave before depends on how it arrives, with a server alone, too.
fn is_framed(octets: &[u8]) -> bool {
    let text = octets.to_ascii_lowercase();
    let has = |name: &[u8]| text.windows(name.len()).any(|window| window == name);
    has(b"content-length") || has(b"transfer-encoding")
}

fn means_the_same(lane: &Said, server: &Said, is_framed: bool) -> bool {
    if !is_framed {
        return lane == server;
    }
    let mut pairs = lane.replies.iter().zip(&server.replies);
    pairs.all(|(lane, server)| lane == server)
}

/// Octets that have divided parsers before, and those at the border between lane and server.
const CORPUS: &[&[u8]] = &[
    b"",
    b"\r\n\r\n",
    b"\r\n\r\nGET /post?id=plain HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /post?id=plain HTTP/1.1\nHost: x\n\n",
    b"GET /post?id=plain HTTP/1.1\r\nHost: x\r\n\r\nGET /post?id=pla",
    b"GET /post?id=plain HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloGET /post?id=coded HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /post?id=plain HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    b"GET /post?id=plain HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello",
    b"GET /post?id=plain HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /post?id=coded HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /post?id=plain HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\nGET /post?id=coded HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /post?id=plain HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n",
    b"GET /post?id=plain HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    b"GET /post?id=plain HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    b"GET /post?id=plain HTTP/1.1\r\nHost: x\r\nX: a\r\n Content-Length: 5\r\n\r\nhello",
    b"GET /post?id=plain HTTP/1.1\r\nHost: x\r\nX: a\rContent-Length: 5\r\n\r\nhello",
    b"GET /post?id=plain HTTP/1.1\r\nHost: x\r\n: empty\r\n\r\n",
    b"GET /post?id=plain HTTP/1.1\r\n Host: x\r\n\r\n",
    b"GET /post?id=plain HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    b"GET /post?id=plain HTTP/1.1\r\nHost:\r\n\r\n",
    b"GET /post?id=plain HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: upgrade, http2-settings\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
    b"GET /post?id=plain HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\nGET /post?id=coded HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /post?id=plain HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /post?id=coded HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /post?id=plain HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
    b"GET /post?id=plain\r\n\r\n",
    b"GET /post?id=plain HTTP/1.1\r\nHost: x\r\nAccept-Encoding: \xff\r\n\r\n",
    b"GET /post?id=pl\xc3\xa4in HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /post?id=plain&id HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET //post?id=plain HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /v1//plain HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET * HTTP/1.1\r\nHost: x\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /post?id=plain HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\nConnection: keep-alive\r\n\r\n",
];

#[test]
fn corpus_means_the_same_to_both() {
    let pair = Pair::start();
    for octets in CORPUS {
        compare(&pair, &[octets.to_vec()], &[]).unwrap();
    }
}

fn target() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(vec![
            "/post?id=plain", "/post?id=coded", "/post?id=none", "/post?id=a+b", "/post?id=a%20b",
            "/v1/posts/plain", "/v1/flags/%C3%A4", "/v1/posts/coded?x=1", "/health", "/post",
            "/post?id=", "/post?id=a&id=b", "/v1/posts", "/v1/Posts/a", "/v1/posts/.", "/v1/posts/%2e%2e",
            "/post?id=%", "/nothing", "http://x/post?id=plain", "/post?id=plain#x",
        ]).prop_map(str::to_owned),
        1 => "/post\\?id=[ -~]{0,12}".prop_map(|text| text.replace(' ', "")),
    ]
}

fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => select(vec![
            "Accept-Encoding: br", "Accept-Encoding: gzip;q=0.5, zstd", "accept-encoding: *;q=0",
            "Accept-Encoding:", "If-None-Match: *", "If-None-Match: \"x\", W/\"y\"", "Connection: keep-alive",
            "Connection: close", "Connection: Keep-Alive, x", "Content-Length: 0", "Content-Length: 3",
            "Transfer-Encoding: chunked", "Expect: 100-continue", "Upgrade: websocket", "Host: y",
            "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", "X-Request-Id: 1",
            "Pressrun-At-Least: 7.1", "Pressrun-At-Least: 6.1", "Pressrun-At-Least: x", "Cookie: a=b",
            "X-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "Bad Name: x", "Bad: x\r\n folded",
        ]).prop_map(str::to_owned),
        1 => "[!-~]{1,8}:[ -~]{0,8}",
    ]
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    let method = select(vec![
        "GET", "GET", "GET", "GET", "HEAD", "POST", "DELETE", "get",
    ]);
    let version = select(vec![
        "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/3",
    ]);
    let host = select(vec!["Host: x\r\n", "Host: x\r\n", "Host: x\r\n", ""]);
    let end = select(vec!["\r\n", "\r\n", "\r\n", "\n"]);
    let parts = (method, target(), version, host, vec(field(), 0..4), end);
    parts.prop_map(|(method, target, version, host, fields, end)| {
        let fields = fields.join("\r\n") + if fields.is_empty() { "" } else { "\r\n" };
        format!("{method} {target} {version}\r\n{host}{fields}{end}").into_bytes()
    })
}

/// What a lane answers by itself, as long as nothing is changed.
fn plain() -> impl Strategy<Value = Vec<u8>> {
    let method = select(vec!["GET", "GET", "HEAD"]);
    let target = select(vec![
        "/post?id=plain",
        "/post?id=coded",
        "/post?id=none",
        "/post?id=a+b",
        "/v1/posts/coded?x=1",
        "/v1/flags/%C3%A4",
    ]);
    let field = select(vec![
        "",
        "Accept-Encoding: br\r\n",
        "accept-encoding: gzip;q=0.5, zstd, identity;q=0.1\r\n",
        "Accept-Encoding: *;q=0\r\n",
        "If-None-Match: *\r\n",
        "Connection: keep-alive\r\n",
        "Pressrun-At-Least: 7.5\r\n",
    ]);
    (method, target, field).prop_map(|(method, target, field)| {
        format!("{method} {target} HTTP/1.1\r\nHost: x\r\n{field}\r\n").into_bytes()
    })
}

/// Some requests have one octet changed.
fn perhaps_damaged() -> impl Strategy<Value = Vec<u8>> {
    let request = prop_oneof![plain(), request()];
    let damage = prop_oneof![4 => Just(None), 1 => (any::<Index>(), any::<u8>()).prop_map(Some)];
    (request, damage).prop_map(|(mut request, damage)| {
        if let Some((at, octet)) = damage {
            let at = at.index(request.len());
            request[at] = octet;
        }
        request
    })
}

/// Octets that end a value, fold it, or are no part of any.
const DIVIDING: &[&[u8]] = &[
    b"\r",
    b"\n",
    b"\0",
    b"\t",
    b"\x7f",
    b"\xff",
    b":",
    b" ",
    b"\r\n",
    b"\r\n ",
    b"\r\n\r\n",
    b"\r\nHost: y",
    b"\r\nContent-Length: 3",
    b"\nX: y",
];

/// Where, how many octets go, and which come.
type Damage = (Index, usize, Vec<u8>);

fn damage() -> impl Strategy<Value = Damage> {
    let octets = prop_oneof![
        "[ -~]{0,40}".prop_map(String::into_bytes),
        vec(any::<u8>(), 0..3),
        select(DIVIDING).prop_map(<[u8]>::to_vec),
    ];
    (any::<Index>(), 0..3_usize, octets)
}

/// Requests whose header sections are alike, or alike but for some octets: what a lane knows again, and
/// what it must not take for that.
fn nearly_alike() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let line = select(vec![
        "GET /post?id=plain HTTP/1.1\r\n",
        "GET /post?id=none HTTP/1.1\r\n",
        "GET /v1/posts/coded HTTP/1.1\r\n",
        "HEAD /post?id=coded HTTP/1.1\r\n",
        "GET /post?id=plain HTTP/1.0\r\n",
    ]);
    let fields = vec(field(), 0..3);
    let damage = prop_oneof![Just(None), damage().prop_map(Some)];
    (fields, vec((line, damage), 2..6)).prop_map(|(fields, requests)| {
        let mut section = "Host: x\r\n".to_owned();
        section.extend(fields.iter().map(|field| format!("{field}\r\n")));
        section.push_str("\r\n");
        let request = |(line, damage): (&str, Option<Damage>)| {
            let mut section = section.clone().into_bytes();
            if let Some((at, len, octets)) = damage {
                let at = at.index(section.len());
                let end = section.len().min(at + len);
                section.splice(at..end, octets);
            }
            [line.as_bytes(), &section].concat()
        };
        requests.into_iter().map(request).collect()
    })
}

#[test]
fn whatever_is_sent_means_the_same_to_both() {
    let pair = Pair::start();
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let requests = prop_oneof![vec(perhaps_damaged(), 1..5), nearly_alike()];
    let cases = (requests, vec(any::<Index>(), 0..3));
    TestRunner::new(config)
        .run(&cases, |(requests, cuts)| compare(&pair, &requests, &cuts))
        .unwrap();
    // Both paths were met, or nothing was compared.
    assert!(pair.by_lane().hit > 1000, "{:?}", pair.by_lane());
    assert!(pair.by_server().hit > 1000, "{:?}", pair.by_server());
}
