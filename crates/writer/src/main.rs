//! The command `writer`.

use std::{process::ExitCode, sync::Arc};

use bus::RedisBus;
use service::{Lifecycle, config::ProcessEnvironment, healthcheck, process::BoxError};
use tracing::info;
use writer::{
    App,
    config::{Config, PROGRAM},
    store::{
        Store, StoreError,
        postgres::{PostgresOptions, PostgresStore},
    },
};

fn main() -> ExitCode {
    let arguments = std::env::args_os();
    let check = healthcheck::intercept(
        &PROGRAM,
        "WRITER_ADMIN_LISTEN",
        arguments,
        &ProcessEnvironment,
    );
    if let Some(code) = check {
        return code;
    }
    match Config::read(std::env::args_os(), &ProcessEnvironment) {
        Ok(config) => {
            let process = config.process.clone();
            // Writers have no names of their own.
            let instance = uuid::Uuid::now_v7().to_string();
            service::process::run("writer", instance, &process, |lifecycle| {
                run(config, lifecycle)
            })
        }
        Err(exit) => exit.report(),
    }
}

async fn run(config: Config, lifecycle: Lifecycle) -> Result<(), BoxError> {
    let url = config.redis_url.expose();
    let bus = RedisBus::open_by(url, config.redis_ca_file.as_deref())?;
    let app = App::build(config.writer, Arc::new(bus), lifecycle)?;
    info!(
        version = env!("CARGO_PKG_VERSION"),
        listen = %app.listen_address()?,
        admin = %app.admin_address()?,
        "writer starts"
    );
    let url = config.database_url.expose();
    let open_store = async || open_store(url, config.migrate).await;
    Ok(app.run(open_store).await?)
}

async fn open_store(url: &str, migrate: bool) -> Result<Arc<dyn Store>, StoreError> {
    if migrate {
        PostgresStore::migrate(url).await?;
    }
    let store = PostgresStore::connect(url, PostgresOptions::default()).await?;
    Ok(Arc::new(store))
}
