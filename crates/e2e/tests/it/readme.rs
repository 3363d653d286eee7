//! `README.md` as somebody new to it follows it: its commands, and what it shows of their answers.

use std::{collections::BTreeSet, net::SocketAddr, path::Path};

use tempfile::TempDir;
use testkit::process::ServerProcess;

use fleet::{Fleet, Node, loopback};

use crate::{
    executed::{Document, Shell},
    files::text,
};

const FILE: &str = "README.md";

/// Sections with commands. Three are not followed, but for the names of their targets: the stack of
/// containers and its traces are not to be had here, and `make test` is what runs this.
const SECTIONS: &[&str] = &[
    "Quick start",
    "Apart: PostgreSQL, Redis, writers, readers",
    "The whole stack",
    "One trace of a write",
    "Who may write",
    "Bulk",
    "Tests",
];

/// `pressrun` as people have it who use its default addresses.
const PRESSRUN: &str = r#"
pressrun() {
    case "$*" in
        *--url*) command pressrun "$@" ;;
        import*) command pressrun "$@" --url "$WRITER" ;;
        export*) command pressrun "$@" --url "$WRITER_INTERNAL" ;;
        *) command pressrun "$@" ;;
    esac
}
"#;

#[test]
fn every_section_with_commands_is_known() {
    assert_eq!(Document::read(FILE).sections(), SECTIONS);
}

#[test]
fn every_target_that_documents_name_is_there() {
    let makefile = text("Makefile");
    let targets: BTreeSet<&str> = makefile
        .lines()
        .filter_map(|line| line.split_once(": ##"))
        .map(|(target, _help)| target)
        .collect();
    let mut named = 0;
    for file in [
        FILE,
        "CONTRIBUTING.md",
        "ARCHITECTURE.md",
        "deploy/BACKUP.md",
    ] {
        let content = text(file);
        let commands = content.split("`make ").skip(1);
        let commands = commands.chain(content.split("\nmake ").skip(1));
        for command in commands {
            let end = command.find(|letter: char| !letter.is_ascii_lowercase() && letter != '-');
            let target = &command[..end.unwrap_or(command.len())];
            assert!(targets.contains(target), "{file}: make {target}");
            named += 1;
        }
    }
    assert!(named > 15, "{named}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quick_start_and_bulk_show_what_comes() {
    let readme = Document::read(FILE);
    let [start, quick_start] = readme.blocks("Quick start");
    assert_eq!(start, "cargo run --release", "which is `pressrun`");
    let home = TempDir::with_prefix("readme-").expect("a temporary directory");
    let (dev, other) = (
        Dev::start(&home, "dev", &[]),
        Dev::start(&home, "other", &[]),
    );
    for dev in [&dev, &other] {
        dev.ready().await;
    }
    let shell = dev.shell(home.path());

    shell.follow(&dev.at_home(quick_start)).await;

    let [traced] = readme.blocks("One trace of a write");
    shell.follow(&dev.at_home(traced)).await;

    let [one_request, command] = readme.blocks("Bulk");
    shell.follow(&dev.at_home(one_request)).await;
    // The post of the quick start is not among what is told of.
    shell
        .run(&dev.at_home("curl -fsX DELETE http://127.0.0.1:8080/v1/posts/hello"))
        .await;
    let command = command.replace("http://other:8080", &format!("http://{}", other.writer));
    shell.follow(&dev.at_home(&command)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_asked_for_as_shown() {
    let readme = Document::read(FILE);
    let [new, use_it] = readme.blocks("Who may write");
    let home = TempDir::with_prefix("readme-").expect("a temporary directory");
    let shell = Shell::new().within(home.path());
    let said = shell.run(new).await.said;
    let secret = said.lines().last().expect("the secret");
    let tokens = format!("--writer-tokens-file={}/tokens", home.path().display());
    let dev = Dev::start(&home, "dev", &[tokens]);
    dev.ready().await;

    let shell = dev.shell(home.path()).with("SECRET", &secret);
    shell.follow(&dev.at_home(use_it)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_and_readers_start_apart_as_shown() {
    let readme = Document::read(FILE);
    let [_build, apart] = readme.blocks("Apart: PostgreSQL, Redis, writers, readers");
    let fleet = Fleet::start().await;
    let apart = apart
        .replace(
            "postgres://user:password@127.0.0.1/pressrun",
            &fleet.database_url,
        )
        .replace("redis://127.0.0.1", &fleet.redis.url());
    let nodes: Vec<Node> = apart
        .lines()
        .enumerate()
        .map(|(number, line)| start(line, &fleet.file(&number.to_string())))
        .collect();
    let [writer, readers @ ..] = &nodes[..] else {
        panic!("{apart}");
    };
    assert_eq!(readers.len(), 2, "{apart}");
    fleet.ready(writer).await;
    fleet.create(writer, "hello", "Printed once.").await;
    for reader in readers {
        fleet.until_served(reader, "hello", "Printed once.").await;
    }
}

/// Starts the program of a command, on addresses of its own.
fn start(command: &str, files: &Path) -> Node {
    let (command, _comment) = command.split_once('#').unwrap_or((command, ""));
    let mut words = command.split_whitespace().map(str::to_owned);
    let program = words.next().expect("a program");
    let mut arguments: Vec<String> = words.collect();
    let mut plane = |name: &str| {
        let flag = format!("--{program}-{name}");
        let address = loopback();
        match arguments.iter().position(|argument| *argument == flag) {
            Some(at) => arguments[at + 1] = address.to_string(),
            None => arguments.extend([flag, address.to_string()]),
        }
        address
    };
    let (listen, admin) = (plane("listen"), plane("admin-listen"));
    // No gateway has to notice their end.
    arguments.push("--drain-delay=0".to_owned());
    Node {
        process: fleet::start(&program, &arguments, files),
        listen,
        admin,
    }
}

/// `pressrun`, on addresses of its own.
struct Dev {
    _process: ServerProcess,
    writer: SocketAddr,
    writer_admin: SocketAddr,
    reader: SocketAddr,
    reader_admin: SocketAddr,
}

impl Dev {
    fn start(home: &TempDir, name: &str, more: &[String]) -> Self {
        let [writer, writer_admin, reader, reader_admin] = std::array::from_fn(|_| loopback());
        let files = home.path().join(name);
        let mut arguments = vec![
            format!("--data-dir={}", files.with_extension("data").display()),
            format!("--writer-listen={writer}"),
            format!("--writer-admin-listen={writer_admin}"),
            format!("--reader-listen={reader}"),
            format!("--reader-admin-listen={reader_admin}"),
        ];
        arguments.extend_from_slice(more);
        Self {
            _process: fleet::start("pressrun", &arguments, &files),
            writer,
            writer_admin,
            reader,
            reader_admin,
        }
    }

    async fn ready(&self) {
        let block = format!(
            "curl -sS --retry 60 --retry-delay 1 --retry-all-errors -f http://{}/readyz http://{}/health",
            self.reader_admin, self.writer
        );
        Shell::new().run(&block).await;
    }

    /// A shell that has it at the usual addresses.
    fn shell(&self, directory: &Path) -> Shell {
        Shell::new()
            .within(directory)
            .knowing(PRESSRUN)
            .with("WRITER", &format!("http://{}", self.writer))
            .with("WRITER_INTERNAL", &format!("http://{}", self.writer_admin))
    }

    /// A block that meets it where it is, rather than at the usual addresses.
    fn at_home(&self, block: &str) -> String {
        [
            (8080, self.writer),
            (8081, self.reader),
            (9180, self.writer_admin),
            (9181, self.reader_admin),
        ]
        .iter()
        .fold(block.to_owned(), |block, (port, address)| {
            block.replace(&format!("127.0.0.1:{port}"), &address.to_string())
        })
    }
}
