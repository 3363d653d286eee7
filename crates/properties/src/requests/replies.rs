//! Answers taken apart.

use http::Method;

/// One answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply {
    status: String,
    /// In lower case and sorted, without Date, which must be there once.
    fields: Vec<(String, String)>,
    content: Vec<u8>,
}

/// All answers to requests of these methods, and nothing else.
pub(super) fn replies(mut octets: &[u8], methods: &[Method]) -> Vec<Reply> {
    let mut replies = Vec::new();
    for method in methods {
        let (reply, rest) = reply(octets, method);
        replies.push(reply);
        octets = rest;
    }
    let more = String::from_utf8_lossy(octets);
    assert!(more.is_empty(), "more answers than requests: {more:?}");
    replies
}

fn reply<'a>(octets: &'a [u8], method: &Method) -> (Reply, &'a [u8]) {
    let end = octets.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.expect("an answer for each request") + 4;
    let head = str::from_utf8(&octets[..end]).expect("heads are text");
    let mut lines = head.trim_end().split("\r\n");
    let status = lines.next().unwrap_or_default().to_owned();
    let mut fields: Vec<(String, String)> = lines
        .map(|line| {
            let (name, value) = line.split_once(':').expect("a field has a colon");
            (name.to_lowercase(), value.trim().to_owned())
        })
        .collect();
    fields.sort();
    let count = fields.len();
    fields.retain(|(name, _)| name != "date");
    assert_eq!(fields.len() + 1, count, "one Date: {head}");
    let len = fields.iter().find(|(name, _)| name == "content-length");
    let has_content = *method != Method::HEAD && !status.contains(" 304 ");
    let len = len
        .filter(|_| has_content)
        .map_or(0, |(_, len)| len.parse().expect("a number"));
    let (content, rest) = octets[end..].split_at(len);
    let content = content.to_vec();
    let reply = Reply {
        status,
        fields,
        content,
    };
    (reply, rest)
}
