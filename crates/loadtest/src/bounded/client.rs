//! A client that looks at every answer.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use super::Shown;
use crate::stand::posts;

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Requests sent at once.
const PIPELINED: usize = 8;

/// Asks for these posts over one connection.
///
/// # Errors
/// The connection fails, or what it brings is not HTTP.
pub(super) async fn read(
    address: SocketAddr,
    numbers: Vec<u64>,
    shown: Arc<Shown>,
) -> Result<(), Failed> {
    let mut stream = BufReader::new(TcpStream::connect(address).await?);
    let mut body = Vec::new();
    for numbers in numbers.chunks(PIPELINED) {
        let mut requests = String::new();
        let mut before = Vec::new();
        for &number in numbers {
            let id = posts::id(number);
            requests.push_str("GET /post?id=");
            requests.push_str(&id);
            requests.push_str(" HTTP/1.1\r\nHost: reader\r\n\r\n");
            before.push(change_of(&shown, number)?.load(Ordering::SeqCst));
        }
        stream.write_all(requests.as_bytes()).await?;
        for (&number, before) in numbers.iter().zip(before) {
            match answer(&mut stream, &mut body).await? {
                200 => judge(&shown, number, before, &body)?,
                503 => drop(shown.refused.fetch_add(1, Ordering::Relaxed)),
                _ => drop(shown.wrong.fetch_add(1, Ordering::Relaxed)),
            }
        }
    }
    Ok(())
}

fn change_of(shown: &Shown, number: u64) -> Result<&std::sync::atomic::AtomicU64, Failed> {
    let change = shown.changes.get(usize::try_from(number)?);
    change.ok_or_else(|| "no such post".into())
}

/// Whether an answer is of the post, and no older than one that came before it was asked for.
fn judge(shown: &Shown, number: u64, before: u64, body: &[u8]) -> Result<(), Failed> {
    let text = str::from_utf8(body)?;
    let is_of = text.contains(&posts::id(number));
    let change = posts::change_of(text, number);
    match change {
        Some(change) if is_of && before <= change => {
            change_of(shown, number)?.fetch_max(change, Ordering::SeqCst);
        }
        _ => drop(shown.wrong.fetch_add(1, Ordering::Relaxed)),
    }
    Ok(())
}

/// The status of the next answer, and its content.
async fn answer(stream: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> Result<u16, Failed> {
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let status = line.split(' ').nth(1).ok_or("no status line")?.parse()?;
    let mut length = 0;
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Err("the connection was cut".into());
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse()?;
        }
    }
    body.resize(length, 0);
    stream.read_exact(body).await?;
    Ok(status)
}
