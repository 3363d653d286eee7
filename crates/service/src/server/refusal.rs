//! Answers that no service gave, and closing so that they arrive.

use std::{
    fmt::Write as _,
    time::{Duration, SystemTime},
};

use axum::response::IntoResponse;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::Problem;

/// How long a closing connection is read on, and how long a client over the cap is waited for.
const LINGER: Duration = Duration::from_secs(1);

/// Octets read from a closing connection, at most.
const LINGER_BYTES_MAX: usize = 256 * 1024;

/// Tells a client over the cap so, and closes. Waits for the first octets of its request: a
/// client that has not asked yet would not know what to make of an answer.
pub(super) async fn turn_away(mut stream: TcpStream, problem: Problem) {
    // A client that says nothing in that time is told all the same.
    drop(timeout(LINGER, stream.readable()).await);
    send_and_close(&mut stream, problem).await;
}

/// Sends the problem, then closes as [`close`] does.
pub(super) async fn send_and_close(stream: &mut TcpStream, problem: Problem) {
    let message = message(problem);
    let sent = timeout(LINGER, stream.write_all(&message)).await;
    if matches!(sent, Ok(Ok(()))) {
        close(stream).await;
    }
}

/// Closes so that the client can read what was sent: where octets of it are left unread, the
/// kernel would send a reset, and the client's kernel would then drop our last answer (RFC 9112
/// §9.6). So our side is closed first, and the client's is read until it closes too, or until
/// enough was done for it.
pub(super) async fn close(stream: &mut TcpStream) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let drained = async {
        let mut buffer = [0; 4096];
        let mut left = LINGER_BYTES_MAX;
        while let Ok(octets) = stream.read(&mut buffer).await {
            left = left.saturating_sub(octets);
            if octets == 0 || left == 0 {
                break;
            }
        }
    };
    // Running out of time is one of the ways to be done.
    drop(timeout(LINGER, drained).await);
}

/// The problem as a whole HTTP/1.1 response that ends its connection.
pub(crate) fn message(problem: Problem) -> Vec<u8> {
    let content = problem.to_json();
    let response = problem.into_response();
    let mut head = String::with_capacity(256);
    let status = response.status();
    let reason = status.canonical_reason().unwrap_or_default();
    add(
        &mut head,
        format_args!("HTTP/1.1 {} {reason}", status.as_u16()),
    );
    for (name, value) in response.headers() {
        // Ours are all visible ASCII.
        if let Ok(value) = value.to_str() {
            add(&mut head, format_args!("{name}: {value}"));
        }
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "a response says when it was made (RFC 9110 §6.6.1)"
    )]
    let date = httpdate::fmt_http_date(SystemTime::now());
    add(&mut head, format_args!("date: {date}"));
    add(&mut head, format_args!("content-length: {}", content.len()));
    add(&mut head, format_args!("connection: close"));
    add(&mut head, format_args!(""));
    let mut message = head.into_bytes();
    message.extend_from_slice(&content);
    message
}

fn add(head: &mut String, line: std::fmt::Arguments<'_>) {
    let written = write!(head, "{line}\r\n");
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
}
