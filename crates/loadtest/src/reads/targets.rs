//! Which documents are asked for, drawn ahead: wrk only looks the next one up.

use std::{fs, io, path::PathBuf};

use crate::stand::{Launcher, posts};

/// How many requests are drawn; wrk begins anew after the last one. Enough that nothing near the
/// processor holds all documents of a uniform draw.
const DRAWN: usize = 1 << 18;

/// A fixed seed: what is measured should not depend on the draw.
const SEED: u64 = 4;

/// The exponent of Zipf's law, as YCSB has it.
const ZIPF_EXPONENT: f64 = 0.99;

/// Which documents are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Targets {
    /// The scenario's own target, and nothing else.
    One,
    /// Each of the thousand posts in turn, shuffled.
    Thousand,
    /// The `n`-th most popular of so many posts is asked for `n^0.99` times less than the first.
    Zipf(u64),
    /// Each of so many posts as often as any other.
    Uniform(u64),
}

impl Targets {
    /// A file of the targets, one a line; written when first asked for.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn file(self, launcher: &Launcher, one: &str) -> io::Result<PathBuf> {
        let name = match self {
            Self::One => "one",
            Self::Thousand => "thousand",
            Self::Zipf(_) => "zipf",
            Self::Uniform(_) => "uniform",
        };
        let path = launcher.directory().join(format!("targets-{name}"));
        if self == Self::One || !path.exists() {
            fs::write(&path, self.draw(one).join("\n"))?;
        }
        Ok(path)
    }

    fn draw(self, one: &str) -> Vec<String> {
        let mut random = fastrand::Rng::with_seed(SEED);
        match self {
            Self::One => vec![one.to_owned()],
            Self::Thousand => {
                let mut all: Vec<String> = (1..=posts::POSTS)
                    .map(|number| format!("/post?id=post-{number:04}"))
                    .collect();
                random.shuffle(&mut all);
                all
            }
            Self::Zipf(count) => {
                let ranks = zipf(count, DRAWN, &mut random);
                ranks.map(|rank| target(rank, count)).collect()
            }
            Self::Uniform(count) => {
                let ranks = (0..DRAWN).map(|_| random.u64(..count));
                ranks.map(|rank| target(rank, count)).collect()
            }
        }
    }
}

fn target(rank: u64, count: u64) -> String {
    format!("/post?id={}", posts::id(posts::scattered(rank, count)))
}

/// Ranks from 0, drawn by Zipf's law over `count` of them.
pub(crate) fn zipf(
    count: u64,
    drawn: usize,
    random: &mut fastrand::Rng,
) -> impl Iterator<Item = u64> {
    let mut sum = 0.0;
    let mut cumulative = Vec::new();
    let mut rank = 1.0_f64;
    for _ in 0..count {
        sum += rank.powf(-ZIPF_EXPONENT);
        cumulative.push(sum);
        rank += 1.0;
    }
    (0..drawn).map(move |_| {
        let at = random.f64() * sum;
        let rank = cumulative.partition_point(|&through| through <= at);
        u64::try_from(rank).unwrap_or(0).min(count - 1)
    })
}
