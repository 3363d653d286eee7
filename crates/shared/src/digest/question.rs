//! What a digest is asked by: `?buckets=N`, and `&of=1,5` for the documents of these buckets.

use std::collections::BTreeSet;

/// Most buckets of a digest.
pub const DIGEST_BUCKETS_MAX: u32 = 65_536;

/// Most buckets whose documents are listed at once.
pub const LISTED_BUCKETS_MAX: usize = 64;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Among how many buckets documents are divided: a power of two.
    pub buckets: u32,
    /// The buckets whose documents are to be listed; `None` for the digests of all.
    pub listed: Option<BTreeSet<u32>>,
}

/// A query that is no [`Question`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    /// There is no number of buckets, or none that can be.
    #[error("buckets is a power of two, 1 to {DIGEST_BUCKETS_MAX}")]
    Buckets,
    /// The buckets to be listed are no numbers of buckets.
    #[error("of is 1 to {LISTED_BUCKETS_MAX} numbers below buckets, between commas")]
    Of,
    /// There is another member, or one twice.
    #[error("a digest is asked by buckets, once, and of, at most once")]
    Member,
}

impl Question {
    /// Reads a query.
    ///
    /// # Errors
    /// See [`QuestionError`].
    pub fn parse(query: &str) -> Result<Self, QuestionError> {
        let (mut buckets, mut of) = (None, None);
        for member in query.split('&').filter(|member| !member.is_empty()) {
            let (name, value) = member.split_once('=').ok_or(QuestionError::Member)?;
            let given = match name {
                "buckets" => &mut buckets,
                "of" => &mut of,
                _ => return Err(QuestionError::Member),
            };
            if given.replace(value).is_some() {
                return Err(QuestionError::Member);
            }
        }
        let buckets = buckets
            .and_then(|number| number.parse().ok())
            .filter(|number: &u32| number.is_power_of_two() && *number <= DIGEST_BUCKETS_MAX)
            .ok_or(QuestionError::Buckets)?;
        let listed = of.map(|of| listed(of, buckets)).transpose()?;
        Ok(Self { buckets, listed })
    }

    /// The query.
    pub fn to_query(&self) -> String {
        let buckets = self.buckets;
        match &self.listed {
            None => format!("buckets={buckets}"),
            Some(listed) => {
                let numbers: Vec<String> = listed.iter().map(u32::to_string).collect();
                format!("buckets={buckets}&of={}", numbers.join(","))
            }
        }
    }
}

fn listed(of: &str, buckets: u32) -> Result<BTreeSet<u32>, QuestionError> {
    let parse = |number: &str| number.parse().ok().filter(|number| *number < buckets);
    let numbers: Option<BTreeSet<u32>> = of.split(',').map(parse).collect();
    numbers
        .filter(|numbers| numbers.len() <= LISTED_BUCKETS_MAX)
        .ok_or(QuestionError::Of)
}
