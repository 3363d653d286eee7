//! What the in-process snapshot holds, for whoever compares it with the database.

use shared::ResourceKey;

use super::contents::Contents;
use crate::{Build, Held, Names, Refusal, stored::held_of};

impl Contents {
    pub(super) fn held(
        &mut self,
        build: Build,
        keys: &[ResourceKey],
    ) -> Result<Vec<Held>, Refusal> {
        self.meta_of(build)?;
        keys.iter()
            .map(|key| {
                let held = self.bucket_of(key)?.documents.get(key);
                Ok(held.map_or(Held::Nothing, |held| held_of(held, held.len())))
            })
            .collect()
    }

    pub(super) fn names(
        &mut self,
        build: Build,
        bucket: u32,
        fields_max: u64,
    ) -> Result<Names, Refusal> {
        self.meta_of(build)?;
        let documents = &self.bucket(bucket)?.documents;
        let fields = documents.len() as u64;
        let keys = if fields <= fields_max {
            documents.keys().cloned().collect()
        } else {
            Vec::new()
        };
        Ok(Names {
            fields,
            keys,
            strangers: 0,
        })
    }
}
