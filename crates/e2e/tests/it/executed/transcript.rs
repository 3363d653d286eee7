//! Blocks that show what their commands answer, in lines that begin with `#>`: some of the lines that
//! come, in their order. `…` stands for any text.

use testkit::eventually;

use super::{Ended, Shell};

const SHOWN: &str = "#> ";

/// Commands up to what they are to say.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    commands: String,
    shown: Vec<String>,
}

impl Shell {
    /// Runs a block, and compares what comes with what it shows.
    ///
    /// A step that changes nothing is taken again while it says something else: readers hear of a
    /// write a moment after it was acknowledged.
    ///
    /// # Panics
    /// Something else comes, or the block shows nothing.
    pub(crate) async fn follow(&self, block: &str) {
        let steps = steps(block);
        assert!(!steps.is_empty(), "it shows nothing: {block}");
        for step in steps {
            if step.changes() {
                let ended = self.run(&step.commands).await;
                assert!(step.is_shown_by(&ended), "{step:#?}\n{ended:#?}");
            } else {
                let what = format!("{} says {:#?}", step.commands, step.shown);
                eventually(&what, async || {
                    let ended = self.run(&step.commands).await;
                    step.is_shown_by(&ended).then_some(())
                })
                .await;
            }
        }
    }
}

impl Step {
    fn changes(&self) -> bool {
        let writes = [" -X ", " -d ", " -T", "import"];
        writes.iter().any(|option| self.commands.contains(option))
    }

    fn is_shown_by(&self, ended: &Ended) -> bool {
        let mut lines = ended.output.lines().chain(ended.said.lines());
        let mut comes = |shown: &String| lines.any(|line| is_like(line.trim_end(), shown));
        self.shown.iter().all(&mut comes)
    }
}

fn steps(block: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut commands: Vec<&str> = Vec::new();
    for line in block.lines() {
        match line.strip_prefix(SHOWN) {
            None => commands.push(line),
            Some(shown) => {
                if !commands.is_empty() {
                    steps.push(Step {
                        commands: commands.join("\n").trim().to_owned(),
                        shown: Vec::new(),
                    });
                    commands.clear();
                }
                let step = steps
                    .last_mut()
                    .expect("commands stand before what they say");
                step.shown.push(shown.to_owned());
            }
        }
    }
    assert!(
        commands.is_empty(),
        "nobody sees what comes of {commands:?}"
    );
    steps
}

/// Whether a line is as it is shown.
fn is_like(line: &str, shown: &str) -> bool {
    let mut parts = shown.split('…');
    let Some(mut rest) = line.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    rest.ends_with(last)
}

#[test]
fn lines_are_compared_but_for_what_is_left_out() {
    for (line, shown, expected) in [
        ("a", "a", true),
        ("ab", "a", false),
        ("a", "ab", false),
        ("abc", "a…c", true),
        ("abc", "a…b", false),
        ("abcde", "a…c…", true),
        ("abcde", "…d…c…", false),
        ("abcde", "…", true),
        ("ab", "a…ab", false),
    ] {
        assert_eq!(is_like(line, shown), expected, "{line} {shown}");
    }
}

#[test]
fn commands_are_parted_by_what_they_say() {
    let block = "# x\na \\\n  b\n#> one\n#> two\n\nc\n#> three";
    let found = steps(block);
    let found: Vec<(&str, usize)> = found
        .iter()
        .map(|step| (&*step.commands, step.shown.len()))
        .collect();
    assert_eq!(found, [("# x\na \\\n  b", 2), ("c", 1)]);
}

#[tokio::test]
async fn what_comes_otherwise_is_noticed() {
    let says = |commands: &str, shown: &[&str]| {
        let step = Step {
            commands: commands.to_owned(),
            shown: shown.iter().map(|&line| line.to_owned()).collect(),
        };
        async move { step.is_shown_by(&Shell::new().run(&step.commands).await) }
    };
    let commands = "echo one; echo two; echo three >&2";
    assert!(says(commands, &["one", "three"]).await);
    assert!(!says(commands, &["two", "one"]).await);
    assert!(!says(commands, &["four"]).await);
}
