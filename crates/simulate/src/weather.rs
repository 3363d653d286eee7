//! Which faults a world has, and how often: each seed draws its own, so that some worlds have one
//! fault alone and others all at once.

use std::time::Duration;

use crate::history::Key;

/// Rates are per mille.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    /// How long it stays.
    pub(crate) lasts: Duration,
    /// A slow passage takes up to so long, in milliseconds.
    pub(crate) delay_ms: u64,
    /// Passages that are slow.
    pub(crate) slow: u32,
    /// Requests, or answers, of a writer that are lost.
    pub(crate) lose_request: u32,
    /// Messages to a reader that are lost.
    pub(crate) drop: u32,
    /// Messages to a reader that come twice.
    pub(crate) duplicate: u32,
    /// Writes in a second.
    pub(crate) writes: u32,
    /// Faults of [`Fault`] in ten seconds.
    pub(crate) faults: u32,
    /// Whether each of [`Fault::ALL`] may happen.
    pub(crate) kinds: [bool; Fault::ALL.len()],
    /// Whether the operator begins an epoch after a restoration.
    pub(crate) restores_told: bool,
    /// Documents that the bus has lost silently, one bit each. Readers cannot know.
    damaged: u32,
}

/// What may happen at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    CutReader,
    DeafenReader,
    RestartReader,
    BusAway,
    LoseEverything,
    LoseMeta,
    LoseBucket,
    LoseDocument,
    LoseLastWrites,
    StallWriter,
    StallPublishing,
    KillWriter,
    DatabaseAway,
    Restore,
}

impl Fault {
    pub(crate) const ALL: [Self; 14] = [
        Self::CutReader,
        Self::DeafenReader,
        Self::RestartReader,
        Self::BusAway,
        Self::LoseEverything,
        Self::LoseMeta,
        Self::LoseBucket,
        Self::LoseDocument,
        Self::LoseLastWrites,
        Self::StallWriter,
        Self::StallPublishing,
        Self::KillWriter,
        Self::DatabaseAway,
        Self::Restore,
    ];

    /// Whether it makes somebody forget which history he has seen.
    pub(crate) fn forgets(self) -> bool {
        matches!(
            self,
            Self::LoseEverything
                | Self::LoseMeta
                | Self::LoseLastWrites
                | Self::KillWriter
                | Self::RestartReader
                | Self::Restore
        )
    }
}

impl Weather {
    pub(crate) fn draw(random: &mut fastrand::Rng) -> Self {
        let mut some = |rates: &[u32]| rates[random.usize(..rates.len())];
        Self {
            lasts: Duration::from_millis(some(&[2000, 4000, 8000, 16_000]).into()),
            delay_ms: some(&[10, 50, 300, 1500]).into(),
            slow: some(&[0, 10, 50, 200]),
            lose_request: some(&[0, 0, 10, 50]),
            drop: some(&[0, 0, 10, 100]),
            duplicate: some(&[0, 0, 20, 200]),
            writes: some(&[2, 10, 30]),
            faults: some(&[5, 15, 40, 80]),
            kinds: std::array::from_fn(|_| some(&[0, 1]) == 1),
            restores_told: some(&[0, 1]) == 1,
            damaged: 0,
        }
    }

    /// Nothing happens any more.
    pub(crate) fn clear(&mut self) {
        *self = Self {
            lasts: self.lasts,
            delay_ms: 4,
            slow: 0,
            lose_request: 0,
            drop: 0,
            duplicate: 0,
            writes: 0,
            faults: 0,
            kinds: [false; Fault::ALL.len()],
            restores_told: self.restores_told,
            damaged: self.damaged,
        };
    }

    pub(crate) fn damage(&mut self, key: Key) {
        self.damaged |= 1 << key;
    }

    pub(crate) fn is_damaged(&self, key: Key) -> bool {
        self.damaged & (1 << key) != 0
    }

    pub(crate) fn has_damage(&self) -> bool {
        self.damaged != 0
    }

    /// One of the faults that this world has.
    pub(crate) fn fault(&self, random: &mut fastrand::Rng) -> Option<Fault> {
        let index = random.usize(..Fault::ALL.len());
        self.kinds[index].then_some(Fault::ALL[index])
    }
}
