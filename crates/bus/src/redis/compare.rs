//! What the snapshot in Redis holds, for whoever compares it with the database.

use redis::{Cmd, FromRedisValue, Script, Value};
use shared::{ResourceKey, codec::HEADER_BYTES};

use super::{
    RedisBus,
    deadline::BULK_TIMEOUT,
    keys::build_text,
    scripts::{self, Answer},
};
use crate::{
    Build, BusError, Held, Names, Refusal,
    limits::BUCKETS_MAX,
    stored::{held_of, names_of},
};

/// Documents that one call of the script looks at, at most: it keeps Redis busy for that long.
const CALL_DOCUMENTS_MAX: usize = 256;

/// Octets of values after which a call ends early: Redis hands the script whole values.
const CALL_BYTES_MAX: usize = 4 * 1024 * 1024;

impl RedisBus {
    pub(super) async fn read_held(
        &self,
        build: Build,
        keys: &[ResourceKey],
    ) -> Result<Result<Vec<Held>, Refusal>, BusError> {
        let mut all = Vec::with_capacity(keys.len());
        while let Some(rest) = keys.get(all.len()..)
            && !rest.is_empty()
        {
            let part = &rest[..rest.len().min(CALL_DOCUMENTS_MAX)];
            let told: Vec<(i64, Vec<u8>)> = match self
                .ask(&self.inner.scripts.held, self.held_call(build, part))
                .await?
            {
                Ok(told) => told,
                Err(refusal) => return Ok(Err(refusal)),
            };
            if told.is_empty() || told.len() > part.len() {
                return Err(BusError::Unexpected("answer of held.lua"));
            }
            all.extend(told.iter().map(|(len, head)| {
                usize::try_from(*len).map_or(Held::Nothing, |len| held_of(head, len))
            }));
        }
        Ok(Ok(all))
    }

    pub(super) async fn read_names(
        &self,
        build: Build,
        bucket: u32,
        fields_max: u64,
    ) -> Result<Result<Names, Refusal>, BusError> {
        let keys = &self.inner.keys;
        let script = &self.inner.scripts.names;
        let mut call = scripts::call(script, &[&keys.meta()]);
        call.arg(build_text(build))
            .arg(keys.bucket(build, bucket))
            .arg(fields_max);
        let told = self.ask(script, call).await?;
        Ok(told.map(|(fields, mut names): (u64, Vec<Vec<u8>>)| {
            // The mark's.
            names.retain(|name| !name.is_empty());
            Names {
                fields,
                ..names_of(&names)
            }
        }))
    }

    fn held_call(&self, build: Build, keys: &[ResourceKey]) -> Cmd {
        let names = &self.inner.keys;
        let mut call = scripts::call(&self.inner.scripts.held, &[&names.meta()]);
        call.arg(build_text(build))
            .arg(HEADER_BYTES)
            .arg(names.bucket_prefix(build))
            .arg(CALL_BYTES_MAX);
        for key in keys {
            call.arg(key.bucket(BUCKETS_MAX)).arg(key.as_str());
        }
        call
    }

    /// Runs a script that gives an array, or a word where it refuses.
    async fn ask<T: FromRedisValue>(
        &self,
        script: &Script,
        call: Cmd,
    ) -> Result<Result<T, Refusal>, BusError> {
        let answer = self
            .inner
            .connection
            .run("comparing", BULK_TIMEOUT, |mut connection| async move {
                scripts::run(&mut connection, script, call).await
            })
            .await?;
        let unexpected = BusError::Unexpected("answer of a script");
        if let Value::Array(_) = &answer {
            return T::from_redis_value(answer).map(Ok).or(Err(unexpected));
        }
        match Answer::parse(&answer)? {
            Answer::Refused(refusal) => Ok(Err(refusal)),
            Answer::Done | Answer::Number(_) | Answer::Duplicate => Err(unexpected),
        }
    }
}
