//! Commands that documents tell people to type: taken out of the documents, and typed.

mod transcript;

use std::{
    ffi::OsString,
    fmt::Display,
    path::{Path, PathBuf},
    process::Command,
};

use fleet::binary;

use crate::files::text;

/// What begins a block that is run.
const FENCE: &str = "```sh";

/// The blocks of commands in a document, in their order.
#[derive(Debug)]
pub(crate) struct Document {
    file: String,
    blocks: Vec<Block>,
}

#[derive(Debug)]
struct Block {
    /// The heading above it.
    section: String,
    commands: String,
}

/// A shell with variables, as a reader of the document has it.
#[derive(Debug, Clone)]
pub(crate) struct Shell {
    /// What it is started by: somebody else's rights.
    before: Vec<OsString>,
    /// Where it is.
    directory: PathBuf,
    programs: Vec<PathBuf>,
    variables: Vec<(String, String)>,
    /// Said before every block.
    functions: &'static str,
}

/// What a block came to.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) output: String,
    /// On standard error.
    pub(crate) said: String,
}

impl Document {
    /// Reads a file of the repository.
    pub(crate) fn read(file: &str) -> Self {
        Self::parse(file, &text(file))
    }

    fn parse(file: &str, content: &str) -> Self {
        let (mut blocks, mut section) = (Vec::new(), String::new());
        let mut lines = content.lines();
        while let Some(line) = lines.next() {
            let inner = line.trim_start();
            let indent = line.len() - inner.len();
            if inner.starts_with("```") {
                let body = lines.by_ref().take_while(|line| line.trim() != "```");
                let body: Vec<&str> = body.map(|line| line.get(indent..).unwrap_or("")).collect();
                if inner == FENCE {
                    blocks.push(Block {
                        section: section.clone(),
                        commands: body.join("\n"),
                    });
                }
            } else if let Some(heading) = line.strip_prefix('#') {
                heading
                    .trim_start_matches('#')
                    .trim()
                    .clone_into(&mut section);
            }
        }
        Self {
            file: file.to_owned(),
            blocks,
        }
    }

    /// All the blocks of a section.
    ///
    /// # Panics
    /// There are more or fewer: a test has to say what becomes of each.
    pub(crate) fn blocks<const COUNT: usize>(&self, section: &str) -> [&str; COUNT] {
        let found = self.blocks.iter().filter(|block| block.section == section);
        let found: Vec<&str> = found.map(|block| block.commands.as_str()).collect();
        found.try_into().unwrap_or_else(|found: Vec<&str>| {
            panic!(
                "{}, {section}: {COUNT} blocks are known of {found:#?}",
                self.file
            )
        })
    }

    /// The sections with blocks, each once.
    pub(crate) fn sections(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.blocks.iter().map(|block| &*block.section).collect();
        all.dedup();
        all
    }
}

impl Shell {
    /// One in the root directory that finds our programs.
    ///
    /// # Panics
    /// They are not built.
    pub(crate) fn new() -> Self {
        let pressrun = binary("pressrun");
        Self::started_by(Vec::new()).finding(pressrun.parent().expect("a directory"))
    }

    /// One of somebody else: `before` starts a command with their rights.
    pub(crate) fn started_by(before: Vec<OsString>) -> Self {
        Self {
            before,
            directory: PathBuf::from("/"),
            programs: Vec::new(),
            variables: Vec::new(),
            functions: "",
        }
    }

    /// The same, in another directory than the root.
    #[must_use]
    pub(crate) fn within(self, directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            ..self
        }
    }

    /// The same, which finds the programs of a directory before others.
    #[must_use]
    pub(crate) fn finding(mut self, directory: &Path) -> Self {
        self.programs.push(directory.to_owned());
        self
    }

    /// The same, with a variable.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: &impl Display) -> Self {
        self.variables.push((name.to_owned(), value.to_string()));
        self
    }

    /// The same, with functions.
    #[must_use]
    pub(crate) fn knowing(self, functions: &'static str) -> Self {
        Self { functions, ..self }
    }

    /// Runs a block that succeeds, and gives what it wrote.
    ///
    /// # Panics
    /// A command of it fails.
    pub(crate) async fn run(&self, block: &str) -> Ended {
        let ended = self.attempt(block).await;
        assert_eq!(ended.code, Some(0), "{block}\n{ended:#?}");
        ended
    }

    /// Runs a block up to the first command that fails.
    pub(crate) async fn attempt(&self, block: &str) -> Ended {
        let mut command = self.command();
        command.args(["-euo", "pipefail", "-c"]);
        command.arg(format!("{}\n{block}", self.functions));
        let output = tokio::task::spawn_blocking(move || command.output());
        let output = output.await.expect("no panic").expect("bash runs");
        Ended {
            code: output.status.code(),
            output: String::from_utf8_lossy(&output.stdout).into_owned(),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn command(&self) -> Command {
        let bash = OsString::from("bash");
        let mut words = self.before.iter().chain([&bash]);
        let mut command = Command::new(words.next().unwrap_or(&bash));
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let inherited = std::env::split_paths(&inherited);
        let path = std::env::join_paths(self.programs.iter().cloned().chain(inherited));
        command
            .args(words)
            .current_dir(&self.directory)
            .env("PATH", path.expect("directories without a colon"))
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

#[test]
fn blocks_are_found_below_their_headings_without_their_indent() {
    let document = Document::parse(
        "a.md",
        "# One\n```sh\n# a comment\na\n```\n```json\n# none\n```\n## Two\n1. x\n\n   ```sh\n   b\n     c\n   ```\n",
    );
    assert_eq!(document.sections(), ["One", "Two"]);
    assert_eq!(document.blocks("One"), ["# a comment\na"]);
    assert_eq!(document.blocks("Two"), ["b\n  c"]);
}

#[tokio::test]
async fn block_ends_at_the_first_command_that_fails() {
    let ended = Shell::new()
        .with("WORD", &"said")
        .attempt("echo $WORD; false | cat; echo more")
        .await;
    assert_eq!((ended.code, ended.output.as_str()), (Some(1), "said\n"));
}
