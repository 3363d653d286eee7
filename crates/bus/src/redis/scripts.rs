//! The Lua scripts, and how they are run.

use redis::{
    Cmd, Pipeline, RedisError, RedisResult, Script, ServerErrorKind, Value,
    aio::MultiplexedConnection,
};

use crate::{BusError, Refusal};

/// Every script, one job each.
pub(super) struct Scripts {
    pub(super) publish: Script,
    pub(super) begin: Script,
    pub(super) drop: Script,
    pub(super) chunk: Script,
    pub(super) finish: Script,
    pub(super) mend: Script,
    pub(super) purge: Script,
    pub(super) held: Script,
    pub(super) names: Script,
    pub(super) report_lost: Script,
    pub(super) probe: Script,
}

macro_rules! script {
    ($file:literal) => {
        Script::new(concat!(
            include_str!("scripts/prelude.lua"),
            include_str!(concat!("scripts/", $file))
        ))
    };
}

impl Default for Scripts {
    fn default() -> Self {
        Self {
            publish: script!("publish.lua"),
            begin: script!("begin.lua"),
            drop: script!("drop.lua"),
            chunk: script!("chunk.lua"),
            finish: script!("finish.lua"),
            mend: script!("mend.lua"),
            purge: script!("purge.lua"),
            held: script!("held.lua"),
            names: script!("names.lua"),
            report_lost: script!("report_lost.lua"),
            probe: script!("probe.lua"),
        }
    }
}

/// A call of a script with `keys`; arguments are added to what it gives.
pub(super) fn call(script: &Script, keys: &[&str]) -> Cmd {
    let mut call = redis::cmd("EVALSHA");
    call.arg(script.get_hash()).arg(keys.len()).arg(keys);
    call
}

/// Runs calls of one script in order, by one round trip: a value for each, or the first error.
///
/// A server that does not know the script (it never did, it restarted, or somebody flushed its
/// scripts) gets it, and then those calls again that it refused for that reason.
pub(super) async fn run_all(
    connection: &mut MultiplexedConnection,
    script: &Script,
    calls: Vec<Cmd>,
) -> RedisResult<Vec<Value>> {
    let calls = pipeline(calls);
    let mut answers: Vec<RedisResult<Value>> = calls.query_async(connection).await?;
    let mut unknown = Vec::new();
    let mut again = Vec::new();
    for (index, call) in calls.cmd_iter().enumerate() {
        if answers[index].as_ref().is_err_and(is_unknown_script) {
            unknown.push(index);
            again.push(call.clone());
        }
    }
    if !again.is_empty() {
        script.load_async(connection).await?;
        let again: Vec<RedisResult<Value>> = pipeline(again).query_async(connection).await?;
        for (index, answer) in unknown.into_iter().zip(again) {
            answers[index] = answer;
        }
    }
    answers.into_iter().collect()
}

/// Runs one call.
pub(super) async fn run(
    connection: &mut MultiplexedConnection,
    script: &Script,
    call: Cmd,
) -> RedisResult<Value> {
    let mut answers = run_all(connection, script, vec![call]).await?;
    Ok(answers.pop().unwrap_or(Value::Nil))
}

/// Commands that are answered one by one, whatever becomes of the others.
fn pipeline(commands: Vec<Cmd>) -> Pipeline {
    let mut pipeline = Pipeline::with_capacity(commands.len());
    pipeline.ignore_errors();
    for command in commands {
        pipeline.add_command(command);
    }
    pipeline
}

fn is_unknown_script(error: &RedisError) -> bool {
    error.kind() == redis::ErrorKind::Server(ServerErrorKind::NoScript)
}

/// What a script answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// It went through and has nothing to say.
    Done,
    /// It went through; how many, or how far.
    Number(u64),
    /// There was nothing to do.
    Duplicate,
    /// It refused.
    Refused(Refusal),
}

impl Answer {
    pub(super) fn parse(value: &Value) -> Result<Self, BusError> {
        let unexpected = BusError::Unexpected("answer of a script");
        let word = match value {
            Value::Int(number) => {
                return u64::try_from(*number).map(Self::Number).or(Err(unexpected));
            }
            Value::BulkString(word) => word.as_slice(),
            _ => return Err(unexpected),
        };
        Ok(match word {
            b"ok" | b"full" => Self::Done,
            b"duplicate" => Self::Duplicate,
            b"no_meta" => Self::Refused(Refusal::NoMeta),
            b"other_epoch" => Self::Refused(Refusal::OtherEpoch),
            b"other_build" => Self::Refused(Refusal::OtherBuild),
            b"forked" => Self::Refused(Refusal::Forked),
            b"bucket_lost" => Self::Refused(Refusal::BucketLost),
            b"old_term" => Self::Refused(Refusal::OldTerm),
            b"chunk_lost" => Self::Refused(Refusal::ChunkLost),
            b"pending_full" => Self::Refused(Refusal::PendingFull),
            _ => return Err(unexpected),
        })
    }

    /// For scripts that either go through or refuse.
    pub(super) fn done(self) -> Result<(), Refusal> {
        match self {
            Self::Refused(refusal) => Err(refusal),
            Self::Done | Self::Number(_) | Self::Duplicate => Ok(()),
        }
    }

    /// For scripts that count what they did.
    pub(super) fn counted(self) -> Result<u64, Refusal> {
        match self {
            Self::Refused(refusal) => Err(refusal),
            Self::Number(number) => Ok(number),
            Self::Done | Self::Duplicate => Ok(0),
        }
    }
}
