//! The model database: the feed row, the log, the documents and the leader's lease.

use std::{cmp::Ordering, time::Duration};

use bytes::Bytes;
use shared::{Epoch, Link, Position, Sequence, Timestamp, Version};
use writer::store::{
    Action, Batch, ChangePage, Committed, Document, DocumentPage, Feed, Mutation, Outcome, Tip,
};

use crate::{
    Rule, Rules,
    history::{Change, History, KEYS, Key, number, resource},
};

/// Every document's content: the promises here are about positions.
pub(crate) const BODY: &[u8] = b"{}";

/// How long a lease lasts without a beat: PostgreSQL's `idle_session_timeout` of the real one.
const LEASE: Duration = Duration::from_secs(2);

/// Rows of one page: few, so that pages of one snapshot are read at different times.
const CHANGES_PAGE: usize = 5;
const DOCUMENTS_PAGE: usize = 2;

/// How far behind a replica lags, and a commit that is out of order.
pub(crate) const LAG: Duration = Duration::from_millis(400);

#[derive(Debug)]
pub(crate) struct Database {
    rules: Rules,
    pub(crate) is_away: bool,
    pub(crate) current: History,
    /// Those that ended, by a new epoch or by a restoration: readers may still be in them.
    pub(crate) ended: Vec<History>,
    /// Epochs in which a restoration went unnoticed: what bears them may be of either history until
    /// links tell. This is the known residue of design.md, section 6.
    pub(crate) doubtful: Vec<Epoch>,
    /// Changes at or below it are no longer kept.
    pruned_through: u64,
    term: u64,
    /// Who leads, by the number of the leadership, and until when.
    leader: Option<(u64, Duration)>,
}

impl Database {
    /// An empty database whose sequences go on after `base`.
    pub(crate) fn new(rules: Rules, base: u64, base_link: Link) -> Self {
        Self {
            rules,
            is_away: false,
            current: History {
                epoch: Epoch(1_700_000_000_000_000),
                base,
                base_link,
                changes: Vec::new(),
                forgotten: base,
            },
            ended: Vec::new(),
            doubtful: Vec::new(),
            pruned_through: base,
            term: 0,
            leader: None,
        }
    }

    /// All histories that bore an epoch: more than one where a restoration went unnoticed.
    pub(crate) fn histories(&self, epoch: Epoch) -> impl Iterator<Item = &History> {
        self.histories_from(epoch)
            .filter(move |history| history.epoch == epoch)
    }

    /// Those of an epoch and of all later ones.
    pub(crate) fn histories_from(&self, epoch: Epoch) -> impl Iterator<Item = &History> + Clone {
        let all = self.ended.iter().chain([&self.current]);
        all.filter(move |history| epoch <= history.epoch)
    }

    pub(crate) fn feed(&self, now: Duration) -> Feed {
        let mut tip = self.current.tip();
        if !self.rules.hold(Rule::HeadFromPrimary) {
            let head = self.current.head_at(now.saturating_sub(LAG));
            tip.position.sequence = Sequence(head);
            tip.link = self.current.link_at(head).unwrap_or(tip.link);
        }
        Feed {
            tip,
            now: timestamp(now),
        }
    }

    pub(crate) fn commit(
        &mut self,
        now: Duration,
        random: &mut fastrand::Rng,
        known: Option<Tip>,
        batch: &[Mutation],
    ) -> Batch {
        let began_epoch = known.is_some_and(|known| !self.stands(&known));
        if let (true, Some(known)) = (began_epoch, known) {
            self.begin_epoch(known.position.epoch);
        }
        let outcomes = batch
            .iter()
            .map(|mutation| self.apply(now, random, mutation))
            .collect();
        Batch {
            outcomes,
            tip: self.current.tip(),
            began_epoch,
        }
    }

    fn apply(&mut self, now: Duration, random: &mut fastrand::Rng, mutation: &Mutation) -> Outcome {
        let key = number(&mutation.key);
        let deletes = mutation.action == Action::Delete;
        let before = self.row(key, now).cloned();
        let was_live = before.as_ref().is_some_and(|before| !before.deletes);
        if deletes && !was_live {
            return Outcome::NotFound;
        }
        let tip = self.current.tip();
        let link = if self.rules.hold(Rule::Links) {
            Link(random.u64(1..))
        } else {
            Link(1)
        };
        let is_late = !self.rules.hold(Rule::CommitOrder) && random.u8(..) < 64;
        let change = Change {
            key,
            deletes,
            version: before.map_or(0, |before| before.version) + 1,
            epoch: tip.position.epoch,
            sequence: tip.position.sequence.next().0,
            prev_link: tip.link,
            link,
            at: now,
            visible_at: if is_late { now + LAG } else { now },
        };
        let committed = Committed {
            version: Version(change.version),
            slot: self.current.slot(&change),
            updated_at: timestamp(now),
        };
        self.current.changes.push(change);
        match (deletes, was_live) {
            (true, _) => Outcome::Deleted(committed),
            (false, true) => Outcome::Updated(committed),
            (false, false) => Outcome::Created(committed),
        }
    }

    /// Whether the history still is the one in which a tip was seen, as far as can be told.
    fn stands(&self, known: &Tip) -> bool {
        let tip = self.current.tip();
        if !self.rules.hold(Rule::HistoryChecked) {
            return true;
        }
        match known.position.epoch.cmp(&tip.position.epoch) {
            Ordering::Less => return true,
            Ordering::Greater => return false,
            Ordering::Equal => {}
        }
        let sequence = known.position.sequence.0;
        match known.position.sequence.cmp(&tip.position.sequence) {
            Ordering::Greater => false,
            Ordering::Equal => known.link == tip.link,
            // With the change and the one after it pruned nobody can tell.
            Ordering::Less if sequence < self.pruned_through => true,
            Ordering::Less => self.current.link_at(sequence) == Some(known.link),
        }
    }

    pub(crate) fn begin_epoch(&mut self, known: Epoch) {
        self.ended.push(self.current.clone());
        self.current.epoch = Epoch(self.current.epoch.max(known).0 + 1);
    }

    /// Comes back from a backup that lacks the last changes. Where the operator says so, a new epoch
    /// begins; where he forgets, links have to tell.
    pub(crate) fn restore(&mut self, lost: u64, is_told: bool) {
        self.ended.push(self.current.clone());
        let lost = usize::try_from(lost).unwrap_or(usize::MAX);
        let kept = self.current.changes.len().saturating_sub(lost);
        self.current.changes.truncate(kept);
        let head = self.current.head();
        self.pruned_through = self.pruned_through.min(head);
        self.current.forgotten = self.current.forgotten.min(head);
        self.leader = None;
        if is_told {
            self.begin_epoch(Epoch(0));
        } else {
            self.doubtful.push(self.current.epoch);
        }
    }

    pub(crate) fn confirm(&mut self, known: Tip) -> Tip {
        if !self.stands(&known) {
            self.begin_epoch(known.position.epoch);
        }
        self.current.tip()
    }

    /// A document's or tombstone's row.
    fn row(&self, key: Key, now: Duration) -> Option<&Change> {
        let last = self.current.visible(key, now);
        last.filter(|last| !last.deletes || self.current.forgotten < last.sequence)
    }

    pub(crate) fn document(&self, key: Key, now: Duration) -> Option<Document> {
        self.row(key, now).map(|change| self.document_of(change))
    }

    fn document_of(&self, change: &Change) -> Document {
        Document {
            key: resource(change.key),
            version: Version(change.version),
            slot: self.current.slot(change),
            body: (!change.deletes).then(|| Bytes::from_static(BODY)),
            created_at: timestamp(change.at),
            updated_at: timestamp(change.at),
            expires_at: None,
        }
    }

    pub(crate) fn changes(&self, after: u64, now: Duration) -> ChangePage {
        let floor = if self.rules.hold(Rule::PrunedNoticed) {
            Sequence(self.pruned_through + 1)
        } else {
            Sequence(0)
        };
        let kept = |change: &&Change| {
            after.max(self.pruned_through) < change.sequence && change.visible_at <= now
        };
        let rows = self.current.changes.iter().filter(kept).take(CHANGES_PAGE);
        let changes = rows.filter_map(|change| {
            Some(writer::store::Change {
                slot: self.current.slot(change),
                document: self.document(change.key, now)?,
            })
        });
        ChangePage {
            feed: Feed {
                tip: self.current.tip(),
                now: timestamp(now),
            },
            floor,
            changes: changes.collect(),
        }
    }

    pub(crate) fn documents(&self, after: Option<Key>, now: Duration) -> DocumentPage {
        let first = after.map_or(0, |after| after + 1);
        let mut next = None;
        let mut documents = Vec::new();
        for key in first..KEYS {
            let document = if self.rules.hold(Rule::HeadBeforeDocuments) {
                self.document(key, now)
            } else {
                let through = self.current.head_at(now.saturating_sub(LAG));
                let lagging = self.current.state(key, through);
                lagging.map(|change| self.document_of(change))
            };
            let Some(document) = document else { continue };
            if documents.len() == DOCUMENTS_PAGE {
                next = documents.last().map(|last: &Document| last.key.clone());
                break;
            }
            documents.push(document);
        }
        DocumentPage {
            epoch: self.current.epoch,
            documents,
            next,
        }
    }

    pub(crate) fn prune(&mut self, floor: u64) {
        // A round may have read its floor before a restore: rows that are gone are not pruned.
        let pruned = floor.saturating_sub(1).min(self.current.head());
        self.pruned_through = self.pruned_through.max(pruned);
        let forgotten = if self.rules.hold(Rule::TombstoneOutlivesChange) {
            self.pruned_through
        } else {
            self.current.head()
        };
        self.current.forgotten = self.current.forgotten.max(forgotten);
    }

    /// The next term, unless somebody leads.
    pub(crate) fn lead(&mut self, now: Duration) -> Option<u64> {
        if self.leader.is_some_and(|(_, until)| now < until) && self.rules.hold(Rule::Lease) {
            return None;
        }
        self.term += 1;
        self.leader = Some((self.term, now + LEASE));
        Some(self.term)
    }

    /// Whether that leadership goes on.
    pub(crate) fn beat(&mut self, term: u64, now: Duration) -> bool {
        let leads = self
            .leader
            .is_some_and(|(led, until)| led == term && now < until);
        if leads {
            self.leader = Some((term, now + LEASE));
        }
        leads || !self.rules.hold(Rule::Lease)
    }

    pub(crate) fn resign(&mut self, term: u64) {
        if self.leader.is_some_and(|(led, _)| led == term) {
            self.leader = None;
        }
    }
}

pub(crate) fn timestamp(at: Duration) -> Timestamp {
    Timestamp(i64::try_from(at.as_micros()).unwrap_or(i64::MAX))
}

/// The position of a change in the epoch in which it was made.
pub(crate) fn made_at(change: &Change) -> Position {
    Position::new(change.epoch, Sequence(change.sequence))
}
