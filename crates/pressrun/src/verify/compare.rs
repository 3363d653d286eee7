//! One reader and the database.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use shared::{
    Position, ResourceKey,
    digest::{DIGEST_BUCKETS_MAX, Digest, DocumentState, LISTED_BUCKETS_MAX, Listing, Question},
};

use super::{Asked, Client, Difference, ReaderNode, VerifyError};

/// Among how many buckets documents are divided: a million documents, 250 each.
const BUCKETS: u32 = 4096;

/// As few as can be listed at once.
const LISTED_BUCKETS_ALL: u32 = 64;

const _: () = assert!(LISTED_BUCKETS_ALL as usize <= LISTED_BUCKETS_MAX);
const _: () = assert!(BUCKETS <= DIGEST_BUCKETS_MAX);

/// How often buckets are read until what differs there is settled.
const ROUNDS_MAX: usize = 10;

/// Differences after which no more are looked for.
const DIFFERENCES_MAX: usize = 1000;

/// What was found.
#[derive(Debug)]
pub(super) struct Finding {
    /// The database's head, before the comparison.
    pub(super) position: Position,
    /// Documents of the database then.
    pub(super) documents: u64,
    /// How many of them the reader was seen to hold, where it does not hold all by design.
    pub(super) held: Option<u64>,
    /// Those that the reader holds otherwise; not all, where there are very many.
    pub(super) differences: Vec<Difference>,
}

/// Compares a reader with the database. `wait` is how long it may take to reach each head.
pub(super) async fn compare(
    client: &Client,
    reader: &ReaderNode,
    wait: Duration,
) -> Result<Finding, VerifyError> {
    if client.is_partial(reader).await? {
        return compare_held(client, reader, wait).await;
    }
    let question = Question {
        buckets: BUCKETS,
        listed: None,
    };
    let database: Digest = client.database(&question).await?;
    let held: Digest = read_at(client, reader, &question, database.position, wait).await?;
    let mut differences = Vec::new();
    for buckets in database.differing(&held).chunks(LISTED_BUCKETS_MAX) {
        let listed = Some(buckets.iter().copied().collect());
        let question = Question {
            buckets: BUCKETS,
            listed,
        };
        let suspects = Suspects::default();
        let settled = settle(client, reader, &question, suspects, wait).await?;
        differences.extend(settled.into_differences());
        if differences.len() >= DIFFERENCES_MAX {
            break;
        }
    }
    Ok(Finding {
        position: database.position,
        documents: database.documents(),
        held: None,
        differences,
    })
}

/// Compares what a reader holds that does not hold all. No digest can be equal, so all documents
/// are listed at once.
async fn compare_held(
    client: &Client,
    reader: &ReaderNode,
    wait: Duration,
) -> Result<Finding, VerifyError> {
    let question = Question {
        buckets: LISTED_BUCKETS_ALL,
        listed: Some((0..LISTED_BUCKETS_ALL).collect()),
    };
    let suspects = Suspects {
        scope: Scope::Held,
        ..Suspects::default()
    };
    let suspects = settle(client, reader, &question, suspects, wait).await?;
    let (position, documents) = suspects.first.ok_or(VerifyError::Unsettled(0))?;
    Ok(Finding {
        position,
        documents,
        held: Some(suspects.held),
        differences: suspects.into_differences(),
    })
}

/// What a reader holds at or above a position.
async fn read_at<T: Asked>(
    client: &Client,
    reader: &ReaderNode,
    question: &Question,
    position: Position,
    wait: Duration,
) -> Result<T, VerifyError> {
    client.reached(reader, position, wait).await?;
    client.reader(reader, question).await
}

/// Reads buckets again and again until each document that differs there was met twice alike, or
/// differs no more.
async fn settle(
    client: &Client,
    reader: &ReaderNode,
    question: &Question,
    mut suspects: Suspects,
    wait: Duration,
) -> Result<Suspects, VerifyError> {
    let mut before: Listing = client.database(question).await?;
    for _ in 0..ROUNDS_MAX {
        let held: Listing = read_at(client, reader, question, before.position, wait).await?;
        let after: Listing = client.database(question).await?;
        suspects.judge(&before, &held, &after);
        if suspects.are_settled() {
            return Ok(suspects);
        }
        before = after;
    }
    Err(VerifyError::Unsettled(suspects.unsettled()))
}

/// What the database and the reader hold for a key.
type Sides = (Option<DocumentState>, Option<DocumentState>);

/// What a reader has to hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Scope {
    /// Everything.
    #[default]
    Whole,
    /// Whatever it does; what it does not hold it fetches when it is asked.
    Held,
}

/// Documents that seem to differ.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    scope: Scope,
    /// The database's position and documents at first.
    first: Option<(Position, u64)>,
    /// Documents that the reader held at last.
    held: u64,
    /// Those met once, and whether the database stood still around it.
    once: BTreeMap<ResourceKey, Option<Sides>>,
    settled: BTreeMap<ResourceKey, Sides>,
}

impl Suspects {
    /// `held` was read between the two others, and after the reader had reached the first one's
    /// position.
    pub(super) fn judge(&mut self, before: &Listing, held: &Listing, after: &Listing) {
        let is_one_epoch = before.position.epoch == after.position.epoch
            && before.position.epoch == held.position.epoch;
        let documents = before.documents.len() as u64;
        self.first.get_or_insert((before.position, documents));
        self.held = held.documents.len() as u64;
        let all = [before, held, after].map(|listing| listing.documents.keys());
        let keys: BTreeSet<&ResourceKey> = all.into_iter().flatten().collect();
        let mut once = BTreeMap::new();
        for key in keys {
            let state = |listing: &Listing| listing.documents.get(key).copied();
            let (first, reader, last) = (state(before), state(held), state(after));
            let may_lack = self.scope == Scope::Held && reader.is_none();
            if reader == first || reader == last || may_lack {
                continue;
            }
            // Written meanwhile: the reader may hold what was there between the two.
            let sides = (first == last && is_one_epoch).then_some((last, reader));
            match sides {
                Some(sides) if self.once.get(key) == Some(&Some(sides)) => {
                    self.settled.insert(key.clone(), sides);
                }
                sides => {
                    once.insert(key.clone(), sides);
                }
            }
        }
        once.retain(|key, _sides| !self.settled.contains_key(key));
        self.once = once;
    }

    fn are_settled(&self) -> bool {
        self.once.is_empty()
    }

    fn unsettled(&self) -> usize {
        self.once.len()
    }

    fn into_differences(self) -> Vec<Difference> {
        let differences = self.settled.into_iter();
        differences
            .map(|(key, (database, reader))| Difference {
                key,
                database,
                reader,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use shared::{EntityTag, Epoch, Sequence, Version};

    use super::*;

    fn key(id: &str) -> ResourceKey {
        ResourceKey::parse("posts", id).unwrap()
    }

    fn state(sequence: u64) -> DocumentState {
        DocumentState {
            sequence: Sequence(sequence),
            version: Version(sequence),
            expires_at: None,
            tag: Some(EntityTag::of(&sequence.to_be_bytes())),
        }
    }

    fn listing(epoch: u64, documents: &[(&str, u64)]) -> Listing {
        let documents = documents.iter().map(|(id, at)| (key(id), state(*at)));
        Listing {
            position: Position::new(Epoch(epoch), Sequence(9)),
            documents: documents.collect(),
        }
    }

    /// What is settled after these rounds, and how many are not.
    fn check(rounds: &[[Listing; 3]], settled: &[&str], unsettled: usize) {
        let mut suspects = Suspects::default();
        for [before, held, after] in rounds {
            suspects.judge(before, held, after);
        }
        assert_eq!(suspects.unsettled(), unsettled);
        let differences = suspects.into_differences();
        let keys: Vec<&str> = differences.iter().map(|it| it.key.id()).collect();
        assert_eq!(keys, settled);
    }

    #[test]
    fn what_differs_twice_alike_is_a_difference() {
        let database = || listing(1, &[("a", 1), ("b", 2), ("c", 3)]);
        let held = || listing(1, &[("a", 1), ("b", 1), ("d", 3)]);
        let round = || [database(), held(), database()];
        check(&[round()], &[], 3);
        check(&[round(), round()], &["b", "c", "d"], 0);
        check(&[round(), round(), round()], &["b", "c", "d"], 0);
    }

    #[test]
    fn what_a_partial_reader_lacks_is_none() {
        let database = || listing(1, &[("a", 1), ("b", 2)]);
        let held = || listing(1, &[("b", 1), ("c", 1)]);
        let mut suspects = Suspects {
            scope: Scope::Held,
            ..Suspects::default()
        };
        for _ in 0..2 {
            suspects.judge(&database(), &held(), &database());
        }
        assert_eq!((suspects.held, suspects.unsettled()), (2, 0));
        let differences = suspects.into_differences();
        let keys: Vec<&str> = differences.iter().map(|it| it.key.id()).collect();
        assert_eq!(keys, ["b", "c"]);
    }

    #[test]
    fn what_is_written_meanwhile_is_none() {
        let at = |sequence| listing(1, &[("a", sequence)]);
        check(&[[at(1), at(1), at(2)]], &[], 0);
        check(&[[at(1), at(2), at(2)]], &[], 0);
        check(&[[at(1), at(2), at(3)]], &[], 1);
        check(&[[at(1), at(2), at(3)], [at(3), at(4), at(5)]], &[], 1);
        check(&[[at(1), at(2), at(3)], [at(3), at(3), at(3)]], &[], 0);
    }

    #[test]
    fn what_differed_otherwise_before_is_met_again_first() {
        let at = |sequence| listing(1, &[("a", sequence)]);
        let none = || listing(1, &[]);
        let missed = || [at(1), none(), at(1)];
        check(&[missed(), [at(1), at(1), at(1)], missed()], &[], 1);
        check(&[missed(), [at(2), none(), at(2)]], &[], 1);
        check(
            &[missed(), [at(2), none(), at(2)], [at(2), none(), at(2)]],
            &["a"],
            0,
        );
    }

    #[test]
    fn another_epoch_settles_nothing() {
        let old = || listing(1, &[("a", 1)]);
        let new = || listing(2, &[("a", 2)]);
        let round = || [old(), new(), old()];
        check(&[round(), round()], &[], 1);
    }
}
