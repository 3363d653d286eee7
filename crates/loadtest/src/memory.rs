//! The suite `memory`: what a document costs a reader.

use std::fs;

use service::process::BoxError;
use testkit::redis::RedisServer;

use crate::{
    decimal::grouped,
    say,
    section::Section,
    stand::{Launcher, source::Source},
    suite::Bench,
};

/// Starts one reader without documents and one with very many, and compares what the kernel says of
/// them once they are ready.
///
/// # Errors
/// A reader does not start, or ends.
pub(crate) async fn measure(bench: &Bench<'_>) -> Result<Section, BoxError> {
    let launcher = Launcher::new(bench.binaries())?;
    let documents = bench.config.documents;
    let (empty, _) = resident(&launcher, 1).await?;
    let (full, octets) = resident(&launcher, documents).await?;
    let each = full / documents;
    let beyond = each.saturating_sub(octets / documents);
    let text = [
        format!(
            "Resident memory (VmRSS) of a reader once it is ready, the whole process, {} posts of {} \
             octets on average, identity coding only. The goal is at most 190 octets a document beyond \
             its own.",
            grouped(documents),
            octets / documents
        ),
        [
            "| | octets |".to_owned(),
            "| --- | ---: |".to_owned(),
            format!("| a reader of one document | {} |", grouped(empty)),
            format!("| a reader of all | {} |", grouped(full)),
            format!("| octets of JSON in it | {} |", grouped(octets)),
            format!("| resident, each document | {} |", grouped(each)),
            format!("| beyond its own octets, each | {} |", grouped(beyond)),
        ]
        .join("\n"),
    ];
    let text = text.join("\n\n");
    say(&text);
    Ok(Section {
        title: "Memory".to_owned(),
        text,
        chart: None,
    })
}

/// Resident octets of a reader, and those of its documents.
async fn resident(launcher: &Launcher, documents: u64) -> Result<(u64, u64), BoxError> {
    let redis = RedisServer::start().await;
    let mut source = Source::start(&redis.url(), documents, None).await?;
    let reader = launcher.reader(&[], &redis.url(), &[]).await?;
    let status = fs::read_to_string(format!("/proc/{}/status", reader.pid()?))?;
    source.check()?;
    let resident = parse_resident(&status).ok_or("the kernel tells no VmRSS")?;
    Ok((resident, source.octets))
}

/// `VmRSS:  1234 kB`, in octets.
pub(crate) fn parse_resident(status: &str) -> Option<u64> {
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = value.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}
