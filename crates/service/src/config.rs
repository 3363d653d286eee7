//! Configuration: a table of settings, read once, with every problem reported together.
//!
//! Each [`Setting`] is an environment variable and a flag (`READER_LISTEN`, `--reader-listen`). A
//! flag beats the environment, which beats the default; an empty value counts as none. Nothing
//! here is global: arguments and environment are handed in, so tests use plain maps.
//!
//! ```
//! use service::config::{ConfigExit, Program, Setting, Settings};
//! use std::{collections::HashMap, net::SocketAddr};
//!
//! const SETTINGS: &[Setting] = &[Setting::new(
//!     "READER_LISTEN",
//!     Some("127.0.0.1:8081"),
//!     "Address and port of the data plane",
//! )];
//! const PROGRAM: Program = Program {
//!     name: "reader",
//!     version: "1.0.0",
//!     about: "Serves documents",
//!     tables: &[SETTINGS],
//! };
//!
//! struct Config {
//!     listen: SocketAddr,
//! }
//!
//! fn read(environment: &HashMap<String, String>) -> Result<Config, ConfigExit> {
//!     let mut settings = Settings::gather(&PROGRAM, ["reader"], environment)?;
//!     let listen = settings.address("READER_LISTEN");
//!     settings.finish(|| Ok(Config { listen: listen? }))
//! }
//!
//! let config = read(&HashMap::new()).expect("the default is valid");
//! assert_eq!(config.listen.port(), 8081);
//! ```

mod environment;
mod exit;
pub mod process;
mod program;
mod secret;
mod setting;
mod settings;
pub mod values;

pub use environment::{Environment, ProcessEnvironment};
pub use exit::ConfigExit;
pub use process::Process;
pub use program::Program;
pub use secret::{RedactedUrl, Secret};
pub use setting::{Setting, Shape};
pub use settings::{Rejected, Settings};
