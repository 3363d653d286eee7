//! `pressrun dev`: the same writer and reader as apart, over SQLite and the in-process bus.

use std::{
    io::{self, Write},
    sync::Arc,
};

use bus::MemoryBus;
use service::{Lifecycle, process::BoxError};
use writer::store::{Store, sqlite::SqliteStore};

use crate::{config::Config, welcome::Welcome};

/// Runs both until the lifecycle closes.
///
/// # Errors
/// An address is taken, the data directory cannot be used, or a part ended by a defect.
pub(crate) async fn run(config: Config, lifecycle: Lifecycle) -> Result<(), BoxError> {
    // Opened here and once: another process that uses it is not waited for.
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&config.data_dir).await?);
    let bus = Arc::new(MemoryBus::new());
    let writer = writer::App::build(config.writer, Arc::clone(&bus) as _, lifecycle.clone())?;
    let reader = reader::App::build(config.reader, Arc::clone(&bus) as _, "memory", lifecycle)?
        .with_yardsticks(|| Ok(Arc::clone(&bus) as _))?;
    let welcome = Welcome {
        writer: writer.listen_address()?,
        reader: reader.listen_address()?,
        reader_admin: reader.admin_address()?,
        data_dir: &config.data_dir,
    }
    .to_string();
    let reading = reader.spawn()?;
    // The greeting is for people; a closed standard output is no reason to end.
    drop(io::stdout().write_all(welcome.as_bytes()));
    let writing = writer.run(async || Ok(Arc::clone(&store)));
    tokio::try_join!(async { Ok::<(), BoxError>(writing.await?) }, async {
        Ok(reading.ended().await?)
    },)?;
    Ok(())
}
