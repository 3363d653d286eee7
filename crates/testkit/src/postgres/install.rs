//! PostgreSQL's programs, and the user that runs them.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use crate::process::find_program;

/// Where packages put the programs that Debian keeps out of `PATH`.
const PROGRAMS: &str = "/usr/lib/postgresql";

const INSTALL: &str = "apt-get install postgresql";

/// Makes an empty cluster in [`data`].
pub(super) fn initialise(programs: &Path, directory: &Path) {
    let mut command = as_server_user();
    give_to_server(directory);
    command.push(programs.join("initdb").into());
    run(Command::new(&command[0])
        .args(&command[1..])
        .args(["--username=postgres", "--auth=trust", "--no-sync"])
        .args(["--encoding=UTF8", "--locale=C", "--pgdata"])
        .arg(data(directory)));
}

/// Where a server's files are, below its directory.
pub(super) fn data(directory: &Path) -> PathBuf {
    directory.join("data")
}

/// The beginning of a command that runs as somebody but root, which PostgreSQL refuses: as the user
/// that its package brings. Empty for others.
pub(super) fn as_server_user() -> Vec<OsString> {
    let user = run(Command::new("id").arg("-u"));
    if user.trim() != "0" {
        return Vec::new();
    }
    [
        "setpriv",
        "--reuid=postgres",
        "--regid=postgres",
        "--clear-groups",
    ]
    .map(OsString::from)
    .to_vec()
}

/// Lets the server write to a path that root has made.
pub(super) fn give_to_server(path: &Path) {
    if !as_server_user().is_empty() {
        run(Command::new("chown").arg("postgres").arg(path));
    }
}

/// The newest installed version's programs.
pub(super) fn programs() -> PathBuf {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir(PROGRAMS)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|version| {
            let number = version.file_name().to_str()?.parse().ok()?;
            Some((number, version.path().join("bin")))
        })
        .collect();
    versions.sort_by(|a, b| b.cmp(a));
    let directories: Vec<PathBuf> = versions.into_iter().map(|(_number, path)| path).collect();
    let initdb = find_program("initdb", &directories, INSTALL);
    // PATH may hold a link to it, beside which `postgres` is not.
    let initdb = initdb.canonicalize().unwrap_or(initdb);
    initdb.parent().map(Path::to_owned).unwrap_or_default()
}

/// Its output.
fn run(command: &mut Command) -> String {
    let output = match command.current_dir("/").output() {
        Ok(output) => output,
        Err(error) => panic!("{command:?}: {error}"),
    };
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
