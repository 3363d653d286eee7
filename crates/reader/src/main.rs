//! The command `reader`.

use std::{process::ExitCode, sync::Arc};

use bus::{BusError, Follower, RedisBus};
use reader::{
    App,
    config::{Config, PROGRAM},
};
use service::{Lifecycle, config::ProcessEnvironment, healthcheck, process::BoxError};
use tracing::info;

fn main() -> ExitCode {
    let arguments = std::env::args_os();
    let check = healthcheck::intercept(
        &PROGRAM,
        "READER_ADMIN_LISTEN",
        arguments,
        &ProcessEnvironment,
    );
    if let Some(code) = check {
        return code;
    }
    match Config::read(std::env::args_os(), &ProcessEnvironment) {
        Ok(config) => {
            let process = config.process.clone();
            let instance = config.reader.id.clone();
            service::process::run("reader", instance, &process, |lifecycle| {
                run(config, lifecycle)
            })
        }
        Err(exit) => exit.report(),
    }
}

async fn run(config: Config, lifecycle: Lifecycle) -> Result<(), BoxError> {
    let open = || -> Result<Arc<dyn Follower>, BusError> {
        let url = config.redis_url.expose();
        let bus = RedisBus::open_by(url, config.redis_ca_file.as_deref())?;
        Ok(Arc::new(bus))
    };
    let id = config.reader.id.clone();
    let app = App::build(config.reader, open()?, "redis", lifecycle)?
        .keeping(config.local)
        .with_yardsticks(open)?;
    info!(
        version = env!("CARGO_PKG_VERSION"),
        id,
        listen = %app.listen_address()?,
        admin = %app.admin_address()?,
        "reader starts"
    );
    Ok(app.spawn()?.ended().await?)
}
