//! What writers have acknowledged.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
};

use serde_json::Value;
use shared::Position;
use sqlx::PgPool;
use tokio::time::Instant;

/// One acknowledged write.
#[derive(Debug, Clone)]
pub(crate) struct Ack {
    /// When the client had its answer.
    pub(super) at: Instant,
    /// Where the write stands.
    pub(crate) position: Position,
    /// The document's version then; 0 of a deletion, which does not tell.
    pub(super) version: u64,
    /// What was written; `None` of a deletion.
    pub(super) content: Option<String>,
}

/// Writes that a restored backup does not have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Forgiven {
    /// The last position of the backup.
    pub(crate) after: Position,
}

impl Forgiven {
    fn covers(self, ack: &Ack) -> bool {
        ack.position.epoch == self.after.epoch && ack.position > self.after
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Acks {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    by_id: HashMap<String, Vec<Ack>>,
    /// In the order of time: the highest position acknowledged so far.
    highest: Vec<(Instant, Position)>,
    count: u64,
}

impl Acks {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no client panicked with it")
    }

    pub(super) fn note(&self, id: &str, ack: Ack) {
        let mut inner = self.lock();
        let before = inner.highest.last().map(|(_, position)| *position);
        let highest = before.map_or(ack.position, |before| before.max(ack.position));
        inner.highest.push((ack.at, highest));
        inner.count += 1;
        inner.by_id.entry(id.to_owned()).or_default().push(ack);
    }

    pub(crate) fn count(&self) -> u64 {
        self.lock().count
    }

    /// The last write of a document.
    pub(super) fn last(&self, id: &str) -> Option<Ack> {
        self.lock().by_id.get(id)?.last().cloned()
    }

    /// The highest position acknowledged before `at`.
    pub(super) fn highest_before(&self, at: Instant) -> Option<Position> {
        let inner = self.lock();
        let before = inner.highest.partition_point(|(acked, _)| *acked < at);
        let (_, position) = inner.highest.get(before.checked_sub(1)?)?;
        Some(*position)
    }

    /// The documents whose last acknowledged write the database does not have, nor a later one; and
    /// acknowledged writes, of the epoch that is, whose change the log does not name.
    pub(crate) async fn lost(&self, database: &PgPool, forgiven: Option<Forgiven>) -> Vec<String> {
        let rows: Vec<(String, i64, Option<String>)> = sqlx::query_as(
            "SELECT id, sequence, CASE WHEN deleted_at IS NULL THEN body::text END
            FROM documents WHERE collection = 'posts'",
        )
        .fetch_all(database)
        .await
        .expect("the database answers");
        let rows: HashMap<String, (i64, Option<String>)> = rows
            .into_iter()
            .map(|(id, sequence, body)| (id, (sequence, body)))
            .collect();
        let log: HashMap<i64, String> =
            sqlx::query_as("SELECT sequence, id FROM changes WHERE collection = 'posts'")
                .fetch_all(database)
                .await
                .expect("the database answers")
                .into_iter()
                .collect();
        let epoch: i64 = sqlx::query_scalar("SELECT epoch FROM feed")
            .fetch_one(database)
            .await
            .expect("the database answers");
        let inner = self.lock();
        let is_lost = |(id, acks): &(&String, &Vec<Ack>)| {
            let forgiven = |ack: &&Ack| !forgiven.is_some_and(|forgiven| forgiven.covers(ack));
            let last = acks.iter().rfind(forgiven);
            last.is_some_and(|last| !holds(rows.get(*id), last))
        };
        let lost = inner.by_id.iter().filter(is_lost);
        let lost = lost.map(|(id, acks)| format!("{id}: {:?}", acks.last()));
        let all = inner.by_id.iter();
        let all = all.flat_map(|(id, acks)| acks.iter().map(move |ack| (id, ack)));
        let unlogged = all.filter(|(id, ack)| {
            let sequence = i64::try_from(ack.position.sequence.0).unwrap_or(i64::MAX);
            u64::try_from(epoch) == Ok(ack.position.epoch.0) && log.get(&sequence) != Some(*id)
        });
        let unlogged = unlogged.map(|(id, ack)| format!("{id}: {ack:?} is not in the log"));
        lost.chain(unlogged).collect()
    }
}

/// Whether a row has this write, or one after it.
fn holds(row: Option<&(i64, Option<String>)>, ack: &Ack) -> bool {
    let Some((sequence, body)) = row else {
        return false;
    };
    let acknowledged = i64::try_from(ack.position.sequence.0).unwrap_or(i64::MAX);
    if *sequence != acknowledged {
        return *sequence > acknowledged;
    }
    let body = body
        .as_ref()
        .and_then(|body| serde_json::from_str::<Value>(body).ok());
    body.as_ref().and_then(|body| body["content"].as_str()) == ack.content.as_deref()
}

#[cfg(test)]
mod tests {
    use shared::{Epoch, Sequence};

    use super::*;

    fn ack(sequence: u64, content: Option<&str>) -> Ack {
        Ack {
            at: Instant::now(),
            position: Position::new(Epoch(1), Sequence(sequence)),
            version: 1,
            content: content.map(str::to_owned),
        }
    }

    #[test]
    fn row_holds_the_write_or_a_later_one() {
        let row = |sequence, body: Option<&str>| Some((sequence, body.map(str::to_owned)));
        let body = Some(r#"{"content":"x"}"#);
        for (row, ack, expected) in [
            (None, ack(3, Some("x")), false),
            (row(2, body), ack(3, Some("x")), false),
            (row(3, body), ack(3, Some("x")), true),
            (row(3, body), ack(3, Some("y")), false),
            (row(3, None), ack(3, Some("x")), false),
            (row(3, None), ack(3, None), true),
            (row(3, body), ack(3, None), false),
            (row(4, None), ack(3, Some("x")), true),
        ] {
            assert_eq!(holds(row.as_ref(), &ack), expected, "{row:?} {ack:?}");
        }
    }

    #[test]
    fn highest_before_counts_what_was_acknowledged_by_then() {
        let acks = Acks::default();
        let began = Instant::now();
        for sequence in [5, 3] {
            acks.note("a", ack(sequence, None));
        }
        let highest = acks.highest_before(Instant::now() + PATIENCE_IN_TEST);
        assert_eq!(highest.map(|it| it.sequence), Some(Sequence(5)));
        assert_eq!(acks.highest_before(began), None);
        assert_eq!(acks.count(), 2);
    }

    const PATIENCE_IN_TEST: std::time::Duration = std::time::Duration::from_secs(1);
}
